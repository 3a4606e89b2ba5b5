//! The events of a feed that are no danmu.

use danmu::feed::{self, Told};
use hyper::body::Bytes;

use super::{super::take::log_position::LogPosition, sse};

/// The event that tells what was missed, as far as anybody knows how many, and from where the viewer goes on if that is not
/// where it was.
pub fn gap(place: Option<&LogPosition>, missed: Option<u64>) -> Bytes {
    let id = place.map(ToString::to_string);
    sse::event(Some(feed::GAP), id.as_deref(), &Told { missed, ..Told::default() })
}

/// The event that tells how the reading goes, and to one whose absence is over the place at which it is.
pub fn state((reading, behind_ms): (feed::Reading, i64), place: Option<&LogPosition>) -> Bytes {
    let id = place.map(ToString::to_string);
    sse::event(Some(feed::STATE), id.as_deref(), &Told { reading: Some(reading), behind_ms, ..Told::default() })
}
