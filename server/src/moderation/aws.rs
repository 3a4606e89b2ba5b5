//! Has the roles of viewers' sessions on AWS deny whom they must: a task of its own, since IAM takes its time, and nothing else is
//! to wait for it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Moderation, RolePolicies};
use crate::clock::now_ms;

/// How often it is looked whether the policies are as they should be, at the least, milliseconds: whoever else changes them, it is
/// put right within a minute.
const LOOK_MS: i64 = 45_000;
/// And at the most: IAM is limited.
const REST: Duration = Duration::from_millis(500);
/// When IAM is asked again that failed, milliseconds.
const AGAIN_MS: i64 = 5_000;

/// Works until `stop`.
pub(super) async fn deny(moderation: Moderation, roles: RolePolicies, stop: CancellationToken) {
    let mut changed = moderation.0.changed.subscribe();
    // Replicas that were started together do not ask together.
    let spread = getrandom::u32().map_or(0, |random| i64::from(random % 10_000));
    loop {
        changed.mark_unchanged();
        let now = now_ms();
        let due_ms = match roles.bring(&moderation.0.ledger.denials(now), now).await {
            Ok(due_ms) => due_ms.min(now + LOOK_MS + spread),
            Err(error) => {
                tracing::error!(%error, "the credentials of banned viewers are not denied as they should be");
                now + AGAIN_MS
            }
        };
        let rest = Duration::from_millis(due_ms.saturating_sub(now_ms()).max(0).unsigned_abs()).max(REST);
        tokio::select! {
            () = stop.cancelled() => return,
            _ = changed.changed() => {
                // What comes together is one change of the policy.
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(REST) => {}
                }
            }
            () = tokio::time::sleep(rest) => {}
        }
    }
}
