//! Ranks as numbers, as the tables have them.

use danmu::viewer::Rank;

/// A rank's number in the table.
pub(super) const fn number(rank: Rank) -> i64 {
    match rank {
        Rank::Moderator => 0,
        Rank::Streamer => 1,
        Rank::Operator => 2,
    }
}

/// A higher number, from a newer server with more ranks, reads as the highest rank known here.
pub(super) const fn rank(number: i64) -> Rank {
    match number {
        ..1 => Rank::Moderator,
        1 => Rank::Streamer,
        2.. => Rank::Operator,
    }
}
