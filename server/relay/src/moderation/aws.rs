//! Keeps the roles of viewers' sessions on AWS denying banned viewers. A task of its own, because IAM is slow and nothing else
//! should wait for it.

use std::time::Duration;

use danmu_identity::clock::now_ms;
use tokio_util::sync::CancellationToken;

use super::{Moderation, RolePolicies};

/// Longest interval between two checks of the policies, milliseconds: a change that somebody else made is corrected within a
/// minute.
const LOOK_MS: i64 = 45_000;
/// Shortest interval: IAM has rate limits.
const REST: Duration = Duration::from_millis(500);
/// Back-off after an error of IAM, milliseconds.
const AGAIN_MS: i64 = 5_000;

/// Runs until `stop`.
pub(super) async fn deny(moderation: Moderation, roles: RolePolicies, stop: CancellationToken) {
    let mut changed = moderation.0.changed.subscribe();
    // Jitter, so that replicas started together do not call IAM together.
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
                // Debounce: changes that come together are one change of the policy.
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(REST) => {}
                }
            }
            () = tokio::time::sleep(rest) => {}
        }
    }
}
