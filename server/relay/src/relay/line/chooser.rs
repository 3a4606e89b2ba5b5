//! The density of a room, with the position of what it shows.

use danmu::{
    density::{Density, Fate, Judged as Chosen, Settled},
    feed::Item,
    gate::Bans,
};

use super::{
    super::take::{judge::Judged, log_position::LogPosition},
    ring::Said,
};

/// Chooses what is shown when a room exceeds its budget.
#[derive(Debug)]
pub struct Chooser {
    /// Of the settings; 0: all.
    budget: u32,
    /// What was decided in the room, its density too.
    bans: Bans,
    density: Density,
    /// The position of the last danmu that passed the gate.
    latest: Option<LogPosition>,
}

impl Chooser {
    /// A chooser that shows up to `density` danmu a second, 0: all; fewer while a decision on the room says so.
    pub fn new(density: u32, bans: Bans) -> Self {
        Self { budget: density, bans, density: Density::new(density), latest: None }
    }

    /// A fresh chooser with the same budget.
    pub fn anew(&self) -> Self {
        Self::new(self.budget, self.bans.clone())
    }

    /// Adds a danmu to `shown`, if it is shown, and before it what is told of the second that ends with it. Returns the fate of
    /// the danmu, and whether something was told of a second.
    pub fn choose(&mut self, judged: Judged, shown: &mut Vec<(LogPosition, Said)>) -> (Fate, bool) {
        let Judged { place, admitted, sequence_number } = judged;
        if self.density.begins(admitted.arrival_ms) {
            self.density.set_budget(self.budget_at(admitted.arrival_ms));
        }
        let Chosen { fate, settled } = self.density.judge(&admitted, &sequence_number);
        let settles = !settled.is_empty();
        self.add(settled, shown);
        if fate == Fate::Shown {
            shown.push((place.clone(), Said::Danmu(Item::new(admitted))));
        }
        self.latest = Some(place);
        (fate, settles)
    }

    /// The budget of the second in which a danmu arrives. A decision counts from the next second on: what arrived before a second
    /// began is known to every reader that has come so far, whether it reads for the first time or again.
    fn budget_at(&self, arrival_ms: i64) -> u32 {
        let begins_ms = arrival_ms - arrival_ms.rem_euclid(1_000);
        match (self.bans.modes(begins_ms - 1).density().map(u32::from), self.budget) {
            (None, budget) => budget,
            (Some(density), 0) => density,
            (Some(density), budget) => density.min(budget),
        }
    }

    /// Adds what is told of the last danmu's second, although nothing followed to end it.
    pub fn settle(&mut self, shown: &mut Vec<(LogPosition, Said)>) {
        let settled = self.density.settle();
        self.add(settled, shown);
    }

    fn add(&self, Settled { merged, dropped }: Settled, shown: &mut Vec<(LogPosition, Said)>) {
        if let Some(end) = self.latest.as_ref().map(LogPosition::end_of_second) {
            let dropped = (dropped > 0).then_some(Said::Dropped(dropped));
            let said = merged.into_iter().map(Said::Danmu).chain(dropped);
            shown.extend(said.map(|said| (end.clone(), said)));
        }
    }
}

#[cfg(test)]
mod tests;
