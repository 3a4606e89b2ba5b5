//! Revocation: the embedding program denies sessions before they expire. Denials are described in
//! [`auth::denials`](crate::auth::denials).

use std::sync::Arc;

use crate::{
    Endpoint,
    arn::is_source_identity,
    auth::denials::{Denial, Whom},
    inner::Inner,
    store::StoreError,
};

/// A snapshot of the denials in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denied {
    /// Source identities, each with the expiry of its entry, milliseconds since the Unix epoch; sorted by name.
    pub sources: Vec<(String, i64)>,
    /// Access key ids, likewise.
    pub keys: Vec<(String, i64)>,
    /// Sessions issued before this time are denied, milliseconds since the Unix epoch; `None`: none are denied for their age.
    pub older_than_ms: Option<i64>,
}

/// Why a denial could not be made or withdrawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// A value that no session can have.
    #[error("{value:?} is no {what}: {rule}")]
    Invalid {
        /// The kind of value, such as "source identity".
        what: &'static str,
        /// As it was given.
        value: String,
        /// Its format.
        rule: &'static str,
    },
    /// The log could not be written. A new denial is still in force until this process ends.
    #[error("it could not be kept: {0}")]
    Log(String),
}

impl Endpoint {
    /// Denies every session of a source identity from the next request on, and refuses it new ones, for the longest session
    /// lifetime (12 hours): by then all earlier sessions have expired, and the entry is removed. To lock a source identity out
    /// for longer, stop requesting sessions for it. Returns when the denial is on disk.
    ///
    /// Clients see `AccessDeniedException`, "with an explicit deny", as when an IAM policy of the role denies them.
    ///
    /// # Errors
    /// [`RevokeError::Invalid`] for what cannot be a source identity (`[\w+=,.@-]{2,256}`), [`RevokeError::Log`] when the log
    /// cannot be written.
    pub async fn deny_source(&self, source_identity: &str) -> Result<(), RevokeError> {
        self.deny_sources(&[source_identity]).await
    }

    /// [`Endpoint::deny_source`] for many, with one write.
    ///
    /// # Errors
    /// As for [`Endpoint::deny_source`]; if one is invalid, none is denied.
    pub async fn deny_sources(&self, source_identities: &[&str]) -> Result<(), RevokeError> {
        let all = source_identities.iter().map(|name| source(name)).collect::<Result<_, _>>()?;
        self.deny(all).await
    }

    /// Withdraws [`Endpoint::deny_source`]: sessions that have not expired are valid again. Returns whether there was a denial
    /// to withdraw.
    ///
    /// # Errors
    /// As for [`Endpoint::deny_source`]; the denial then stays in force.
    pub async fn allow_source(&self, source_identity: &str) -> Result<bool, RevokeError> {
        Ok(self.allow_sources(&[source_identity]).await? > 0)
    }

    /// [`Endpoint::allow_source`] for many, with one write; returns how many denials were withdrawn.
    ///
    /// # Errors
    /// As for [`Endpoint::allow_source`].
    pub async fn allow_sources(&self, source_identities: &[&str]) -> Result<usize, RevokeError> {
        let all = source_identities.iter().map(|name| source(name)).collect::<Result<_, _>>()?;
        self.allow(all).await
    }

    /// Denies the one session with this access key id (`ASIA…`), otherwise like [`Endpoint::deny_source`].
    ///
    /// # Errors
    /// As for [`Endpoint::deny_source`].
    pub async fn deny_key(&self, access_key_id: &str) -> Result<(), RevokeError> {
        self.deny(vec![key(access_key_id)?]).await
    }

    /// Withdraws [`Endpoint::deny_key`], otherwise like [`Endpoint::allow_source`].
    ///
    /// # Errors
    /// As for [`Endpoint::allow_source`].
    pub async fn allow_key(&self, access_key_id: &str) -> Result<bool, RevokeError> {
        Ok(self.allow(vec![key(access_key_id)?]).await? > 0)
    }

    /// Denies every session that was issued before a time, milliseconds since the Unix epoch; a time in the future counts as
    /// now. Sessions issued later are valid. It cannot be withdrawn; a later time replaces an earlier one. On AWS, a role's
    /// policy does this with `DateLessThan` of `aws:TokenIssueTime`.
    ///
    /// # Errors
    /// [`RevokeError::Log`] if the log cannot be written.
    pub async fn revoke_older_than(&self, at_ms: i64) -> Result<(), RevokeError> {
        let entry = self.inner.denials.deny_older(at_ms.min(self.inner.clock.now_ms()));
        self.keep(vec![entry]).await
    }

    /// The denials in force now.
    #[must_use]
    pub fn denied(&self) -> Denied {
        let mut denied = Denied::default();
        for (whom, ms) in self.inner.denials.entries() {
            match whom {
                Whom::Source(name) => denied.sources.push((name, ms)),
                Whom::Key(id) => denied.keys.push((id, ms)),
                Whom::Older => denied.older_than_ms = Some(ms),
            }
        }
        denied.sources.sort_unstable();
        denied.keys.sort_unstable();
        denied
    }

    async fn deny(&self, all: Vec<Whom>) -> Result<(), RevokeError> {
        tracing::info!(?all, "sessions are denied");
        // In force at once; on disk before this returns.
        let now_ms = self.inner.clock.now_ms();
        let entries = all.into_iter().map(|whom| self.inner.denials.deny(whom, now_ms)).collect();
        self.keep(entries).await
    }

    async fn keep(&self, entries: Vec<Denial>) -> Result<(), RevokeError> {
        let keep = move |endpoint: &Inner| {
            let _turn = endpoint.denials.persisting();
            endpoint.denials.restore(&entries);
            endpoint.store.keep_denials(&entries)
        };
        on_disk(&self.inner, keep).await
    }

    async fn allow(&self, all: Vec<Whom>) -> Result<usize, RevokeError> {
        tracing::info!(?all, "sessions are to be denied no longer");
        let withdraw = move |endpoint: &Inner| {
            let _turn = endpoint.denials.persisting();
            endpoint.store.drop_denials(&all)?;
            Ok(all.iter().filter(|whom| endpoint.denials.allow(whom)).count())
        };
        on_disk(&self.inner, withdraw).await
    }
}

async fn on_disk<T: Send + 'static>(
    endpoint: &Arc<Inner>,
    write: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, RevokeError> {
    let endpoint = Arc::clone(endpoint);
    let written = tokio::task::spawn_blocking(move || write(&endpoint)).await;
    let failed = |error: &dyn std::fmt::Display| RevokeError::Log(error.to_string());
    written.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

fn source(name: &str) -> Result<Whom, RevokeError> {
    if is_source_identity(name) {
        return Ok(Whom::Source(name.to_owned()));
    }
    let (what, rule) = ("source identity", "2 to 256 of a-z, A-Z, 0-9, _, +, =, ,, ., @ and -");
    Err(RevokeError::Invalid { what, value: name.to_owned(), rule })
}

fn key(id: &str) -> Result<Whom, RevokeError> {
    if id.len() == 20 && id.starts_with("ASIA") && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(Whom::Key(id.to_owned()));
    }
    let (what, rule) = ("access key id of a session", "ASIA and 16 letters and digits");
    Err(RevokeError::Invalid { what, value: id.to_owned(), rule })
}
