//! What the sessions of a viewer are called at AWS.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::viewer::ViewerId;
use sha2::{Digest, Sha256};

/// The name of a viewer's sessions in the logs of AWS, and their source identity: `[\w+=,.@-]{2,64}`
/// ([AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)). An id that does not fit stands there
/// as what it hashes to.
#[must_use]
pub fn session_name(viewer: &ViewerId) -> String {
    let id = viewer.as_str();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if id.len() >= 2 && id.bytes().all(allowed) {
        id.to_owned()
    } else {
        // No other id is written so: `=` never begins one of ours.
        format!("={}", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(id.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_session_is_the_viewers_where_aws_takes_it() {
        let name = |id: &str| session_name(&id.parse().expect("an id"));
        assert_eq!(name(ViewerId::guest(7).as_str()), ViewerId::guest(7).as_str());
        assert_eq!(name("ann@example.com"), "ann@example.com");
        for id in ["a", "https://issuer.example|ann", &"/".repeat(64)] {
            let name = name(id);
            assert!((2..=64).contains(&name.len()), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)), "{name}");
        }
        assert_ne!(name("a/b"), name("a/c"));
    }
}
