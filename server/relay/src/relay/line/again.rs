//! Refill of a room: its records are judged and thinned as when they were new, but by the bans that are known now.

use std::sync::Arc;

use danmu::{gate::REMEMBERED_MS, kinesis::Record, room::Room};
use danmu_identity::identity::RecordVerifier;

use super::{super::take::judge::Judge, chooser::Chooser, feed::RoomFeed, refill::Again, retracted::retract};

/// A room, as the refill reads it.
pub fn again(room: &Room, feed: &Arc<RoomFeed>, verifier: &Arc<RecordVerifier>, density: u32) -> Again {
    let (room, verifier) = (room.clone(), Arc::clone(verifier));
    let (key, lineage, bans) = (room.id.as_str().to_owned(), feed.lineage.clone(), feed.bans.clone());
    let (shards, known) = (lineage.clone(), bans.clone());
    let judge = Box::new(move || {
        let mut judge = Judge::new(&room, known.clone(), shards.clone(), Arc::clone(&verifier));
        let mut chooser = Chooser::new(density, known.clone());
        Box::new(move |record: &Record, shown: &mut Vec<_>| {
            let judged = judge.judge(record).ok()?;
            let place = judged.place.clone();
            chooser.choose(judged, shown);
            Some(place)
        }) as _
    });
    let retract = Box::new(move |said: &mut [_]| retract(&bans, said));
    Again { key, lineage, judge, retract, warm_up_ms: REMEMBERED_MS }
}
