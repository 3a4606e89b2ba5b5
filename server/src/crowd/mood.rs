//! State that the audience shares: the current highlight of the show, and recent texts.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};

use danmu::kinesis::Host;

use super::{
    host::Native,
    persona::Tongue,
    texts::{self, HIGHLIGHTS},
};

/// Average pause between two highlights, and the length of one, in seconds.
const QUIET_S: f64 = 40.0;
const HIGHLIGHT_S: f64 = 8.0;
/// Factor by which the rate rises during a highlight.
pub(super) const SURGE: f64 = 6.0;
/// Factor of the quiet times, chosen so that the average over both is one.
pub(super) const CALM: f64 = (QUIET_S + HIGHLIGHT_S) / (QUIET_S + HIGHLIGHT_S * SURGE);

pub(super) struct Mood {
    /// The index of the current highlight.
    highlight: Cell<Option<usize>>,
    /// Which word of it most say, a random number.
    word: Cell<usize>,
    said: RefCell<VecDeque<String>>,
}

impl Mood {
    pub(super) fn new(host: &Native) -> Self {
        // Half of all runs begin with a highlight, so that a trial run soon shows a wave.
        let first = host.random() as usize % (2 * HIGHLIGHTS.len());
        Self {
            highlight: Cell::new((first < HIGHLIGHTS.len()).then_some(first)),
            word: Cell::new(host.random() as usize),
            said: RefCell::default(),
        }
    }

    /// Switches highlights on and off, for ever.
    pub(super) async fn change(self: Rc<Self>, host: Native) {
        let exponential = |mean: f64| Duration::from_secs_f64(-mean * (1.0 - host.fraction()).ln());
        loop {
            if self.highlight.get().is_some() {
                host.sleep(Duration::from_secs_f64(HIGHLIGHT_S)).await;
                self.highlight.set(None);
            }
            host.sleep(exponential(QUIET_S)).await;
            self.word.set(host.random() as usize);
            self.highlight.set(Some(host.random() as usize % HIGHLIGHTS.len()));
        }
    }

    /// The current rate, relative to the average.
    pub(super) fn pace(&self) -> f64 {
        if self.highlight.get().is_some() { CALM * SURGE } else { CALM }
    }

    /// A text for now, of somebody who writes in that language: during a highlight mostly one that fits it, and of these most
    /// often the word of the hour, which makes a wave; sometimes a copy of a recent one.
    pub(super) fn text(&self, host: &Native, tongue: Tongue) -> String {
        let chance = host.fraction();
        let copied = {
            let said = self.said.borrow();
            let pick = host.random() as usize % said.len().max(1);
            said.get(pick).filter(|_| chance < 0.15).cloned()
        };
        let text = copied.unwrap_or_else(|| match self.highlight.get().and_then(|index| HIGHLIGHTS.get(index)) {
            Some(theme) if chance < 0.5 => {
                theme.get(self.word.get() % theme.len().max(1)).copied().unwrap_or_default().to_owned()
            }
            Some(theme) if chance < 0.85 => texts::any_of(theme, host),
            _ => texts::small_talk(host, tongue),
        });
        let mut said = self.said.borrow_mut();
        said.push_back(text.clone());
        if said.len() > 12 {
            said.pop_front();
        }
        text
    }
}
