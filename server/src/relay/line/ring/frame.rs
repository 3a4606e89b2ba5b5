//! A frame: what was said, as one event that is encoded once, and where each of it stands.

use std::sync::Arc;

use danmu::feed::{Item, Told};
use hyper::body::Bytes;

use super::super::sse;
use crate::relay::take::log_position::LogPosition;

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A danmu.
    Danmu(Item),
    /// A danmu that is retracted: nobody is told of it, and its place stays.
    Retracted,
    /// So many that nobody is shown. Their place is the end of their second, on every replica.
    Dropped(u32),
}

/// Where something stands that a frame tells.
#[derive(Clone, Debug)]
struct Mark {
    place: LogPosition,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Danmu,
    Retracted,
    /// So many were left out.
    Dropped(u32),
}

/// The most danmu in one frame: a relay that has just begun reads minutes at once.
const MAX_FRAME: usize = 200;

/// An event that is shared by all who are told of it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// As it is sent. Its id is the last of its places.
    pub bytes: Bytes,
    /// Where what it tells stands; empty for what is no frame.
    marks: Arc<[Mark]>,
}

/// How much of this goes into one frame. What stands at one place is never parted: who goes on from there has all of it.
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
    /// The event of what was said, if there is something, and its danmu again.
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

    /// An event that tells of nothing that was said.
    pub fn of(event: Bytes) -> Self {
        Self { bytes: event, marks: Arc::default() }
    }

    /// The place after it; none after what is no frame.
    pub fn end(&self) -> Option<&LogPosition> {
        self.marks.last().map(|mark| &mark.place)
    }

    /// Danmu in it; those that are retracted by now count on, so that nobody who was told of them is told that it missed some.
    pub fn danmu(&self) -> u64 {
        self.marks.iter().filter(|mark| !matches!(mark.what, What::Dropped(_))).count() as u64
    }

    /// The frame without the danmu that are retracted, whose places stay; `None` where it has none of them.
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

    /// The frame with that alone which stands at these places; `None` where nothing does. Another server cuts its frames
    /// elsewhere.
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
