//! What whoever drives a [`Follow`](super::Follow) has to do, and by which way danmu come.

use super::super::Told;

/// By which way danmu come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The relay tells them.
    Relay,
    /// They are read off the stream in this browser.
    Direct,
}

impl Way {
    /// Its name in the document, and among tabs.
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

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Take in what was told. Its danmu are new to this tab; they are of now if `fresh`, else of before it came.
    Hear {
        /// What was told.
        told: Told,
        /// Whether its danmu are of now.
        fresh: bool,
    },
    /// Say that so many danmu, where anybody knows, will not come.
    Gap(Option<u64>),
    /// Say that to the other tabs.
    Post(String),
    /// Take the lock from who holds it.
    Steal,
    /// Open the relay's feed from [`Follow::place`], instead of one that is open. As long as it is, the stream is not read.
    Open,
    /// Close it.
    Close,
    /// Read the stream from [`Follow::place`].
    Read,
    /// Stop that.
    Stop,
}
