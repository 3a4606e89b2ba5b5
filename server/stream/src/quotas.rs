//! Quotas that several layers of the endpoint share. Rate limits of shards are in [`limits`](crate::limits).

/// The most open shards of a stream: the [account limit] of the real service in its large regions.
///
/// [account limit]: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
pub const MAX_SHARDS: u32 = 500;
/// The largest request body, bytes: 10 MiB of records as base64 (13.4 MiB), 500 escaped partition keys, and some reserve.
pub const MAX_BODY: usize = 15 * 1024 * 1024;
/// The longest lifetime of a session, seconds.
pub(crate) const MAX_SECONDS: i64 = 43_200;
/// The lifetime of an iterator or a page token, milliseconds.
pub(crate) const ITERATOR_LIFE_MS: u64 = 300_000;
