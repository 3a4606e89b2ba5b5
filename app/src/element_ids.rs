//! The ids of the document's own elements, shared by the server that writes them and the browser that looks them up.

/// The app's root element; what other programs put into the body beside it is ignored.
pub const APP_ID: &str = "app";
/// The element that holds a copy of the app's HTML, to restore what other programs changed before hydration.
pub const COPY_ID: &str = "app-copy";
/// The element that says why the page did not start.
pub const FAILURE_ID: &str = "start-failure";
