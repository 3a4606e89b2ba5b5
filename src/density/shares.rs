//! Shares: how one second's budget is divided among those who post, by max-min fairness.
//!
//! By what each posted in the second before: who posted little gets all of it, and the others share the rest equally. The danmu
//! of those who exceed their share are spread over the second by a lottery, whose chances come from the sequence number: nobody
//! can choose it, and every replica draws the same.

use std::collections::HashSet;

use super::Author;

/// One place, in the lottery's fixed-point units.
const PLACE: u64 = 1_000;
/// With this many free places, one is sure to be had. With a smaller number, chances would oscillate within the second; with a
/// larger one, places would be left over.
const SURE: u32 = 4;

/// The shares of one second.
#[derive(Debug)]
pub(super) struct Shares {
    budget: u32,
    /// The most that any author gets, at least 1.
    most: u32,
    /// What every author can have at once without taking it from another; 0 where there are more authors than places.
    least: u32,
    /// The authors who wanted more than `most`.
    greedy: HashSet<Author>,
}

/// When a danmu arrived, and its draw in the lottery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Milliseconds since the second began.
    pub(super) elapsed_ms: i64,
    /// 0 to 999.
    pub(super) chance: u64,
}

impl Shares {
    /// Shares by what each author wanted in the second before; `None` where the budget is enough for all.
    pub(super) fn new(budget: u32, wanted: Vec<(Author, u32)>) -> Option<Self> {
        let mut amounts: Vec<u32> = wanted.iter().map(|(_, wanted)| *wanted).collect();
        amounts.sort_unstable();
        let speakers = u32::try_from(amounts.len()).unwrap_or(u32::MAX);
        let mut left = budget;
        let mut most = None;
        for (amount, others) in amounts.into_iter().zip((1..=speakers).rev()) {
            if amount > left / others {
                most = Some((left / others).max(1));
                break;
            }
            left -= amount;
        }
        let most = most?;
        let greedy = wanted.into_iter().filter(|(_, wanted)| *wanted > most).map(|(author, _)| author).collect();
        Some(Self { budget, most, least: budget / speakers, greedy })
    }

    /// Whether one more is shown, with `of_author` shown of its author's and `of_all` of all.
    pub(super) fn admit(&self, author: &Author, of_author: u32, of_all: u32, moment: Moment) -> bool {
        let own = if self.greedy.contains(author) { fits(of_author, self.most, moment) } else { of_author < self.most };
        own && (of_author < self.least || fits(of_all, self.budget, moment))
    }
}

/// Whether one more fits at that moment, with `taken` of the `places` taken. An eighth of them is free when the second begins,
/// so that a crowd that has ended loses nothing; the others become free one after another. The odds rise with the number of
/// free places: if the next danmu always got one, those would win that arrive just as a place becomes free.
fn fits(taken: u32, places: u32, moment: Moment) -> bool {
    let at_once = (places / 8).max(1);
    let odds = places.min(SURE);
    let elapsed_ms = moment.elapsed_ms.clamp(0, 999).unsigned_abs();
    let free = u64::from(at_once) * PLACE + u64::from(places.saturating_sub(at_once)) * elapsed_ms;
    u64::from(taken) * PLACE + moment.chance * u64::from(odds) < free
}

/// The lottery draw of a record, 0 to 999, the same on every replica
/// ([FNV-1a](http://www.isthe.com/chongo/tech/comp/fnv/), finalised by
/// [SplitMix64](https://doi.org/10.1145/2714064.2660195), without which its high bits hardly differ).
pub(super) fn chance(sequence_number: &str) -> u64 {
    let hash = sequence_number
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ mixed >> 31) % PLACE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(n: usize) -> Author {
        n.to_string().parse().ok()
    }

    fn shares(budget: u32, wanted: &[u32]) -> Option<(u32, u32)> {
        let wanted = wanted.iter().enumerate().map(|(n, wanted)| (author(n), *wanted)).collect();
        Shares::new(budget, wanted).map(|shares| (shares.least, shares.most))
    }

    #[test]
    fn who_wants_little_gets_it_and_the_others_share_the_rest() {
        assert_eq!(shares(10, &[]), None);
        assert_eq!(shares(10, &[4, 6]), None);
        assert_eq!(shares(10, &[100]), Some((10, 10)));
        assert_eq!(shares(10, &[100, 2]), Some((5, 8)));
        assert_eq!(shares(10, &[100, 2, 50]), Some((3, 4)));
        assert_eq!(shares(2, &[1, 1, 1]), Some((0, 1)));
    }

    #[test]
    fn places_become_free_through_the_second_and_never_more_than_there_are() {
        let free = |elapsed_ms| {
            let moment = Moment { elapsed_ms, chance: 0 };
            (0..200).take_while(|taken| fits(*taken, 80, moment)).count()
        };
        assert_eq!([-5, 0, 500, 999, 5_000].map(free), [10, 10, 45, 80, 80]);
        let unlucky = Moment { elapsed_ms: 500, chance: 999 };
        assert!(fits(41, 80, unlucky) && !fits(42, 80, unlucky));
        assert!(!fits(80, 80, Moment { elapsed_ms: 999, chance: 0 }));
        assert!(fits(0, 1, Moment { elapsed_ms: 0, chance: 999 }), "a share is never less than one");
    }

    #[test]
    fn numbers_that_follow_each_other_have_chances_of_their_own() {
        let base = 49_654_321_098_765_432_109_876_543_210_987_654_321_u128;
        let mut tenths = [0; 10];
        for n in 0..10_000 {
            tenths[usize::try_from(chance(&(base + n * 16).to_string()) / 100).unwrap_or(0)] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1_150).contains(count)), "{tenths:?}");
    }
}
