//! Settings of the identity pool.

use danmu::cognito::identity_pool::IdentityPool;
use danmu_identity::oidc::is_safe;
use serde::Deserialize;

/// The Amazon Cognito identity pool that issues sessions' credentials.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityPoolSettings {
    /// Its id: a region, a colon and a UUID.
    pub id: String,
    /// The ARNs of its roles, for members and for guests: their policies deny banned viewers.
    pub roles: Vec<String>,
    /// Whether the pool allows guests (unauthenticated identities). Default yes; if not, only members can speak.
    #[serde(default = "yes")]
    pub guests: bool,
    /// Its API endpoint, if not AWS' own.
    pub endpoint: Option<String>,
}

fn yes() -> bool {
    true
}

impl IdentityPoolSettings {
    /// Validates the settings.
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
