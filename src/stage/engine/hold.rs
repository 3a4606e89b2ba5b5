//! A danmu that is held: a viewer looks at it, or is about to click it.
//!
//! It stands still, and so do those behind it in its lanes, and those behind these; all others go on. So nobody runs into
//! it, and whoever comes waits for its lane as for any other. A fixed one stays for as much longer. Where nobody may cover
//! anybody, a moving one that was held may still pass behind a fixed one.

use super::Stage;

impl<T> Stage<T> {
    /// Holds the danmu of that id from `now` on, and lets go of the one before; with `None`, of that only.
    pub fn hold(&mut self, id: Option<u64>, now: f64) {
        self.tick(now);
        self.held = id;
    }

    /// The danmu that is held.
    #[must_use]
    pub fn held(&self) -> Option<u64> {
        self.held
    }

    /// Puts off the held one, and all that it keeps waiting, by the time that has passed.
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
