//! The address of a database of PostgreSQL, as the settings have it. Promises: its password is in no text but [`StoreUrl::secret`].

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use thiserror::Error;

/// The form, for errors.
const FORM: &str = "postgres://user:password@host:5432/database?sslmode=verify-full";
/// The parameters that an address may have.
const PARAMETERS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"];

/// The address of a database of PostgreSQL. Both `Display` and `Debug` leave out the password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    secret: String,
    shown: String,
    tls: &'static str,
}

/// Why a text is no address of a store. Never says the text, which may have a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreUrlError {
    /// It begins with another scheme than PostgreSQL's.
    #[error("{0:?} is no database for the store: it is {FORM}; for SQLite, in the directory stream.data, leave it out")]
    Scheme(String),
    /// It is no URL, or a part of it is missing or wrong.
    #[error("{0}; the store's address is {FORM}, with other characters than letters and digits in the password as %XX")]
    Malformed(String),
    /// It has a parameter that means nothing here.
    #[error("{0:?} is no parameter of the store's address; there are {all}", all = PARAMETERS.join(", "))]
    Parameter(String),
}

impl StoreUrl {
    /// The address with its password.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// What the connection protects against, in words.
    #[must_use]
    pub const fn protection(&self) -> &'static str {
        self.tls
    }
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        let after = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let Some(after) = after else {
            // No more of it than a scheme can be: it may be a password.
            let is_scheme = |scheme: &&str| scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
            return Err(StoreUrlError::Scheme(scheme.filter(is_scheme).unwrap_or_default().to_owned()));
        };
        let malformed = |reason: &str| StoreUrlError::Malformed(reason.to_owned());
        let (place, parameters) = after.split_once('?').unwrap_or((after, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        // Where a part of the password could be taken for another part, which is shown, nothing is taken for anything.
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '#';
        if after.contains(is_odd)
            || authority.matches('@').count() > 1
            || database.contains(['@', '/', ':'])
            || parameters.contains(['@', '?'])
        {
            return Err(malformed("it has a blank or one of @ / : ? # where none can be"));
        }
        for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
            if !PARAMETERS.contains(&&*name) {
                return Err(StoreUrlError::Parameter(name.chars().take(40).collect()));
            }
            // sqlx would take it for "disable".
            if name == "sslmode" && value == "allow" {
                return Err(StoreUrlError::Malformed("sslmode=allow is not supported; take prefer".to_owned()));
            }
        }
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host.is_empty() || host.starts_with(':') {
            return Err(malformed("it names no host"));
        }
        if database.is_empty() {
            return Err(malformed("it names no database"));
        }
        let options = text.parse::<PgConnectOptions>().map_err(|error| match error {
            sqlx::Error::Configuration(reason) => StoreUrlError::Malformed(reason.to_string()),
            _ => malformed("it cannot be read"),
        })?;
        let host = match options.get_socket() {
            Some(socket) => Cow::Owned(socket.display().to_string()),
            None => Cow::Borrowed(options.get_host()),
        };
        let (user, port, database) = (options.get_username(), options.get_port(), options.get_database());
        let shown = format!("postgres://{user}@{host}:{port}/{}", database.unwrap_or_default());
        let tls = match options.get_ssl_mode() {
            PgSslMode::Allow | PgSslMode::Disable => "not encrypted",
            PgSslMode::Prefer => "encrypted where the database offers that, its certificate is not checked",
            PgSslMode::Require => "encrypted, the certificate is not checked",
            PgSslMode::VerifyCa => "encrypted, the certificate is checked, but not its name",
            PgSslMode::VerifyFull => "encrypted, the certificate is checked",
        };
        Ok(Self { secret: text.to_owned(), shown, tls })
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() -> Result<(), StoreUrlError> {
        let url: StoreUrl = "postgres://danmu:s%40cret@db.example:5433/shows?sslmode=verify-full".parse()?;
        assert_eq!(url.to_string(), "postgres://danmu@db.example:5433/shows");
        assert_eq!(format!("{url:?}"), "StoreUrl(postgres://danmu@db.example:5433/shows)");
        assert_eq!(url.protection(), "encrypted, the certificate is checked");
        assert!(url.secret().contains("s%40cret"));
        let plain: StoreUrl = "postgresql://danmu@db.example/shows?sslmode=disable".parse()?;
        assert_eq!(
            (plain.to_string(), plain.protection()),
            ("postgres://danmu@db.example:5432/shows".into(), "not encrypted")
        );
        assert_eq!(
            "postgres://danmu@%2Frun%2Fpg/shows".parse::<StoreUrl>()?.to_string(),
            "postgres://danmu@/run/pg:5432/shows"
        );
        Ok(())
    }

    #[test]
    fn what_cannot_be_a_store_is_refused_with_the_way_out_and_without_its_password() {
        for (text, why) in [
            ("sqlite:/var/secret/danmu.db", "leave it out"),
            ("mysql://danmu:secret@db/shows", "\"mysql\" is no database"),
            ("secret", "leave it out"),
            ("secret secret:x", "leave it out"),
            ("postgres:danmu:secret@db/shows", "postgres://user:password@host"),
            ("postgres://danmu:secret@db", "no database"),
            ("postgres://danmu:secret@db/", "no database"),
            ("postgres://danmu:secret@/shows", "no host"),
            ("postgres://danmu:secret@:5432/shows", "no host"),
            ("postgres://danmu:secret@db:port/shows", "port"),
            ("postgres://danmu:sec#ret@db/shows", "%XX"),
            ("postgres://danmu:sec/ret@db/shows", "%XX"),
            ("postgres://danmu:sec ret@db/shows", "%XX"),
            ("postgres://danmu:sec@ret@db/shows", "%XX"),
            ("postgres://danmu:sec@ret/1@db/shows", "%XX"),
            ("postgres://danmu:1@sec/ret@db/shows", "%XX"),
            ("postgres://danmu:1/sec@ret/shows", "%XX"),
            ("postgres://danmu:1?sec@db/shows", "%XX"),
            ("postgres://danmu:1/2?sec@db/shows", "%XX"),
            ("postgres://danmu:1#sec@db/shows", "%XX"),
            ("postgres://danmu@db/shows?password=secret", "\"password\" is no parameter"),
            ("postgres://danmu@db/shows?sslmode=secret", "sslmode"),
            ("postgres://danmu@db/shows?sslmode=allow", "prefer"),
        ] {
            let error = text.parse::<StoreUrl>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
            let hidden = error.replace("sslmode=verify-full", "");
            assert!(
                text.contains("sslmode=secret") || !hidden.contains("secret") && !hidden.contains("sec"),
                "{text}: {error}"
            );
        }
    }
}
