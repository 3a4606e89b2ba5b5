//! The identity pool, as the operator writes it down.

use danmu::cognito::identity_pool::IdentityPool;
use serde::Deserialize;

use crate::oidc::is_safe;

/// An Amazon Cognito identity pool that sessions' credentials come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityPoolSettings {
    /// Its id: a region, a colon and a UUID.
    pub id: String,
    /// The ARNs of its roles, the members' and the guests': they deny who is banned.
    pub roles: Vec<String>,
    /// Whether it has guests: unauthenticated identities. Default yes; if not, only who is signed in can speak.
    #[serde(default = "yes")]
    pub guests: bool,
    /// Where its API is, if not at AWS' own address.
    pub endpoint: Option<String>,
}

fn yes() -> bool {
    true
}

impl IdentityPoolSettings {
    /// Looks whether the settings make sense.
    ///
    /// # Errors
    /// A setting, its value, and what it should be.
    pub fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        if self.pool().check().is_err() {
            let reason = "a pool's id is a region, a colon and a UUID";
            return Err(("vending.identity_pool.id", self.id.clone(), reason));
        }
        if self.roles.is_empty() {
            return Err((
                "vending.identity_pool.roles",
                "(none)".into(),
                "they name the roles of the pool's identities",
            ));
        }
        if let Some(endpoint) = self.endpoint.as_ref().filter(|endpoint| !is_safe(endpoint)) {
            let reason = "an https address is needed; http does on this machine alone";
            return Err(("vending.identity_pool.endpoint", endpoint.clone(), reason));
        }
        Ok(())
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> IdentityPool {
        IdentityPool { id: self.id.clone(), endpoint: self.endpoint.clone() }
    }
}
