//! Hold: a danmu stands still while a viewer looks at it, or is about to click it.
//!
//! Those behind it in its lanes stop as well, and those behind these; all others move on. So none runs into it, and new ones
//! wait for its lane as for any other. A fixed one stays longer by that time. Where overlap is not allowed, a moving one that
//! was held may still pass behind a fixed one.

use super::Stage;

impl<T> Stage<T> {
    /// Holds the danmu of that id from `now` on, and releases the one before; with `None`, only releases.
    pub fn hold(&mut self, id: Option<u64>, now: f64) {
        self.tick(now);
        self.held = id;
    }

    /// The danmu that is held.
    #[must_use]
    pub fn held(&self) -> Option<u64> {
        self.held
    }

    /// Delays the held one, and all that it stops, by the time that has passed.
    pub(super) fn put_off(&mut self, passed: f64) {
        let Some(id) = self.held.filter(|_| passed > 0.0) else { return };
        if let Some(danmu) = self.standing.iter_mut().find(|danmu| danmu.seat.item.id == id) {
            danmu.until += passed;
            return;
        }
        let mut found = false;
        let mut stopped = vec![false; self.tails.len()];
        self.flying.retain(|danmu| {
            found |= danmu.seat.item.id == id;
            let rows = danmu.seat.rows();
            if danmu.seat.item.id == id || stopped[rows.clone()].contains(&true) {
                danmu.line.exit += passed;
                stopped[rows].fill(true);
            }
            true
        });
        if found {
            self.settle();
        } else {
            self.held = None;
        }
    }
}
