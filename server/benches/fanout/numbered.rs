//! Danmu that are told apart by their numbers.

use danmu::record::RecordId;

/// What fills a text, bytes.
pub const FILL: usize = 85;

/// The text of a number.
pub fn text(number: u32) -> String {
    // As many characters as a danmu may have; with what is around it about 200 bytes.
    format!("n{number:08} {}", "x".repeat(FILL))
}

/// The id of a number.
pub fn id(number: u32) -> RecordId {
    RecordId::new(1, u128::from(number))
}
