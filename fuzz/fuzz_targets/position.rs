//! A place in a feed, as a client hands it back: what is read is written the same, and nothing else is.

#![no_main]

use danmu::feed::FeedToken;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(position) = text.parse::<FeedToken>() {
        assert_eq!(position.to_string(), text);
        let again = FeedToken::new(
            position.created_ms(),
            position.shard_id(),
            position.sequence_number(),
            position.arrival_ms(),
        );
        assert_eq!(again, Ok(position));
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "it could not stand in an address");
    }
});
