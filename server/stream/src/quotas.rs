//! How much of anything there may be, for all layers of the endpoint. What a shard takes and gives a second is in
//! [`limits`](crate::limits).

/// Open shards of a stream at most: the [account limit] of the real service in its large regions.
///
/// [account limit]: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
pub const MAX_SHARDS: u32 = 500;
/// The largest request body, bytes: 10 MiB of records as base64 (13.4 MiB), 500 escaped partition keys, and room.
pub const MAX_BODY: usize = 15 * 1024 * 1024;
/// The longest that a session lives, seconds.
pub(crate) const MAX_SECONDS: i64 = 43_200;
/// How long an iterator or a page token lives, milliseconds.
pub(crate) const ITERATOR_LIFE_MS: u64 = 300_000;
