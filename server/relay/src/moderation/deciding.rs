//! What moderators decide: written to the store with its entry in the audit, if they stand above whom it concerns.

use danmu::{
    record::{DanmuRef, Decision, Subject},
    room::{Room, RoomId, RoomMode, Unsigned},
    viewer::ViewerId,
};
use danmu_app::{
    audit::AuditDetail,
    error::{ApiError, CrewError},
    services::{Decider, DecisionFuture, Moderating},
};
use danmu_identity::{clock::now_ms, store::By};

use super::{HIDDEN_MS, Moderation, UNSIGNED};

impl Moderation {
    /// Writes a moderator's decision for a room to the store, with its entry in the audit.
    pub(super) async fn decide(&self, by: &Decider, room: &RoomId, decision: Decision) -> Result<(), ApiError> {
        self.decide_about(by, room, decision, None).await
    }

    /// The same for a decision that concerns a viewer whom its subject does not name.
    pub(super) async fn decide_about(
        &self,
        by: &Decider,
        room: &RoomId,
        decision: Decision,
        about: Option<ViewerId>,
    ) -> Result<(), ApiError> {
        self.0.pace.check(&by.viewer)?;
        let (store, now_ms) = (&self.0.store, now_ms());
        let (until_ms, decided_by) = self.0.ledger.counting(Some(room), &decision.on);
        let outranked = until_ms > now_ms && decided_by > by.rank;
        let concerned = match &decision.on {
            Subject::Viewer(viewer) | Subject::Danmu(DanmuRef { viewer: Some(viewer), .. }) => Some(viewer),
            _ => about.as_ref(),
        };
        let equal = concerned.is_some_and(|viewer| self.0.staff.stands(viewer, room, by.rank, now_ms));
        if outranked || equal {
            return Err(CrewError::NotAbove.into());
        }
        let known = match &decision.on {
            Subject::Danmu(danmu) => self.0.texts.of(room, &danmu.key),
            _ => None,
        };
        let (text, author) = known.map(|known| (known.text, known.viewer)).unzip();
        let who = By::viewer(&by.viewer, by.name.as_ref(), Some(by.rank)).about(author.flatten().or(about.clone()));
        let who = who.with(match decision.on {
            Subject::Rule(rule) => self.told_rule(rule).await,
            _ => AuditDetail { text, ..AuditDetail::default() },
        });
        let written = if decision.until == Some(0) {
            store.end(Some(room), &decision.on, by.rank, &who, now_ms).await.map(drop)
        } else {
            let written = store.decide(Some(room), &decision, &who, now_ms).await;
            // Who asks next, for what is in force or for a session, is answered by it.
            written.map(|id| self.0.ledger.owe(id, Some(room.clone()), decision.clone()))
        };
        self.0.decided.notify_one();
        written.map_err(|error| {
            tracing::error!(%error, "what a moderator decided could not be written down");
            CrewError::Store.into()
        })
    }
}

impl Moderating for Moderation {
    fn ban(&self, by: Decider, room: &Room, viewer: ViewerId, seconds: Option<u32>) -> DecisionFuture {
        let (moderation, unsigned, room) = (self.clone(), room.unsigned, room.id.clone());
        let until = seconds.map(|seconds| now_ms().saturating_add(i64::from(seconds) * 1_000));
        Box::pin(async move {
            tracing::info!(by = %by.viewer, %room, %viewer, ?seconds, "a moderator bans");
            if unsigned == Unsigned::Allow {
                tracing::warn!(%room, "{UNSIGNED}");
            }
            moderation.decide(&by, &room, Decision { on: Subject::Viewer(viewer), until, by: by.rank }).await
        })
    }

    fn unban(&self, by: Decider, room: &Room, viewer: ViewerId) -> DecisionFuture {
        let (moderation, room) = (self.clone(), room.id.clone());
        Box::pin(async move {
            tracing::info!(by = %by.viewer, %room, %viewer, "a moderator ends a ban");
            moderation.decide(&by, &room, Decision::end(Subject::Viewer(viewer), by.rank)).await
        })
    }

    fn set_mode(&self, by: Decider, room: &Room, mode: RoomMode, on: bool) -> DecisionFuture {
        let (moderation, room) = (self.clone(), room.id.clone());
        Box::pin(async move { moderation.switch(&by, &room, mode, on).await })
    }

    fn hide(&self, by: Decider, room: &Room, danmu: DanmuRef) -> DecisionFuture {
        let (moderation, room) = (self.clone(), room.id.clone());
        let until = Some(now_ms().saturating_add(HIDDEN_MS));
        Box::pin(async move {
            tracing::info!(by = %by.viewer, %room, danmu = %danmu.key, "a moderator hides a danmu");
            moderation.decide(&by, &room, Decision { on: Subject::Danmu(danmu), until, by: by.rank }).await
        })
    }
}
