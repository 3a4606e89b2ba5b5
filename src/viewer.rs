//! Viewers: who said something, where that is known.

use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;

/// The id of a viewer: 1 to 64 visible ASCII characters. Cheap to clone; it stands in much that is remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(Arc<str>);

impl ViewerId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 64;
}

/// Why a text is not a viewer id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a viewer id is 1 to {max} visible ASCII characters", max = ViewerId::MAX_LEN)]
pub struct ViewerIdError;

impl FromStr for ViewerId {
    type Err = ViewerIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into())).ok_or(ViewerIdError)
    }
}

impl fmt::Display for ViewerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_can_be_seen() {
        for text in ["a", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", &"x".repeat(64)] {
            assert_eq!(text.parse::<ViewerId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "a b", "é", "a\n", &"x".repeat(65)] {
            assert_eq!(text.parse::<ViewerId>(), Err(ViewerIdError), "{text:?}");
        }
    }
}
