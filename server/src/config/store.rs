//! Settings of the store.

use danmu_identity::store::StoreUrl;
use serde::Deserialize;

use super::Config;

/// The store: bans, rooms, streamer keys, invitations, the audit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The database of PostgreSQL that keeps it, which servers share that have no directory in common:
    /// `postgres://user:password@host:port/database?sslmode=verify-full`. Default none: SQLite, `danmu.db` in `stream.data`.
    pub url: Option<StoreUrl>,
}

impl Config {
    /// Where the store is, in words.
    pub(super) fn explain_store(&self) -> String {
        match &self.store.url {
            Some(url) => format!("{url}, {}", url.protection()),
            None => format!("SQLite, danmu.db in {}", self.stream.data.display()),
        }
    }
}

/// A text without the passwords of addresses in it: a file that cannot be read is cited in the error.
pub(super) fn without_passwords(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("://") {
        shown.extend([before, "://"]);
        // Up to the last @ of the line: a password may have one, though it should not.
        let line = after.find(['\n', '\r']).unwrap_or(after.len());
        rest = match after[..line].rfind('@') {
            Some(at) => {
                let user = after[..at].split(':').next().unwrap_or_default();
                shown.extend([user, if user.len() < at { ":***" } else { "" }]);
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_an_address_is_left_in_a_text() {
        for (text, shown) in [
            ("url = postgres://a:b@c/d", "url = postgres://a:***@c/d"),
            (
                "1 | postgres://a:b:@x@c/d\n2 | https://x:y@z and no more",
                "1 | postgres://a:***@c/d\n2 | https://x:***@z and no more",
            ),
            ("https://a@b, https://c/d", "https://a@b, https://c/d"),
            ("postgres://a:b", "postgres://a:b"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_passwords(text), shown, "{text}");
        }
    }
}
