//! A chart of the last hour, minute by minute: bars that stand on each other, or curves; with its last value, a summary in words and a table.

use leptos::prelude::*;

use crate::{
    figures::{HourFigures, MinuteFigures},
    i18n::{I18n, fill, say, t_string, use_i18n},
};

/// How many minutes a chart shows.
const MINUTES: usize = 60;
/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;
/// The picture's height, in units of which a minute is 10 wide.
const HEIGHT: f64 = 100.0;

/// What is drawn of each minute.
pub struct Series {
    /// Its name.
    pub name: fn(I18n) -> &'static str,
    /// Its value in a minute in which something happened; `None`: there is none.
    pub of: fn(&MinuteFigures) -> Option<u64>,
}

/// A chart.
pub struct Kind {
    /// Its id in the document.
    pub id: &'static str,
    /// Its title.
    pub title: fn(I18n) -> &'static str,
    /// A value with its unit: a text with `{count}`.
    pub unit: fn(I18n) -> &'static str,
    /// One or two series. The first is told in big figures.
    pub series: &'static [Series],
    /// Whether they are bars that stand on each other, of counts: then a minute without any is 0, and the last one is not over yet.
    pub bars: bool,
}

/// The values of a series in the last 60 minutes, the oldest first.
fn values(hour: &HourFigures, series: &Series, bars: bool) -> Vec<Option<u64>> {
    let mut values = vec![bars.then_some(0); MINUTES];
    let last = hour.now_ms.div_euclid(MINUTE_MS);
    for minute in &hour.minutes {
        let ago = usize::try_from(last - minute.at_ms.div_euclid(MINUTE_MS));
        if let Some(at) = ago.ok().and_then(|ago| (MINUTES - 1).checked_sub(ago)) {
            values[at] = (series.of)(minute).or(values[at]);
        }
    }
    values
}

/// The value that is told as the last one: of counts that of the last whole minute, or of the current one where that has none.
fn last(values: &[Option<u64>], bars: bool) -> Option<u64> {
    let whole = values.get(MINUTES - 2).copied().flatten().filter(|count| bars && *count > 0);
    whole.or_else(|| values.iter().rev().copied().flatten().next())
}

/// The highest value of a picture, at least 1.
fn highest(all: &[Vec<Option<u64>>], bars: bool) -> u64 {
    let of_minute = |at: usize| {
        let values = all.iter().filter_map(|values| values.get(at).copied().flatten());
        if bars { values.sum::<u64>() } else { values.max().unwrap_or(0) }
    };
    (0..MINUTES).map(of_minute).max().unwrap_or(0).max(1)
}

/// The outline of a series, as an SVG path.
fn path(all: &[Vec<Option<u64>>], of: usize, bars: bool) -> String {
    let (top, mut path, mut drawn) = (highest(all, bars) as f64, String::new(), false);
    let Some(values) = all.get(of) else { return path };
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else {
            drawn = false;
            continue;
        };
        let height = *value as f64 / top * (HEIGHT - 4.0);
        if bars {
            let below: u64 = all.iter().take(of).filter_map(|values| values.get(at).copied().flatten()).sum();
            let foot = HEIGHT - below as f64 / top * (HEIGHT - 4.0);
            if *value > 0 {
                path.push_str(&format!("M{} {foot:.1}v-{height:.1}h8v{height:.1}z", at * 10 + 1));
            }
        } else {
            // A step as wide as its minute, so that one that stands alone is seen.
            let command = if drawn { "L" } else { "M" };
            path.push_str(&format!("{command}{} {:.1}h8", at * 10 + 1, HEIGHT - height));
        }
        drawn = true;
    }
    path
}

/// What a chart says in words.
fn summary(values: &[Option<u64>], kind: &Kind, i18n: I18n) -> String {
    let title = (kind.title)(i18n);
    let known = || values.iter().copied().flatten();
    let (Some(last), Some(least), Some(most)) = (last(values, kind.bars), known().min(), known().max()) else {
        return fill(t_string!(i18n, studio.chart_none), &[("title", &title)]);
    };
    let last = fill((kind.unit)(i18n), &[("count", &last)]);
    let values: [(&str, &dyn ToString); 4] = [("title", &title), ("last", &last), ("least", &least), ("most", &most)];
    fill(t_string!(i18n, studio.chart_summary), &values)
}

/// A chart of the last hour.
#[component]
pub fn Chart(
    /// Which.
    kind: &'static Kind,
    /// The hour.
    hour: RwSignal<HourFigures>,
) -> impl IntoView {
    let i18n = use_i18n();
    let all = Memo::new(move |_| {
        let hour = hour.read();
        kind.series.iter().map(|series| values(&hour, series, kind.bars)).collect::<Vec<_>>()
    });
    let first = move || all.with(|all| all.first().cloned().unwrap_or_default());
    let big = move || {
        let last = last(&first(), kind.bars);
        last.map_or_else(|| "–".to_owned(), |last| fill((kind.unit)(i18n), &[("count", &last)]))
    };
    let class = if kind.bars { "bars" } else { "curve" };
    let paths = (0..kind.series.len()).map(|at| {
        let class = if at > 0 { [class, " second"].concat() } else { class.to_owned() };
        view! { <path class=class d=move || all.with(|all| path(all, at, kind.bars)) /> }
    });
    let heads = kind.series.iter().map(|series| view! { <th scope="col">{move || (series.name)(i18n)}</th> });
    let row = move |minute: MinuteFigures| {
        let cells = kind.series.iter().map(|series| {
            let value = (series.of)(&minute);
            view! { <td>{value.map_or_else(|| "–".to_owned(), |value| value.to_string())}</td> }
        });
        view! {
            <tr>
                <th scope="row">{time(minute.at_ms)}</th>
                {cells.collect_view()}
            </tr>
        }
    };
    let newest_first = move || hour.read().minutes.iter().rev().cloned().collect::<Vec<_>>();
    let (title_id, summary_id) = ([kind.id, "-title"].concat(), [kind.id, "-summary"].concat());
    let labelled_by = [&*title_id, " ", &summary_id].concat();
    view! {
        <figure data-chart=kind.id>
            <figcaption>
                <span id=title_id>{move || (kind.title)(i18n)}</span>
                <span class="big" data-last>{big}</span>
            </figcaption>
            <svg role="img" aria-labelledby=labelled_by viewBox="0 0 600 100" preserveAspectRatio="none">
                {paths.collect_view()}
            </svg>
            <p class="unseen" id=summary_id>{move || summary(&first(), kind, i18n)}</p>
            <details>
                <summary>{say!(i18n, studio.chart_table)}</summary>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{say!(i18n, studio.chart_time)}</th>
                            {heads.collect_view()}
                        </tr>
                    </thead>
                    <tbody>
                        <For
                            each=newest_first
                            key=|minute| format!("{minute:?}")
                            children=row
                        />
                    </tbody>
                </table>
            </details>
        </figure>
    }
}

/// The time of day, by this browser's clock and zone.
fn time(at_ms: i64) -> String {
    #[cfg(feature = "hydrate")]
    return crate::client::time_of_day(at_ms);
    #[cfg(not(feature = "hydrate"))]
    return at_ms.to_string();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour() -> HourFigures {
        let minute = |minute: i64, danmu, viewers| MinuteFigures {
            at_ms: minute * MINUTE_MS,
            danmu,
            viewers,
            ..MinuteFigures::default()
        };
        let minutes = vec![minute(40, 9, 9), minute(41, 8, 1), minute(99, 4, 2), minute(100, 1, 3)];
        HourFigures { now_ms: 100 * MINUTE_MS + 1, minutes, words: Vec::new() }
    }

    const DANMU: Series = Series { name: |_| "", of: |minute| Some(minute.danmu) };
    const VIEWERS: Series = Series { name: |_| "", of: |minute| Some(minute.viewers) };

    #[test]
    fn a_minute_in_which_nothing_happened_has_no_danmu_and_nobody_knows_its_viewers() {
        let (danmu, viewers) = (values(&hour(), &DANMU, true), values(&hour(), &VIEWERS, false));
        assert_eq!((danmu.len(), danmu[0], danmu[1], danmu[58], danmu[59]), (60, Some(8), Some(0), Some(4), Some(1)));
        assert_eq!((viewers[0], viewers[1], viewers[59]), (Some(1), None, Some(3)));
        assert_eq!((last(&danmu, true), last(&viewers, false)), (Some(4), Some(3)), "the last minute is not over yet");
        let mut first = HourFigures { minutes: vec![hour().minutes[3].clone()], ..hour() };
        assert_eq!(last(&values(&first, &DANMU, true), true), Some(1), "there is no minute but this one");
        first.minutes.clear();
        assert_eq!(last(&values(&first, &DANMU, true), true), Some(0));
    }

    #[test]
    fn bars_stand_on_each_other_and_a_curve_is_broken_where_nothing_is_known() {
        let danmu = values(&hour(), &DANMU, true);
        let stacked = [danmu.clone(), danmu];
        assert_eq!(highest(&stacked, true), 16);
        assert!(path(&stacked, 0, true).starts_with("M1 100.0v-48.0h8v48.0z"));
        assert!(path(&stacked, 1, true).starts_with("M1 52.0v-48.0h8v48.0z"));
        let curve = path(&[values(&hour(), &VIEWERS, false)], 0, false);
        assert_eq!(curve, "M1 68.0h8M581 36.0h8L591 4.0h8");
    }
}
