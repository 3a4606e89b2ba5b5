//! Reviewed mode: writes what waits, lets through what is due, and publishes what was let through.

use std::sync::atomic::Ordering::Relaxed;

use danmu::record::Moderation as Told;
use danmu_identity::{clock, store::HeldRow};

use super::{AGAIN_MS, Begun, Means, TOGETHER, Undone, Work};
use crate::bus::Bus;

/// How often what waits is written, milliseconds.
const KEEP_MS: i64 = 200;
/// How often it is looked at what is due, milliseconds.
const SETTLE_MS: i64 = 250;
/// How often old rows are deleted, milliseconds.
const FORGET_MS: i64 = 60_000;

/// When each part is next due, Unix milliseconds.
#[derive(Debug, Default)]
pub(super) struct Turn {
    keep_ms: i64,
    settle_ms: i64,
    /// Whether the store had rows then.
    any: bool,
    tell_ms: i64,
    forget_ms: i64,
}

impl Work {
    /// Writes what was read about danmu that wait; on an error all of it is written later.
    pub(super) async fn keep_held(&mut self, now_ms: i64) -> Result<(), Undone> {
        if now_ms < self.review.keep_ms {
            return Ok(());
        }
        self.review.keep_ms = now_ms + KEEP_MS;
        let inner = &self.moderation.0;
        let news = inner.review.take();
        if news != Default::default() {
            match inner.store.keep_held(&news, now_ms).await {
                Ok(0) => {}
                Ok(fallen) => {
                    inner.review.fell_out(fallen);
                    tracing::warn!(danmu = fallen, "too many danmu wait for the crew: the oldest are not shown");
                }
                Err(error) => {
                    inner.review.give_back(news);
                    self.review.keep_ms = now_ms + AGAIN_MS;
                    return Err(error.into());
                }
            }
        }
        if now_ms >= self.review.forget_ms {
            self.review.forget_ms = now_ms + FORGET_MS;
            inner.store.forget_held(now_ms).await?;
            inner.review.forget_idle();
        }
        Ok(())
    }

    /// Lets through what is due by itself, and publishes what was let through.
    pub(super) async fn pass_held(&mut self, means: &Means<impl Bus>, now_ms: i64) -> Result<(), Undone> {
        if now_ms < self.review.tell_ms {
            return Ok(());
        }
        let told = self.settle_and_tell(means, now_ms).await;
        if told.is_err() {
            self.review.tell_ms = now_ms + AGAIN_MS;
        }
        told
    }

    async fn settle_and_tell(&mut self, means: &Means<impl Bus>, now_ms: i64) -> Result<(), Undone> {
        let inner = &self.moderation.0;
        if now_ms >= self.review.settle_ms {
            self.review.settle_ms = now_ms + SETTLE_MS;
            self.review.any = inner.store.has_held().await?;
            if self.review.any {
                inner.store.settle_held(now_ms).await?;
            }
        }
        if !self.review.any {
            return Ok(());
        }
        // One that has not read the newest may not know that another server told it already.
        if *inner.begun.borrow() != Begun::Yes || !inner.reads_newest.load(Relaxed) {
            return Ok(());
        }
        loop {
            let rows = inner.store.claim_passed(TOGETHER, now_ms).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let record = |HeldRow { room, said, .. }: &HeldRow| {
                let told = Told::Pass(Box::new(said.clone()));
                means.signer.record(said.id(room), Some(room), told, clock::now_ms())
            };
            let put = means.bus.put(rows.iter().map(record).collect()).await;
            let of = |wanted: bool| {
                rows.iter().zip(&put.taken).filter(move |(_, taken)| **taken == wanted).map(|(row, _)| row)
            };
            inner.store.passed_told(of(true), now_ms).await?;
            if let Some(error) = put.error {
                inner.store.release_passed(of(false)).await?;
                return Err(Undone::Stream(error));
            }
        }
    }
}
