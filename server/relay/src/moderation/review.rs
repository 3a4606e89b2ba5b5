//! Reviewed mode: what the gates hold back goes to the store in batches, and the crew decides about it there.
//!
//! Promises: what is read while the store fails is kept in memory, up to [`MOST`] danmu, and written once it works; what falls
//! out is counted. Letting through is a row's change of state in the store, which [`work`](super::work) publishes.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use danmu::{
    gate::{Admitted, Held},
    record::{DanmuRef, Decided, Subject},
    room::RoomId,
    viewer::Role,
};
use danmu_app::{
    error::{ApiError, CrewError},
    review::NotWaiting,
    services::{Decider, DecisionFuture, PassFuture, Reviewing, WaitingFuture},
};
use danmu_identity::{
    clock::now_ms,
    store::{By, HeldNews, HeldRow, StoreError},
};

use super::{Moderation, pace::Pace};

/// The most danmu that wait in memory to be written: over a minute of all that busy rooms say.
const MOST: usize = 20_000;
/// What was read and is not written yet.
#[derive(Debug)]
pub(super) struct Review {
    news: Mutex<HeldNews>,
    fallen: AtomicU64,
    pace: Pace,
}

impl Default for Review {
    fn default() -> Self {
        Self { news: Mutex::default(), fallen: AtomicU64::new(0), pace: Pace::of_reviews() }
    }
}

impl Review {
    /// Takes all of it out.
    pub(super) fn take(&self) -> HeldNews {
        std::mem::take(&mut *self.lock())
    }

    /// Puts back what could not be written, before what was read since.
    pub(super) fn give_back(&self, mut news: HeldNews) {
        let mut known = self.lock();
        news.held.append(&mut known.held);
        news.shown.append(&mut known.shown);
        news.gone.append(&mut known.gone);
        *known = news;
        self.fit(&mut known);
    }

    /// Counts danmu that fell out: nobody decides about them any more.
    pub(super) fn fell_out(&self, danmu: u64) {
        self.fallen.fetch_add(danmu, Relaxed);
    }

    /// A decision on a viewer or a danmu: what waits of them is out.
    pub(super) fn decided(&self, Decided { room, decision, at, .. }: &Decided) {
        if matches!(decision.on, Subject::Viewer(_) | Subject::Danmu(_)) && decision.until_ms() > *at {
            self.add(|news| news.gone.push((room.clone(), decision.on.clone())));
        }
    }

    /// Forgets idle callers.
    pub(super) fn forget_idle(&self) {
        self.pace.forget_idle();
    }

    fn add(&self, push: impl FnOnce(&mut HeldNews)) {
        let mut known = self.lock();
        push(&mut known);
        self.fit(&mut known);
    }

    /// Drops the oldest where there is too much, a part at a time.
    fn fit(&self, HeldNews { held, shown, gone }: &mut HeldNews) {
        if held.len() > MOST {
            let over = held.len() - MOST + MOST / 10;
            self.fell_out(over as u64);
            held.drain(..over);
        }
        if shown.len() > MOST {
            shown.drain(..MOST / 10);
        }
        if gone.len() > MOST {
            gone.drain(..MOST / 10);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HeldNews> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moderation {
    /// A danmu that the gate of a room holds back: it waits for the crew.
    pub fn held(&self, room: &RoomId, Held { danmu, after_s }: Held) {
        let due_ms = (after_s > 0).then(|| danmu.arrival_ms.saturating_add(i64::from(after_s) * 1_000));
        let row = HeldRow { room: room.clone(), said: danmu.passed(), due_ms };
        self.0.review.add(|news| news.held.push(row));
    }

    /// A danmu that the gate of a room has read as let through.
    pub fn passed(&self, room: &RoomId, admitted: &Admitted) {
        let viewer = admitted.evidence.as_ref().map(|evidence| evidence.viewer.clone());
        let danmu = DanmuRef { key: admitted.key.clone(), viewer };
        self.0.review.add(|news| news.shown.push((room.clone(), danmu)));
    }

    /// How many danmu fell out of waiting, since there were too many.
    #[must_use]
    pub fn fell_out(&self) -> u64 {
        self.0.review.fallen.load(Relaxed)
    }

    async fn let_through(&self, by: &Decider, room: &RoomId, mut danmu: Vec<DanmuRef>) -> Result<u32, ApiError> {
        self.0.review.pace.check(&by.viewer)?;
        let (now_ms, bans) = (now_ms(), self.bans(room));
        // No gate would show it. All that wait are below the crew.
        danmu.retain(|one| one.viewer.as_ref().is_none_or(|viewer| !bans.cover(viewer, Role::Member, now_ms)));
        let who = By::viewer(&by.viewer, by.name.as_ref(), Some(by.rank));
        let refused = self.0.store.pass(room, &danmu, &who, now_ms).await.map_err(unwritten)?;
        let passed = danmu.len().saturating_sub(refused.len());
        tracing::info!(by = %by.viewer, %room, passed, "a moderator lets danmu through");
        if passed == 0 {
            return Err(CrewError::from(refused.first().copied().unwrap_or(NotWaiting::Out)).into());
        }
        self.0.decided.notify_one();
        Ok(u32::try_from(passed).unwrap_or(u32::MAX))
    }
}

impl Reviewing for Moderation {
    fn waiting(&self, room: RoomId, since: i64) -> WaitingFuture {
        let store = self.0.store.clone();
        Box::pin(async move {
            store.waiting(&room, since).await.map_err(|error| {
                tracing::error!(%room, %error, "what waits cannot be read");
                CrewError::Store.into()
            })
        })
    }

    fn pass(&self, by: Decider, room: RoomId, danmu: Vec<DanmuRef>) -> PassFuture {
        let moderation = self.clone();
        Box::pin(async move { moderation.let_through(&by, &room, danmu).await })
    }

    fn take_out(&self, by: Decider, room: RoomId, danmu: DanmuRef) -> DecisionFuture {
        let moderation = self.clone();
        Box::pin(async move {
            moderation.0.review.pace.check(&by.viewer)?;
            tracing::info!(by = %by.viewer, %room, danmu = %danmu.key, "a moderator takes a danmu out");
            let who = By::viewer(&by.viewer, by.name.as_ref(), Some(by.rank));
            let taken = moderation.0.store.take_out(&room, &danmu, by.rank, &who, now_ms()).await;
            taken.map_err(unwritten)?.map_err(CrewError::from)?;
            moderation.0.decided.notify_one();
            Ok(())
        })
    }
}

fn unwritten(error: StoreError) -> ApiError {
    tracing::error!(%error, "what a moderator decided could not be written down");
    CrewError::Store.into()
}
