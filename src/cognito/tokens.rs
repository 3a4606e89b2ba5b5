//! What somebody who signed in holds.

/// The tokens of one sign-in. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Says who it is: a JWT for whoever relies on it, after verification.
    pub id_token: String,
    /// Lets its bearer act for the user at the pool.
    pub access_token: String,
    /// Gets new tokens; a provider may give none.
    pub refresh_token: Option<String>,
    /// The device that the pool remembers the browser as, which has to be named with the refresh token.
    pub device_key: Option<String>,
    /// When the first two end, in Unix milliseconds, by the clock that `now_ms` came from.
    pub expires_ms: i64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("expires_ms", &self.expires_ms).finish_non_exhaustive()
    }
}
