//! Retraction: removes a banned viewer's danmu, and hidden ones, from wherever this page shows them.

use danmu::gate::Retracted;
use leptos::prelude::*;

use super::{remember::own_viewer, room::inner::Inner, speaker::begin_anew};
use crate::{
    error::ApiError,
    live::{ChatLine, LineState},
    problem::Problem,
};

impl Inner {
    /// Removes hidden danmu and those of banned viewers from the picture and the chat; this viewer's own, too.
    pub(super) fn retract(&self, retracted: &[Retracted]) {
        let mut keys = self.traces.borrow_mut().retract(retracted);
        let me = own_viewer();
        // A ban from this room leaves the session, by which this page would go on to put what nobody is shown.
        let banned = |it: &Retracted| it.id.is_none() && it.viewer == me;
        if me.is_some() && retracted.iter().any(banned) {
            begin_anew();
            self.live.notice.try_set(Some(Problem::Api(ApiError::Banned)));
        }
        let role = self.role();
        self.live.lines.try_with_untracked(|lines| {
            let is_gone = |line: &&ChatLine| {
                // Its time is by the local clock. Lines on the stream only: a failed one may be sent again.
                let said =
                    line.own.is_some() && matches!(line.state.get_untracked(), LineState::Confirmed | LineState::Held);
                said && retracted.iter().any(|retracted| retracted.covers(&line.key, me.as_deref(), role, line.at))
            };
            keys.extend(lines.iter().filter(is_gone).map(|line| line.key.clone()));
        });
        if keys.is_empty() {
            return;
        }
        if let Some(overlay) = &*self.overlay.borrow() {
            keys.iter().for_each(|key| overlay.retract(key));
        }
        self.live.lines.try_update(|lines| lines.retract(&keys));
    }
}
