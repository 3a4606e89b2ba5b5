//! The ids of the document's own elements, for who makes them and for who looks for them.

/// The element that the app is in: what other programs put into the body beside it does not concern it.
pub const APP_ID: &str = "app";
/// The element that has the app's HTML once more, to restore what other programs changed before hydration.
pub const COPY_ID: &str = "app-copy";
/// The element that says why the page did not start.
pub const FAILURE_ID: &str = "start-failure";
