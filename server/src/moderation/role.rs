//! Who is denied on AWS: what stands in the inline policies of the roles of viewers' sessions, and for how long.
//!
//! A session cannot be taken back there; a deny in the policy of its role acts on its next request. All servers write the same
//! policies, each by what it knows: it reads what is there, adds whom it knows to be banned, and takes out only those of whom it
//! knows a decision that ended their ban. What two write at one time is put right when they look the next time.
//!
//! All inline policies of a role share 10,240 characters, so a viewer stands there only until the sessions that it may have had
//! when it was banned have expired (it gets no new ones), and where that is too many, the ones who were banned last. Who finds
//! no room is said aloud.

use std::collections::{BTreeSet, HashSet};

use danmu::viewer::ViewerId;
use serde_json::Value;

use crate::{
    aws::{
        iam::{IamError, IamRole},
        session_name::session_name,
    },
    policies::{ISSUE_TIME, Policy, SOURCE_IDENTITY},
    store::Store,
};

use super::ledger::Denials;

/// The names of our policies.
const BANNED: &str = "danmu-banned";
const REVOKED: &str = "danmu-revoked";
/// The most characters of the list, of 10,240 that a role's inline policies may have together
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)): the rest is for what sessions may do.
const MOST_CHARS: usize = 8_192;
/// When it is looked whether another server wrote at the same time, milliseconds.
const AGAIN_MS: i64 = 3_000;
/// How much longer than its session a viewer stands there, milliseconds: clocks differ.
const SLACK_MS: i64 = 60_000;

/// By what AWS knows the sessions of a viewer.
#[derive(Clone, Debug)]
pub enum KnownBy {
    /// The source identity that they were vended with.
    SourceIdentity,
    /// The identities of an identity pool, as a store has them; policies name them by this key of a condition.
    PoolIdentity(Store, String),
}

/// The policies of the roles, the same of each.
pub struct RolePolicies {
    roles: Vec<IamRole>,
    known_by: KnownBy,
    /// How long sessions last, milliseconds.
    session_ms: i64,
}

/// What the policies should say, as far as it is known here.
struct Wanted {
    /// Who is to stand there, and since when they are banned.
    denied: Vec<(i64, String)>,
    /// Who need not any more.
    over: HashSet<String>,
    /// Before when sessions are revoked that there may still be, as policies have it.
    revoked: Option<String>,
    /// The last revocation that is known, likewise: what is there and no later is over, unless it is wanted.
    revoked_known: String,
}

impl RolePolicies {
    /// Of these roles, whose sessions last so many seconds.
    #[must_use]
    pub fn new(roles: Vec<IamRole>, known_by: KnownBy, session_s: u32) -> Self {
        Self { roles, known_by, session_ms: i64::from(session_s) * 1_000 }
    }

    /// Brings the roles to what is decided; when to look again, Unix milliseconds: when that changes by itself, or soon where a
    /// policy was written, which another server may have done at the same time.
    ///
    /// # Errors
    /// The first [`IamError`], when all roles have had their turn; to be tried again.
    pub async fn bring(&self, denials: &Denials, now_ms: i64) -> Result<i64, IamError> {
        let over_ms = |since_ms: i64| since_ms.saturating_add(self.session_ms + SLACK_MS);
        let (mut due_ms, mut denied, mut over) = (i64::MAX, Vec::new(), HashSet::new());
        for (viewer, (since_ms, until_ms)) in &denials.wanted {
            let (names, end_ms) = (self.names(viewer).await?, over_ms(*since_ms).min(*until_ms));
            if end_ms > now_ms {
                due_ms = due_ms.min(end_ms);
                denied.extend(names.into_iter().map(|name| (*since_ms, name)));
            } else {
                over.extend(names);
            }
        }
        for viewer in &denials.over {
            over.extend(self.names(viewer).await?);
        }
        let revoked_ms = denials.revoked_before_ms;
        let revoked = (over_ms(revoked_ms) > now_ms).then(|| iso(revoked_ms));
        if revoked.is_some() {
            due_ms = due_ms.min(over_ms(revoked_ms));
        }
        let wanted = Wanted { denied, over, revoked, revoked_known: iso(revoked_ms) };
        let mut failed = None;
        for role in &self.roles {
            match self.bring_one(role, &wanted).await {
                Ok(true) => due_ms = due_ms.min(now_ms + AGAIN_MS),
                Ok(false) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(due_ms), Err)
    }

    async fn bring_one(&self, role: &IamRole, wanted: &Wanted) -> Result<bool, IamError> {
        let mut written = false;
        let key = self.known_by.key();
        let there = match role.get(BANNED).await {
            // Whoever never bans needs no right to.
            Err(IamError::Refused { code, message })
                if code == "AccessDenied" && wanted.denied.is_empty() && wanted.revoked.is_none() =>
            {
                tracing::debug!(message, "this server may not change the role of viewers' sessions (deploy/policies)");
                return Ok(false);
            }
            other => other?,
        };
        let known = there.as_deref().map(|document| denied_by(document, key)).unwrap_or_default();
        let denied = fitting(key, &wanted.denied, known.difference(&wanted.over.iter().cloned().collect()));
        if denied != known {
            written = true;
            if denied.is_empty() {
                role.remove(BANNED).await?;
            } else {
                let names: Vec<_> = denied.iter().cloned().collect();
                role.put(BANNED, &Policy::denying(key, &names).compact()).await?;
            }
            tracing::info!(viewers = denied.len(), "the role of viewers' sessions denies the banned ones");
        }
        let there = role.get(REVOKED).await?.as_deref().and_then(revoked_by);
        match (&there, &wanted.revoked) {
            (there, Some(revoked)) if there.as_ref().is_none_or(|there| there < revoked) => {
                role.put(REVOKED, &Policy::denying_older(revoked).compact()).await?;
                tracing::info!(before = revoked, "the role of viewers' sessions denies old ones");
                written = true;
            }
            // Nobody has such a session any more.
            (Some(there), None) if *there <= wanted.revoked_known => role.remove(REVOKED).await?,
            _ => {}
        }
        Ok(written)
    }

    /// The names of a viewer's sessions.
    async fn names(&self, viewer: &ViewerId) -> Result<Vec<String>, IamError> {
        match &self.known_by {
            KnownBy::SourceIdentity => Ok(vec![session_name(viewer)]),
            KnownBy::PoolIdentity(store, _) => Ok(store.identities(viewer).await?),
        }
    }
}

impl KnownBy {
    /// The key of a condition by which policies name them.
    fn key(&self) -> &str {
        match self {
            Self::SourceIdentity => SOURCE_IDENTITY,
            Self::PoolIdentity(_, key) => key,
        }
    }
}

/// Whom a policy of ours denies.
fn denied_by(document: &str, key: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let names = &document["Statement"][0]["Condition"]["StringEquals"][key];
    let names = names.as_array().into_iter().flatten().chain(names.is_string().then_some(names));
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Sessions issued before when it denies.
fn revoked_by(document: &str) -> Option<String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    document["Statement"][0]["Condition"]["DateLessThan"][ISSUE_TIME].as_str().map(str::to_owned)
}

/// Those who fit, the ones who were banned last, and then those of whom nothing is known here.
fn fitting<'a>(key: &str, wanted: &'a [(i64, String)], unknown: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    let mut wanted: Vec<_> = wanted.iter().map(|(since_ms, name)| (*since_ms, name)).collect();
    wanted.sort_unstable_by(|one, other| other.cmp(one));
    let mut left = MOST_CHARS - Policy::denying(key, &[]).compact().len();
    let mut names = BTreeSet::new();
    let mut out = 0;
    for name in wanted.into_iter().map(|(_, name)| name).chain(unknown) {
        if names.contains(name) {
            continue;
        }
        // Its quotes, and a comma.
        match left.checked_sub(name.len() + 3) {
            Some(rest) if out == 0 => {
                left = rest;
                names.insert(name.clone());
            }
            _ => out += 1,
        }
    }
    if out > 0 {
        tracing::warn!(
            out,
            "the role's policy has no room for all who are banned: these sessions are good until they expire"
        );
    }
    names
}

/// A time as policies have it, rounded up to the second: `2026-01-31T12:00:00Z`.
fn iso(unix_ms: i64) -> String {
    let basic = danmu::kinesis::time::amz_date(unix_ms.saturating_add(999));
    let (day, time) = basic.split_once('T').unwrap_or_default();
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    let (year, month, date) = (part(day, 0, 4), part(day, 4, 6), part(day, 6, 8));
    format!("{year}-{month}-{date}T{}:{}:{}Z", part(time, 0, 2), part(time, 2, 4), part(time, 4, 6))
}

#[cfg(test)]
mod tests;
