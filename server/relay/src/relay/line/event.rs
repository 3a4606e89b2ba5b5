//! The events of a feed that carry no danmu.

use danmu::{
    feed::{self, Told},
    room::Modes,
};
use hyper::body::Bytes;

use super::{super::take::log_position::LogPosition, sse};

/// The event of a gap: how many danmu were missed, if known, and the position from which the viewer goes on, if that is not
/// where it was.
pub fn gap(place: Option<&LogPosition>, missed: Option<u64>) -> Bytes {
    let id = place.map(ToString::to_string);
    sse::event(Some(feed::GAP), id.as_deref(), &Told { missed, ..Told::default() })
}

/// The event of the reader's state; for a viewer whose absence is over, with its position.
pub fn state((reading, behind_ms): (feed::Reading, i64), place: Option<&LogPosition>) -> Bytes {
    let id = place.map(ToString::to_string);
    sse::event(Some(feed::STATE), id.as_deref(), &Told { reading: Some(reading), behind_ms, ..Told::default() })
}

/// The event of the room's modes, which have changed.
pub fn modes(modes: Modes) -> Bytes {
    sse::event(None, None, &Told { modes: Some(modes.into()), ..Told::default() })
}
