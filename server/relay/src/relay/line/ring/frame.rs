//! A frame: danmu as one event that is encoded once, with the position of each.

use std::sync::Arc;

use danmu::feed::{Item, Told};
use hyper::body::Bytes;

use super::super::sse;
use crate::relay::take::log_position::LogPosition;

/// What is at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A danmu.
    Danmu(Item),
    /// A retracted danmu: it is not sent, but keeps its position.
    Retracted,
    /// How many danmu of a second were dropped. Their position is the second's end, on every replica.
    Dropped(u32),
}

/// An entry of a frame, with its position.
#[derive(Clone, Debug)]
struct Mark {
    place: LogPosition,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Danmu,
    Retracted,
    /// How many were dropped.
    Dropped(u32),
}

/// The usual limit of entries in a frame: a relay that has just started reads minutes at once.
const MAX_FRAME: usize = 200;

/// An event, whose bytes are shared by all readers.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The event as it is sent. Its id is the last of its positions.
    pub bytes: Bytes,
    /// Its entries; none in other events (gap, state, retraction).
    marks: Arc<[Mark]>,
}

/// How many entries go into one frame. Entries at one position are never split: a viewer who resumes there has all of them.
pub fn frame_end(said: &[(LogPosition, Said)]) -> usize {
    let mut end = said.len().min(MAX_FRAME);
    while let (Some((last, _)), Some((next, _))) = (said[..end].last(), said.get(end))
        && last == next
    {
        end += 1;
    }
    end
}

impl Frame {
    /// A frame of these entries, if there are any, and its danmu again.
    pub fn new(said: Vec<(LogPosition, Said)>) -> Option<(Self, Vec<(LogPosition, Item)>)> {
        let (mut marks, mut items, mut told) = (Vec::with_capacity(said.len()), Vec::new(), Told::default());
        for (place, said) in said {
            let what = match said {
                Said::Danmu(item) => {
                    told.danmu.push(item);
                    items.push(place.clone());
                    What::Danmu
                }
                Said::Retracted => What::Retracted,
                Said::Dropped(dropped) => {
                    told.dropped = told.dropped.saturating_add(dropped);
                    What::Dropped(dropped)
                }
            };
            marks.push(Mark { place, what });
        }
        let frame = Self::encode(marks.into(), &told)?;
        Some((frame, items.into_iter().zip(told.danmu).collect()))
    }

    /// An event without entries (gap, state, retraction).
    pub fn of(event: Bytes) -> Self {
        Self { bytes: event, marks: Arc::default() }
    }

    /// The position after it; `None` for an event without entries.
    pub fn end(&self) -> Option<&LogPosition> {
        self.marks.last().map(|mark| &mark.place)
    }

    /// The number of danmu in it, retracted ones included: otherwise a viewer who got them would be told that it missed some.
    pub fn danmu(&self) -> u64 {
        self.marks.iter().filter(|mark| !matches!(mark.what, What::Dropped(_))).count() as u64
    }

    /// The frame without its retracted danmu, whose positions stay; `None` if it has none of them.
    pub fn without(&self, retracted: impl Fn(&Item) -> bool) -> Option<Self> {
        if self.marks.is_empty() {
            return None;
        }
        let mut told: Told = serde_json::from_slice(sse::data(&self.bytes)?).ok()?;
        let mut marks = self.marks.to_vec();
        let count = told.danmu.len();
        let of_danmu = marks.iter_mut().filter(|mark| mark.what == What::Danmu);
        let kept = std::mem::take(&mut told.danmu).into_iter().zip(of_danmu).filter_map(|(item, mark)| {
            if !retracted(&item) {
                return Some(item);
            }
            mark.what = What::Retracted;
            None
        });
        told.danmu = kept.collect();
        if told.danmu.len() == count { None } else { Self::encode(marks.into(), &told) }
    }

    /// The frame with only the entries at these positions; `None` if there are none. Needed since each replica splits frames at
    /// other positions.
    pub fn only(&self, wanted: impl Fn(&LogPosition) -> bool) -> Option<Self> {
        if self.marks.iter().all(|mark| wanted(&mark.place)) {
            return Some(self.clone());
        }
        let mut told: Told = serde_json::from_slice(sse::data(&self.bytes)?).ok()?;
        let mut danmu = std::mem::take(&mut told.danmu).into_iter();
        told.dropped = 0;
        let mut marks = Vec::new();
        for mark in self.marks.iter() {
            let item = if mark.what == What::Danmu { danmu.next() } else { None };
            if wanted(&mark.place) {
                told.danmu.extend(item);
                if let What::Dropped(dropped) = mark.what {
                    told.dropped = told.dropped.saturating_add(dropped);
                }
                marks.push(mark.clone());
            }
        }
        Self::encode(marks.into(), &told)
    }

    fn encode(marks: Arc<[Mark]>, told: &Told) -> Option<Self> {
        let end = marks.last()?.place.to_string();
        Some(Self { bytes: sse::event(None, Some(&end), told), marks })
    }
}
