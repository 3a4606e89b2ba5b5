//! Durations as people write them: numbers and units.

use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Milliseconds.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A duration as people write it: `10m`, `1h 30m`, `7d`.
pub fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{text:?} is no time ({error}); give a number and s, m, h or d, as in 10m"))?;
    // An upper bound far beyond any retention, and far from overflow.
    if !(1..=100 * 365 * 86_400).contains(&time.as_secs()) {
        return Err(format!("{text:?} is not between 1s and 36500d"));
    }
    Ok(time)
}

/// Milliseconds as text for people.
pub fn span_ms(ms: i64) -> String {
    span(Duration::from_millis(ms.max(0).unsigned_abs()))
}

/// A duration as text for people: its two largest units.
pub fn span(time: Duration) -> String {
    let mut rest = time.as_secs();
    let mut parts = Vec::new();
    for (name, seconds) in UNITS {
        if rest >= seconds && parts.len() < 2 {
            parts.push(format!("{}{name}", rest / seconds));
        }
        rest %= seconds;
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_as_people_do() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3_600), ("1h 30m", 5_400), ("7d", 604_800)] {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "h", "1", "-1h", "0s", "0.5s", "99999999999d", "36501d", "1 fortnight"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        for (seconds, text) in [(0, "0s"), (59, "59s"), (3_600, "1h"), (90_061, "1d 1h"), (3_661, "1h 1m")] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
