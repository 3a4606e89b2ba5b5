use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{gate::Evidence, record::DanmuKey, room::RoomId, viewer::Role};

/// What somebody says: when (Unix milliseconds), who (nobody knows, or by name), and what.
type Line<'a> = (i64, Option<&'a str>, String);

const STREAMER: &str = "streamer";

/// The danmu of a room as the stream numbers them.
fn danmu(lines: &[Line<'_>]) -> Vec<(Admitted, String)> {
    let number = |(n, (arrival_ms, author, text)): (usize, &Line<'_>)| {
        let sequence_number = (1_000_000 + 16 * n).to_string();
        let evidence = author.map(|author| {
            let role = if author == STREAMER { Role::Streamer } else { Role::Viewer };
            let viewer = author.parse().expect("an id");
            Evidence { viewer, name: None, role, room: RoomId::demo(), issued_ms: 0, expires_ms: i64::MAX }.into()
        });
        let admitted = Admitted {
            key: DanmuKey::Sequence(sequence_number.clone()),
            text: text.clone(),
            mode: Mode::default(),
            color: Color::default(),
            arrival_ms: *arrival_ms,
            sent_ms: None,
            held_ms: None,
            evidence,
        };
        (admitted, sequence_number)
    };
    lines.iter().enumerate().map(number).collect()
}

fn second(arrival_ms: i64) -> i64 {
    arrival_ms.div_euclid(SECOND_MS)
}

/// What became of each, and what was merged. As many are told to be left out as were.
fn judge(density: &mut Density, danmu: &[(Admitted, String)]) -> (Vec<Fate>, Vec<Item>) {
    let (mut fates, mut merged, mut dropped) = (Vec::new(), Vec::new(), 0);
    for (admitted, number) in danmu {
        let judged = density.judge(admitted, number);
        fates.push(judged.fate);
        merged.extend(judged.settled.merged);
        dropped += judged.settled.dropped;
    }
    let settled = density.settle();
    merged.extend(settled.merged);
    assert_eq!((dropped + settled.dropped) as usize, count(&fates, Fate::Dropped));
    (fates, merged)
}

fn count(fates: &[Fate], fate: Fate) -> usize {
    fates.iter().filter(|other| **other == fate).count()
}

/// How many of an author's danmu were shown in each second.
fn shown(lines: &[Line<'_>], fates: &[Fate], author: Option<&str>) -> BTreeMap<i64, u32> {
    let mut shown = BTreeMap::new();
    for ((arrival_ms, who, _), fate) in lines.iter().zip(fates) {
        if *who == author && *fate == Fate::Shown {
            *shown.entry(second(*arrival_ms)).or_default() += 1;
        }
    }
    shown
}

#[test]
fn what_a_whole_room_says_is_told_as_one_and_costs_nobody_a_place() {
    let mut lines = Vec::new();
    for at in 0..3_000 {
        lines.push((at, None, if at % 100 == 50 { at.to_string() } else { "666".to_owned() }));
    }
    let (fates, merged) = judge(&mut Density::new(20), &danmu(&lines));
    for now in 1..3 {
        let of = |fate| lines.iter().zip(&fates).filter(move |(line, other)| second(line.0) == now && **other == fate);
        assert_eq!((of(Fate::Shown).count(), of(Fate::Dropped).count()), (11, 0));
        let told: Vec<_> = merged.iter().filter(|item| second(item.at) == now).collect();
        assert!(matches!(told[..], [Item { text, n: 989, .. }] if text == "666"), "{told:?}");
    }
}

#[test]
fn a_crowd_that_is_over_loses_nobody() {
    let mut lines: Vec<Line<'_>> = (0..1_000).map(|at| (at, None, at.to_string())).collect();
    lines.extend((0..300).map(|n| (1_000 + n * 33, None, format!("after {n}"))));
    let (fates, merged) = judge(&mut Density::new(50), &danmu(&lines));
    assert_eq!(count(&fates[..1_000], Fate::Shown), 50);
    assert_eq!((count(&fates[1_000..], Fate::Shown), merged.len()), (300, 0));
}

#[test]
fn the_places_of_a_crowded_second_are_spread_over_it() {
    let lines: Vec<Line<'_>> = (0..3_000).map(|at| (at, None, at.to_string())).collect();
    let (fates, _) = judge(&mut Density::new(80), &danmu(&lines));
    for quarter in fates[1_000..].chunks(250) {
        let shown = count(quarter, Fate::Shown);
        assert!((12..36).contains(&shown), "{shown}");
    }
}

#[test]
fn where_there_are_more_viewers_than_places_everybody_has_a_turn() {
    let names: Vec<_> = (0..100).map(|n| format!("viewer-{n}")).collect();
    let mut lines = Vec::new();
    for now in 0..300 {
        for (n, name) in names.iter().enumerate() {
            lines.push((now * 1_000 + n as i64 * 10, Some(name.as_str()), format!("{now}-{n}")));
        }
    }
    let (fates, _) = judge(&mut Density::new(20), &danmu(&lines));
    for name in &names {
        let turns = shown(&lines, &fates, Some(name)).len();
        assert!((25..180).contains(&turns), "{name}: {turns} of 300");
    }
}

#[test]
fn without_a_budget_all_is_shown_as_it_comes() {
    let lines: Vec<Line<'_>> = (0..5_000).map(|at| (at, None, "666".to_owned())).collect();
    let (fates, merged) = judge(&mut Density::new(0), &danmu(&lines));
    assert_eq!((count(&fates, Fate::Shown), merged.len()), (5_000, 0));
}

#[test]
fn more_texts_than_any_shard_takes_cost_no_more_memory() {
    let mut density = Density::new(10);
    let names: Vec<_> = (0..MOST + 10).map(|n| n.to_string()).collect();
    let lines: Vec<Line<'_>> = names.iter().map(|name| (0, Some(name.as_str()), name.clone())).collect();
    let _ = judge(&mut density, &danmu(&lines));
    assert_eq!(density.now.looks.len(), MOST);
    assert!(density.now.authors.len() <= MOST + 1);
}

/// A busy room: a danmu every few milliseconds, some of them equal, by a few viewers, the streamer, and nobody known.
fn busy() -> impl Strategy<Value = Vec<Line<'static>>> {
    let author = prop_oneof![Just(None), Just(Some("ann")), Just(Some("bob")), Just(Some(STREAMER))];
    let pause = prop_oneof![30 => 0_i64..20, 1 => 0_i64..2_500];
    prop::collection::vec((pause, author, 0..40_u8), 1..400).prop_map(|lines| {
        let mut now = 1_795_519_000_000;
        let at = |(pause, author, text): (i64, _, u8)| {
            now += pause;
            (now, author, text.to_string())
        };
        lines.into_iter().map(at).collect()
    })
}

proptest! {
    #[test]
    fn below_the_budget_nothing_is_dropped_or_merged(lines in busy(), budget in 1_u32..20) {
        let mut came = BTreeMap::<_, u32>::new();
        let fits = |(at, ..): &Line<'_>| {
            let came = came.entry(second(*at)).or_default();
            *came += 1;
            *came <= budget
        };
        let lines: Vec<_> = lines.into_iter().filter(fits).collect();
        let (fates, merged) = judge(&mut Density::new(budget), &danmu(&lines));
        prop_assert_eq!((count(&fates, Fate::Shown), merged.len()), (lines.len(), 0));
    }

    #[test]
    fn never_more_than_the_budget_is_shown_in_a_second_but_all_of_the_streamer(lines in busy(), budget in 1_u32..20) {
        let (fates, merged) = judge(&mut Density::new(budget), &danmu(&lines));
        let mut seconds = BTreeMap::<_, u32>::new();
        for ((at, author, _), fate) in lines.iter().zip(&fates) {
            if *author == Some(STREAMER) {
                prop_assert_eq!(*fate, Fate::Shown);
            } else {
                *seconds.entry(second(*at)).or_default() += u32::from(*fate == Fate::Shown);
            }
        }
        prop_assert!(seconds.values().all(|shown| *shown <= budget));
        let mut told = BTreeMap::<_, u32>::new();
        merged.iter().for_each(|item| *told.entry(second(item.at)).or_default() += 1);
        prop_assert!(told.values().all(|told| *told <= budget), "merged ones are bounded by it too");
    }

    #[test]
    fn all_that_comes_is_shown_merged_or_dropped(lines in busy(), budget in 1_u32..20) {
        let (fates, merged) = judge(&mut Density::new(budget), &danmu(&lines));
        let told: u32 = merged.iter().map(|item| item.n).sum();
        prop_assert_eq!(told as usize, count(&fates, Fate::Merged));
        // What was merged is an equal one of that second that was shown.
        for item in &merged {
            let is_shown = |((at, _, text), fate): (&Line<'_>, &Fate)| {
                *fate == Fate::Shown && second(*at) == second(item.at) && *text == item.text
            };
            prop_assert!(lines.iter().zip(&fates).any(is_shown));
        }
    }

    /// One has run for ever, the other began somewhere in between.
    #[test]
    fn two_that_began_at_different_times_agree_from_the_second_full_second_on(
        lines in busy(), budget in 1_u32..20, from in 0_usize..400,
    ) {
        let danmu = danmu(&lines);
        let from = from.min(danmu.len() - 1);
        let agreed = second(danmu[from].0.arrival_ms) + 2;
        let (old, old_merged) = judge(&mut Density::new(budget), &danmu);
        let (young, young_merged) = judge(&mut Density::new(budget), &danmu[from..]);
        for (n, (admitted, _)) in danmu.iter().enumerate().skip(from) {
            prop_assert!(second(admitted.arrival_ms) < agreed || old[n] == young[n - from]);
        }
        let late = |merged: Vec<Item>| merged.into_iter().filter(|item| second(item.at) >= agreed).collect::<Vec<_>>();
        prop_assert_eq!(late(old_merged), late(young_merged));
    }

    #[test]
    fn a_flood_leaves_the_others_their_share(
        moments in prop::collection::vec(prop::collection::vec(0_i64..1_000, 10), 6),
        named: bool,
    ) {
        let flood = named.then_some("flood");
        let names: Vec<_> = (0..10).map(|n| format!("viewer-{n}")).collect();
        let mut lines = Vec::new();
        for (now, moments) in (0..).zip(&moments) {
            lines.extend((0..500).map(|n| (now * 1_000 + n * 2, flood, format!("{now} {n}"))));
            for (name, moment) in names.iter().zip(moments) {
                lines.push((now * 1_000 + moment, Some(name.as_str()), format!("{now} {name}")));
            }
        }
        lines.sort_by_key(|line| line.0);
        let (fates, _) = judge(&mut Density::new(30), &danmu(&lines));
        for now in 1..6 {
            for name in &names {
                let of_viewer = shown(&lines, &fates, Some(name));
                prop_assert_eq!(of_viewer.get(&now), Some(&1), "{} in {}", name, now);
            }
            let of_flood = shown(&lines, &fates, flood)[&now];
            prop_assert!((15..=20).contains(&of_flood), "what the others leave is used: {of_flood}");
        }
    }
}
