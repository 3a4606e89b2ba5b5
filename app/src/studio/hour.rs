//! The room's last hour in charts: danmu a minute, viewers, latency, what was refused and what was said most often.

use std::{collections::HashMap, time::Duration};

use leptos::{prelude::*, task::spawn_local};

use super::{
    chart::{Chart, Kind, Series},
    figures::reason,
};
use crate::{
    api::hour as ask_hour,
    figures::HourFigures,
    i18n::{I18n, say, t_string, use_i18n},
};

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(10);

static DANMU: Kind = Kind {
    id: "chart-danmu",
    title: |i18n| t_string!(i18n, studio.chart_danmu),
    unit: |i18n| t_string!(i18n, studio.chart_per_minute),
    series: &[
        Series { name: |i18n| t_string!(i18n, studio.chart_danmu), of: |minute| Some(minute.danmu) },
        Series {
            name: |i18n| t_string!(i18n, studio.chart_refused),
            of: |minute| Some(minute.refused.iter().map(|(_, count)| count).sum()),
        },
    ],
    bars: true,
};

static VIEWERS: Kind = Kind {
    id: "chart-viewers",
    title: |i18n| t_string!(i18n, studio.chart_viewers),
    unit: |i18n| t_string!(i18n, studio.chart_at_once),
    series: &[Series { name: |i18n| t_string!(i18n, studio.chart_viewers), of: |minute| Some(minute.viewers) }],
    bars: false,
};

static LATENCY: Kind = Kind {
    id: "chart-latency",
    title: |i18n| t_string!(i18n, studio.chart_latency),
    unit: |i18n| t_string!(i18n, studio.chart_ms),
    series: &[
        Series { name: |i18n| t_string!(i18n, studio.chart_p50), of: |minute| minute.p50_ms.map(u64::from) },
        Series { name: |i18n| t_string!(i18n, studio.chart_p95), of: |minute| minute.p95_ms.map(u64::from) },
    ],
    bars: false,
};

/// What was refused in the hour, by the name of its reason, the most frequent first.
fn refused(hour: &HourFigures, i18n: I18n) -> Vec<(String, u64)> {
    let mut named = HashMap::<&str, u64>::new();
    for (name, count) in hour.minutes.iter().flat_map(|minute| &minute.refused) {
        *named.entry(reason(name, i18n)).or_default() += count;
    }
    let mut named: Vec<_> = named.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    named.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    named
}

/// The figures of the last hour.
#[component]
pub fn Hour(
    /// The room's id.
    room: String,
    /// Whether it is open at first.
    open: bool,
) -> impl IntoView {
    let i18n = use_i18n();
    let (hour, failed) = (RwSignal::new(HourFigures::default()), RwSignal::new(false));
    let ask = move || {
        let room = room.clone();
        spawn_local(async move {
            let answer = ask_hour(room).await;
            failed.try_set(answer.is_err());
            if let Ok(now) = answer {
                hour.try_set(now);
            }
        });
    };
    Effect::new(move || {
        ask();
        if let Ok(timer) = set_interval_with_handle(ask.clone(), EVERY) {
            on_cleanup(move || timer.clear());
        }
    });
    let reasons = Memo::new(move |_| refused(&hour.read(), i18n));
    let words = Memo::new(move |_| hour.read().words.clone());
    view! {
        <details class="hour" open=open data-hour>
            <summary>{say!(i18n, studio.hour)}</summary>
            <p role="status">{move || if failed.get() { t_string!(i18n, studio.hour_failed) } else { "" }}</p>
            <Chart kind=&DANMU hour />
            <Chart kind=&VIEWERS hour />
            <Chart kind=&LATENCY hour />
            <h3>{say!(i18n, studio.chart_refused)}</h3>
            <p hidden=move || !reasons.read().is_empty()>{say!(i18n, studio.refused_none)}</p>
            <Ranks id="reasons" name=|i18n| t_string!(i18n, studio.chart_reason) ranks=reasons />
            <h3>{say!(i18n, studio.chart_words)}</h3>
            <p hidden=move || !words.read().is_empty()>{say!(i18n, studio.words_none)}</p>
            <Ranks id="words" name=|i18n| t_string!(i18n, studio.chart_word) ranks=words />
        </details>
    }
}

/// Names with counts, the highest first, and a bar each.
#[component]
fn Ranks(
    /// Its name in the document.
    id: &'static str,
    /// What the first column has.
    name: fn(I18n) -> &'static str,
    /// The names and counts.
    ranks: Memo<Vec<(String, u64)>>,
) -> impl IntoView {
    let i18n = use_i18n();
    let row = move |(name, count): (String, u64)| {
        let most = move || ranks.read().first().map_or(1, |(_, most)| *most).to_string();
        view! {
            <tr>
                <th scope="row">
                    <bdi>{name}</bdi>
                </th>
                <td>{count}</td>
                <td aria-hidden="true">
                    <meter max=most value=count.to_string()></meter>
                </td>
            </tr>
        }
    };
    view! {
        <table class="ranks" data-ranks=id hidden=move || ranks.read().is_empty()>
            <thead class="unseen">
                <tr>
                    <th scope="col">{move || name(i18n)}</th>
                    <th scope="col">{say!(i18n, studio.chart_count)}</th>
                </tr>
            </thead>
            <tbody>
                <For each=move || ranks.get() key=Clone::clone children=row />
            </tbody>
        </table>
    }
}
