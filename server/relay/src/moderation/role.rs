//! Denies banned viewers on AWS, by inline policies on the roles of viewers' sessions.
//!
//! AWS cannot revoke a single session; a deny in its role's policy applies to the session's next request. All servers edit the
//! same policies: each reads the current one, adds the viewers whom it knows to be banned, and removes only those whose ban it
//! knows to have ended. Where two servers write at once, the next check corrects it.
//!
//! All inline policies of a role share 10,240 characters. So a viewer is listed only until the sessions that it could have had
//! when it was banned have expired (it gets no new ones). If the list is still too long, the most recent bans are listed, and
//! the number of those left out is logged.

use std::collections::{BTreeSet, HashSet};

use danmu::viewer::ViewerId;
use danmu_identity::{
    aws::{
        iam::{IamError, IamRole},
        session_name::session_name,
    },
    policies::{ISSUE_TIME, Policy, SOURCE_IDENTITY},
    store::Store,
};
use serde_json::Value;

use super::ledger::Denials;

/// The names of our inline policies.
const BANNED: &str = "danmu-banned";
const REVOKED: &str = "danmu-revoked";
/// The longest list, in characters; the rest of a role's 10,240 for inline policies is for what sessions may do
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)).
const MOST_CHARS: usize = 8_192;
/// Delay before checking whether another server wrote at the same time, milliseconds.
const AGAIN_MS: i64 = 3_000;
/// How much longer than its session a viewer is listed, milliseconds, for clock skew.
const SLACK_MS: i64 = 60_000;

/// How AWS identifies the sessions of a viewer.
#[derive(Clone, Debug)]
pub enum KnownBy {
    /// By the source identity with which they were vended.
    SourceIdentity,
    /// By the viewer's identities of an identity pool, from the store; policies match them with this condition key.
    PoolIdentity(Store, String),
}

/// Maintains the policies of the roles, the same on each.
pub struct RolePolicies {
    roles: Vec<IamRole>,
    known_by: KnownBy,
    /// Lifetime of sessions, milliseconds.
    session_ms: i64,
}

/// The target state of the policies, as far as it is known here.
struct Wanted {
    /// Session names to deny, each with the time of its ban.
    denied: Vec<(i64, String)>,
    /// Session names that need not be denied any longer.
    over: HashSet<String>,
    /// Revocation time of sessions that may still be valid, in the format of policies.
    revoked: Option<String>,
    /// The latest known revocation time, likewise: a policy that is not newer can be removed, unless `revoked` is set.
    revoked_known: String,
}

impl RolePolicies {
    /// For these roles, whose sessions last this many seconds.
    #[must_use]
    pub fn new(roles: Vec<IamRole>, known_by: KnownBy, session_s: u32) -> Self {
        Self { roles, known_by, session_ms: i64::from(session_s) * 1_000 }
    }

    /// Updates the roles' policies, and returns when to check again, Unix milliseconds: when the list changes by itself, or
    /// soon after a write, since another server may have written at the same time.
    ///
    /// # Errors
    /// The first [`IamError`], after all roles were tried; try again.
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
            // A server that never bans needs no right to edit the role.
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
            // No session from before the revocation is valid any longer.
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
    /// The condition key by which policies match sessions.
    fn key(&self) -> &str {
        match self {
            Self::SourceIdentity => SOURCE_IDENTITY,
            Self::PoolIdentity(_, key) => key,
        }
    }
}

/// The session names that a policy of ours denies.
fn denied_by(document: &str, key: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let names = &document["Statement"][0]["Condition"]["StringEquals"][key];
    let names = names.as_array().into_iter().flatten().chain(names.is_string().then_some(names));
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The time before which the revocation policy denies sessions.
fn revoked_by(document: &str) -> Option<String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    document["Statement"][0]["Condition"]["DateLessThan"][ISSUE_TIME].as_str().map(str::to_owned)
}

/// The names that fit: the most recent bans first, then names that are unknown here.
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
        // Two quotes and a comma.
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

/// A time in the format of policies, rounded up to the second: `2026-01-31T12:00:00Z`.
fn iso(unix_ms: i64) -> String {
    let basic = danmu::kinesis::time::amz_date(unix_ms.saturating_add(999));
    let (day, time) = basic.split_once('T').unwrap_or_default();
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    let (year, month, date) = (part(day, 0, 4), part(day, 4, 6), part(day, 6, 8));
    format!("{year}-{month}-{date}T{}:{}:{}Z", part(time, 0, 2), part(time, 2, 4), part(time, 4, 6))
}

#[cfg(test)]
mod tests;
