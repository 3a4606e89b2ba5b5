//! The density of a room, with the position of what it shows.

use danmu::{
    density::{Density, Fate, Judged as Chosen, Settled},
    feed::Item,
};

use super::{
    super::take::{judge::Judged, log_position::LogPosition},
    ring::Said,
};

/// Chooses what is shown when a room exceeds its budget.
#[derive(Debug)]
pub struct Chooser {
    budget: u32,
    density: Density,
    /// The position of the last danmu that passed the gate.
    latest: Option<LogPosition>,
}

impl Chooser {
    /// A chooser that shows up to `density` danmu a second; 0: all.
    pub fn new(density: u32) -> Self {
        Self { budget: density, density: Density::new(density), latest: None }
    }

    /// A fresh chooser with the same budget.
    pub fn anew(&self) -> Self {
        Self::new(self.budget)
    }

    /// Adds a danmu to `shown`, if it is shown, and before it what is told of the second that ends with it. Returns the fate of
    /// the danmu, and whether something was told of a second.
    pub fn choose(&mut self, judged: Judged, shown: &mut Vec<(LogPosition, Said)>) -> (Fate, bool) {
        let Judged { place, admitted, sequence_number } = judged;
        let Chosen { fate, settled } = self.density.judge(&admitted, &sequence_number);
        let settles = !settled.is_empty();
        self.add(settled, shown);
        if fate == Fate::Shown {
            shown.push((place.clone(), Said::Danmu(Item::new(admitted))));
        }
        self.latest = Some(place);
        (fate, settles)
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
