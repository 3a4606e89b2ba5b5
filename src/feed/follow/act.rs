//! What the driver of a [`Follow`](super::Follow) has to do, and the way by which danmu come.

use super::super::Told;

/// The way by which danmu come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the relay.
    Relay,
    /// Read off the stream in this browser.
    Direct,
}

impl Way {
    /// Its name in the document and in messages between tabs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Direct => "direct",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Relay, Self::Direct].into_iter().find(|way| way.name() == name)
    }
}

/// An action for the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Take in what was told. Its danmu are new to this tab; they are live if `fresh`, else from before it came.
    Hear {
        /// What was told.
        told: Told,
        /// Whether its danmu are live.
        fresh: bool,
    },
    /// Show a gap: this many danmu, if known, will not come.
    Gap(Option<u64>),
    /// Post that to the other tabs.
    Post(String),
    /// Take the lock from the tab that holds it.
    Steal,
    /// Open the relay's feed from [`Follow::place`], in place of an open one. While it is open, the stream is not read.
    Open,
    /// Close it.
    Close,
    /// Read the stream from [`Follow::place`].
    Read,
    /// Stop reading the stream.
    Stop,
}
