//! A user pool that a page signs in to.

use danmu_partitions::Partition;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A Cognito user pool and the page's app client. The client has no secret: a page could not keep one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPool {
    /// Its id: a region, `_`, and a name of letters and digits (`us-east-1_AbCdEfGhI`).
    pub id: String,
    /// The id of the app client.
    pub client_id: String,
    /// The endpoint of its API, where that is not AWS' own of the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Why a text is not a user pool's id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no id of a user pool; one is a region, _ and up to 55 letters and digits: us-east-1_AbCdEfGhI")]
pub struct PoolError(pub String);

impl UserPool {
    /// Checks the form of the id.
    ///
    /// # Errors
    /// [`PoolError`]; the pattern is that of [UserPoolType](https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolType.html).
    pub fn check(&self) -> Result<(), PoolError> {
        let fits = self.id.split_once('_').is_some_and(|(region, name)| {
            let of_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !region.is_empty()
                && region.bytes().all(of_region)
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        (fits && self.id.len() <= 55).then_some(()).ok_or_else(|| PoolError(self.id.clone()))
    }

    /// Its region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.id.split_once('_').map_or("", |(region, _)| region)
    }

    /// Its id without the region, which every SRP proof includes.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.split_once('_').map_or("", |(_, name)| name)
    }

    /// The issuer (`iss`) of its tokens, which is also where its keys are published.
    #[must_use]
    pub fn issuer(&self) -> String {
        ["https://", &self.provider()].concat()
    }

    /// Its name as a provider of an identity pool.
    #[must_use]
    pub fn provider(&self) -> String {
        [&self.host(), "/", &self.id].concat()
    }

    /// The endpoint of its API.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let own = || ["https://", &self.host(), "/"].concat();
        self.endpoint.clone().unwrap_or_else(own)
    }

    fn host(&self) -> String {
        Partition::of(self.region()).host("cognito-idp", self.region())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_s_addresses_follow_from_its_id() {
        let pool = UserPool { id: "eu-west-1_AbC123".into(), client_id: "c".into(), endpoint: None };
        assert_eq!(pool.check(), Ok(()));
        assert_eq!(pool.name(), "AbC123");
        assert_eq!(pool.issuer(), "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123");
        assert_eq!(pool.provider(), "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC123");
        assert_eq!(pool.endpoint(), "https://cognito-idp.eu-west-1.amazonaws.com/");
        let sovereign = UserPool { id: "eusc-de-east-1_AbC123".into(), ..pool.clone() };
        assert_eq!(sovereign.issuer(), "https://cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_AbC123");
        let pool = UserPool { endpoint: Some("http://127.0.0.1:5000/".into()), ..pool };
        assert_eq!(pool.endpoint(), "http://127.0.0.1:5000/");
    }

    #[test]
    fn what_is_no_id_is_named() {
        for id in [
            "",
            "AbC123",
            "_AbC",
            "eu-west-1_",
            "eu-west-1_a b",
            "EU_a",
            "eu-west-1_a_b",
            &format!("eu_{}", "a".repeat(53)),
        ] {
            let pool = UserPool { id: id.into(), client_id: String::new(), endpoint: None };
            assert_eq!(pool.check(), Err(PoolError(id.into())), "{id}");
        }
    }
}
