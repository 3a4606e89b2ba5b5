//! How the room does: viewers, danmu a minute, and what was refused, by reason.

use std::{collections::VecDeque, time::Duration};

use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::figures,
    figures::RoomFigures,
    i18n::{I18n, fill, say, t_string, use_i18n},
};

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(5);
/// Over how many answers the pace is taken: a minute.
const ANSWERS: usize = 13;

/// Danmu a minute, by the first and the last of these answers; `None` with fewer than two. A server that began anew counts from 0.
fn per_minute(answers: &VecDeque<RoomFigures>) -> Option<u64> {
    let (first, last) = (answers.front()?, answers.back()?);
    let ms = u64::try_from(last.now_ms - first.now_ms).ok().filter(|ms| *ms > 0)?;
    Some((last.admitted.checked_sub(first.admitted)? * 60_000 + ms / 2) / ms)
}

/// The name of a reason why a record was refused.
pub(super) fn reason(name: &str, i18n: I18n) -> &'static str {
    match name {
        "banned" => t_string!(i18n, studio.refused_banned),
        "too_fast" => t_string!(i18n, studio.refused_fast),
        "mode" => t_string!(i18n, studio.refused_mode),
        "rule" => t_string!(i18n, studio.refused_rule),
        "shadow" => t_string!(i18n, studio.refused_shadow),
        "text" => t_string!(i18n, studio.refused_text),
        "dropped" => t_string!(i18n, studio.refused_dropped),
        "unsigned" => t_string!(i18n, studio.refused_unsigned),
        "stale" | "expired" => t_string!(i18n, studio.refused_late),
        "duplicate" => t_string!(i18n, studio.refused_again),
        _ => t_string!(i18n, studio.refused_other),
    }
}

/// What was refused, by reason, the most frequent first; reasons of one name together.
fn refused(figures: &RoomFigures, i18n: I18n) -> Vec<(&'static str, u64)> {
    let mut named: Vec<(&'static str, u64)> = Vec::new();
    for (name, count) in &figures.refused {
        let name = reason(name, i18n);
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += count,
            None => named.push((name, *count)),
        }
    }
    named.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    named
}

/// The room's figures on the server that this page talks to.
#[component]
pub fn Figures(
    /// The room's id.
    room: String,
) -> impl IntoView {
    let i18n = use_i18n();
    let answers = RwSignal::new(VecDeque::<RoomFigures>::new());
    let ask = move || {
        let room = room.clone();
        spawn_local(async move {
            // A question without an answer changes nothing; the feed's badge says that the server is away.
            if let Ok(now) = figures(room).await {
                answers.try_update(|answers| {
                    if answers.back().is_some_and(|last| last.admitted > now.admitted) {
                        answers.clear();
                    }
                    answers.push_back(now);
                    let over = answers.len().saturating_sub(ANSWERS);
                    answers.drain(..over);
                });
            }
        });
    };
    Effect::new(move || {
        ask();
        if let Ok(timer) = set_interval_with_handle(ask.clone(), EVERY) {
            on_cleanup(move || timer.clear());
        }
    });
    let last = move || answers.read().back().cloned().unwrap_or_default();
    let pace = move || per_minute(&answers.read()).map_or_else(|| "–".to_owned(), |pace| pace.to_string());
    let list = move || {
        let named = refused(&last(), i18n).into_iter();
        named.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let sum = move || last().refused.iter().map(|(_, count)| count).sum::<u64>();
    view! {
        <p class="figures" data-figures aria-label=say!(i18n, studio.figures)>
            <span data-viewers>{move || fill(t_string!(i18n, studio.viewers), &[("count", &last().viewers)])}</span>
            <span data-pace>{move || fill(t_string!(i18n, studio.pace), &[("count", &pace())])}</span>
            <span data-refused hidden=move || sum() == 0>
                {move || fill(t_string!(i18n, studio.refused_of), &[("count", &sum()), ("list", &list())])}
            </span>
        </p>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(now_ms: i64, admitted: u64) -> RoomFigures {
        RoomFigures { now_ms, admitted, ..RoomFigures::default() }
    }

    #[test]
    fn the_pace_is_that_of_the_last_minute() {
        assert_eq!(per_minute(&VecDeque::new()), None);
        assert_eq!(per_minute(&[answer(0, 7)].into()), None);
        assert_eq!(per_minute(&[answer(0, 7), answer(5_000, 10)].into()), Some(36));
        assert_eq!(per_minute(&[answer(0, 0), answer(30_000, 9), answer(60_000, 100)].into()), Some(100));
        assert_eq!(per_minute(&[answer(9, 0), answer(9, 5)].into()), None, "no time has passed");
        assert_eq!(per_minute(&[answer(0, 9), answer(5_000, 2)].into()), None, "the server began anew");
    }
}
