//! Denying sessions before they expire, as the program that embeds the endpoint asks for it. What a denial is stands in
//! [`auth::denials`](crate::auth::denials).

use std::sync::Arc;

use crate::{
    Endpoint,
    arn::is_source_identity,
    auth::denials::{Denial, Whom},
    inner::Inner,
    store::StoreError,
};

/// What is denied at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denied {
    /// Source identities, each with when its entry goes, milliseconds since the Unix epoch; by name.
    pub sources: Vec<(String, i64)>,
    /// Access key ids, likewise.
    pub keys: Vec<(String, i64)>,
    /// Sessions issued before then, milliseconds since the Unix epoch; `None`: none are denied for their age.
    pub older_than_ms: Option<i64>,
}

/// Why a denial could not be made, or taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// What no session can have.
    #[error("{value:?} is no {what}: {rule}")]
    Invalid {
        /// What it should be.
        what: &'static str,
        /// As it was given.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
    /// The log refused to keep it. A denial is in force all the same, until this process ends.
    #[error("it could not be kept: {0}")]
    Log(String),
}

impl Endpoint {
    /// Denies every session of a source identity from the next request on, and refuses it new ones, for as long as a session
    /// can live (12 hours): then all that there were have expired, and the entry goes. Nobody else is touched. Whoever is to
    /// be kept out for longer must not be given sessions any more. Comes back when it is on disk.
    ///
    /// Clients see `AccessDeniedException`, "with an explicit deny", as they do where an IAM policy of the role denies them.
    ///
    /// # Errors
    /// [`RevokeError::Invalid`] for what cannot be a source identity (`[\w+=,.@-]{2,256}`), [`RevokeError::Log`] when the log
    /// cannot be written.
    pub async fn deny_source(&self, source_identity: &str) -> Result<(), RevokeError> {
        self.deny_sources(&[source_identity]).await
    }

    /// The same of many, by one write.
    ///
    /// # Errors
    /// As of [`Endpoint::deny_source`]; of what is invalid none is denied.
    pub async fn deny_sources(&self, source_identities: &[&str]) -> Result<(), RevokeError> {
        let all = source_identities.iter().map(|name| source(name)).collect::<Result<_, _>>()?;
        self.deny(all).await
    }

    /// Takes [`Endpoint::deny_source`] back: sessions that have not expired may go on. Says whether there was something to
    /// take back.
    ///
    /// # Errors
    /// As of [`Endpoint::deny_source`]; it is denied still then.
    pub async fn allow_source(&self, source_identity: &str) -> Result<bool, RevokeError> {
        Ok(self.allow_sources(&[source_identity]).await? > 0)
    }

    /// The same of many, by one write; of how many there was something to take back.
    ///
    /// # Errors
    /// As of [`Endpoint::allow_source`].
    pub async fn allow_sources(&self, source_identities: &[&str]) -> Result<usize, RevokeError> {
        let all = source_identities.iter().map(|name| source(name)).collect::<Result<_, _>>()?;
        self.allow(all).await
    }

    /// Denies the one session with this access key id (`ASIA…`), otherwise as [`Endpoint::deny_source`].
    ///
    /// # Errors
    /// As of [`Endpoint::deny_source`].
    pub async fn deny_key(&self, access_key_id: &str) -> Result<(), RevokeError> {
        self.deny(vec![key(access_key_id)?]).await
    }

    /// Takes [`Endpoint::deny_key`] back, otherwise as [`Endpoint::allow_source`].
    ///
    /// # Errors
    /// As of [`Endpoint::allow_source`].
    pub async fn allow_key(&self, access_key_id: &str) -> Result<bool, RevokeError> {
        Ok(self.allow(vec![key(access_key_id)?]).await? > 0)
    }

    /// Denies every session that was issued before a time, milliseconds since the Unix epoch, whosever it is; now at the
    /// latest. Those that are issued from then on are good. It cannot be taken back; a later time replaces an earlier one.
    /// It is what a role's policy does on AWS by `DateLessThan` of `aws:TokenIssueTime`.
    ///
    /// # Errors
    /// [`RevokeError::Log`] when the log cannot be written.
    pub async fn revoke_older_than(&self, at_ms: i64) -> Result<(), RevokeError> {
        let entry = self.inner.denials.deny_older(at_ms.min(self.inner.clock.now_ms()));
        self.keep(vec![entry]).await
    }

    /// What is denied now.
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
        // At once, and on disk before anybody relies on it.
        let now_ms = self.inner.clock.now_ms();
        let entries = all.into_iter().map(|whom| self.inner.denials.deny(whom, now_ms)).collect();
        self.keep(entries).await
    }

    async fn keep(&self, entries: Vec<Denial>) -> Result<(), RevokeError> {
        on_disk(&self.inner, move |endpoint| endpoint.store.keep_denials(&entries)).await
    }

    async fn allow(&self, all: Vec<Whom>) -> Result<usize, RevokeError> {
        let gone = all.clone();
        on_disk(&self.inner, move |endpoint| endpoint.store.drop_denials(&gone)).await?;
        tracing::info!(?all, "sessions are not denied any more");
        Ok(all.iter().filter(|whom| self.inner.denials.allow(whom)).count())
    }
}

async fn on_disk(
    endpoint: &Arc<Inner>,
    write: impl FnOnce(&Inner) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), RevokeError> {
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
