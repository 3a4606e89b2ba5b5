//! The tokens of a signed-in user.

/// The tokens of one sign-in. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Says who the user is: a JWT, to be verified by the party that relies on it.
    pub id_token: String,
    /// Lets its bearer act for the user at the pool.
    pub access_token: String,
    /// Gets new tokens; a provider may give none.
    pub refresh_token: Option<String>,
    /// The key of the remembered device, which has to be sent with the refresh token.
    pub device_key: Option<String>,
    /// When the first two expire, in Unix milliseconds, by the clock that `now_ms` came from.
    pub expires_ms: i64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("expires_ms", &self.expires_ms).finish_non_exhaustive()
    }
}
