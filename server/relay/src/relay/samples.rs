//! Samples for the relay's tests: numbered danmu on one shard.

use danmu::{
    feed::Item,
    kinesis::shard_map::{HashKeyRange, SequenceNumberRange, Shard},
    record::{Color, Mode},
    room::{Paces, Room, RoomId, Unsigned},
    viewer::Role,
};

use super::{
    line::ring::Said,
    take::log_position::{Lineage, LogPosition},
};

/// A room that also shows records without a ticket.
pub fn room() -> Room {
    Room {
        id: RoomId::demo(),
        title: String::new(),
        video: String::new(),
        poster: None,
        unsigned: Unsigned::Allow,
        paces: Paces::default(),
    }
}

/// One shard.
pub fn shard() -> Shard {
    Shard {
        shard_id: "s".into(),
        parent_shard_id: None,
        adjacent_parent_shard_id: None,
        hash_key_range: HashKeyRange::ALL,
        sequence_number_range: SequenceNumberRange::default(),
    }
}

/// The lineage of that shard.
pub fn lineage() -> Lineage {
    lineage_of(1)
}

/// The same, of a stream created at `created_ms`.
pub fn lineage_of(created_ms: i64) -> Lineage {
    let mut lineage = Lineage::new(created_ms);
    lineage.learn(&[shard()], "demo");
    lineage
}

/// The position of danmu `n`, which arrived at millisecond `n`.
pub fn place(n: u64) -> LogPosition {
    lineage().place("s", &n.to_string(), n as i64).expect("a place")
}

/// Danmu `n`, whose text is its number, with its position.
pub fn danmu(n: u64) -> (LogPosition, Said) {
    (place(n), Said::Danmu(item(n)))
}

/// The same without its position.
pub fn item(n: u64) -> Item {
    Item {
        id: format!("s{n}"),
        text: n.to_string(),
        mode: Mode::default(),
        color: Color::default(),
        at: n as i64,
        name: None,
        viewer: None,
        role: Role::default(),
        n: 1,
    }
}
