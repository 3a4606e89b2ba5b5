//! Taking down what a ban takes back, wherever this page shows it.

use danmu::gate::Retracted;
use leptos::prelude::*;

use super::{remember::own_viewer, room::inner::Inner};
use crate::live::{ChatLine, LineState};

impl Inner {
    /// Takes down what was said by who is banned now, from the picture and from the chat; by this viewer, too.
    pub(super) fn retract(&self, retracted: &[Retracted]) {
        let mut keys = self.traces.borrow_mut().retract(retracted);
        let me = own_viewer().unwrap_or_default();
        let role = self.role();
        self.live.lines.try_with_untracked(|lines| {
            let is_gone = |line: &&ChatLine| {
                // By the local clock, and on the stream by now: what is to be sent again was never heard.
                let said = line.own.is_some() && line.state.get_untracked() == LineState::Confirmed;
                said && retracted.iter().any(|retracted| retracted.covers(&me, role, line.at))
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
