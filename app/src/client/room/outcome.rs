//! The outcome of what this viewer sends: it is confirmed, or given back with the reason, which is cleared once it is over.

use std::rc::Rc;

use danmu::{
    kinesis::{Host, PutError},
    record::Danmu,
};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::inner::{COUNT, Inner};
use crate::{
    client::host::Browser,
    live::{ChatLine, Draft, LineState, Returned},
    problem::Problem,
};

impl Inner {
    pub(super) fn push_own(&self, danmu: &Danmu, state: LineState) {
        let line = ChatLine {
            key: danmu.id.to_string(),
            text: danmu.text.clone(),
            color: danmu.color,
            at: self.clock.now_ms(),
            by: None,
            mine: true,
            own: Some(danmu.clone()),
            times: 1,
            state: ArcRwSignal::new(state),
        };
        self.live.lines.try_update(|lines| lines.push(line));
    }

    pub(super) fn set_state(&self, key: &str, state: LineState) {
        self.live.lines.try_with_untracked(|lines| {
            if let Some(line) = lines.find(key) {
                line.state.set(state);
            }
        });
    }

    /// The viewer's own danmu is on the stream: the put was answered, or it was read back, whichever came first.
    pub(super) fn confirm(&self, key: &str) {
        if let Some(overlay) = &*self.overlay.borrow() {
            overlay.confirm(key);
        }
        // It was given back, but had arrived after all.
        let arrived = self.given_back.borrow_mut().take_if(|danmu| danmu.id.to_string() == key);
        if let Some(danmu) = arrived {
            self.push_own(&danmu, LineState::Confirmed);
            self.live.returned.try_set(None);
        }
        self.set_state(key, LineState::Confirmed);
    }

    /// The put was answered. Where the crew looks at it first, its line says so until it is read back.
    pub(super) fn land(&self, key: &str) {
        let waits = self.live.modes.get_untracked().reviews(self.role()).is_some() && !self.is_confirmed(key);
        self.confirm(key);
        if waits {
            self.set_state(key, LineState::Held);
        }
    }

    /// Whether its line says that it is on the stream, and shown.
    fn is_confirmed(&self, key: &str) -> bool {
        let confirmed = |line: &ChatLine| line.state.get_untracked() == LineState::Confirmed;
        self.live.lines.try_with_untracked(|lines| lines.find(key).is_some_and(confirmed)).unwrap_or(true)
    }

    pub(super) fn give_back(self: &Rc<Self>, danmu: Danmu, error: &PutError) {
        let key = danmu.id.to_string();
        // It may have arrived, and been read back, although its answer was lost.
        if self.is_confirmed(&key) {
            return;
        }
        if let Some(overlay) = &*self.overlay.borrow() {
            overlay.retract(&key);
        }
        let problem = self.problem_of_put(error);
        self.fail(&key, problem.clone());
        let Danmu { text, mode, color, .. } = danmu;
        self.live.returned.try_set(Some(Returned { key, draft: Draft { text, mode, color }, problem }));
    }

    /// Marks a line as failed, with the reason; a wait is counted down.
    pub(super) fn fail(self: &Rc<Self>, key: &str, problem: Problem) {
        let waits = problem.waits();
        self.set_state(key, LineState::Failed(Some(problem)));
        if waits {
            self.count_down(key.to_owned());
        }
    }

    /// Counts down the wait that a line shows.
    fn count_down(self: &Rc<Self>, key: String) {
        let inner = Rc::downgrade(self);
        spawn_local(async move {
            loop {
                Browser.sleep(COUNT).await;
                let Some(inner) = inner.upgrade() else { return };
                let state =
                    inner.live.lines.try_with_untracked(|lines| lines.find(&key).map(|line| line.state.clone()));
                let Some(state) = state.flatten() else { return };
                let LineState::Failed(mut problem) = state.get_untracked() else { return };
                if !problem.as_ref().is_some_and(Problem::waits) {
                    return;
                }
                Problem::count_down(&mut problem);
                state.set(LineState::Failed(problem));
            }
        });
    }

    /// The connection is back: removes it as the reason of failed lines.
    pub(super) fn forgive(&self) {
        let blames =
            |state: &LineState| matches!(state, LineState::Failed(Some(problem)) if problem.is_of_connection());
        self.live.lines.try_with_untracked(|lines| {
            for line in lines.iter().filter(|line| line.state.with_untracked(blames)) {
                line.state.set(LineState::Failed(None));
            }
        });
    }

    fn problem_of_put(&self, error: &PutError) -> Problem {
        match error {
            PutError::NoSession { message, .. } => self.vend.problem(message),
            PutError::Refused(error) => self.vend.problem_of(error),
            PutError::NotConfirmed { maybe_put: true, .. } => Problem::Unanswered,
            PutError::NotConfirmed { last: Some(error), .. } => self.vend.problem_of(error),
            PutError::NotConfirmed { last: None, .. } => Problem::Network,
            PutError::TooLarge { .. } | PutError::PartitionKey { .. } => Problem::Stream(error.to_string()),
        }
    }
}
