//! Recent speakers of a room: a decision about any other viewer retracts nothing there.

use std::collections::HashSet;

/// Capacity of each of the two generations: some 80 bytes a viewer.
const MOST: usize = 50_000;

/// The viewers whose danmu were sent; the oldest generation is forgotten.
#[derive(Debug, Default)]
pub struct Speakers {
    new: HashSet<String>,
    old: HashSet<String>,
}

impl Speakers {
    /// Notes that a danmu of that viewer is sent.
    pub fn told(&mut self, viewer: &str) {
        if !self.new.contains(viewer) {
            if self.new.len() == MOST {
                self.old = std::mem::take(&mut self.new);
            }
            self.new.insert(viewer.to_owned());
        }
    }

    /// Whether that viewer is a recent speaker.
    pub fn has(&self, viewer: &str) -> bool {
        self.new.contains(viewer) || self.old.contains(viewer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_spoke_is_known_and_no_crowd_fills_the_memory() {
        let mut speakers = Speakers::default();
        for n in 0..=MOST {
            speakers.told(&n.to_string());
        }
        assert!(speakers.has("0") && speakers.has(&MOST.to_string()) && !speakers.has("nobody"));
        (0..3 * MOST).for_each(|n| speakers.told(&n.to_string()));
        assert!(!speakers.has("0") && speakers.new.len() + speakers.old.len() <= 2 * MOST);
    }
}
