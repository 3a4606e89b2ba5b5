//! The three spellings of time that AWS uses, over Unix milliseconds: the basic ISO 8601 of a signature, the
//! HTTP `Date` header, and the decimal seconds of JSON 1.1. Gregorian calendar, UTC, no leap seconds.

const DAY_MS: i64 = 86_400_000;
const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// `YYYYMMDD'T'HHMMSS'Z'` of Unix milliseconds, as `X-Amz-Date` wants it; its first eight characters are the date.
///
/// Years outside 0 to 9999 come out as those limits.
pub fn amz_date(unix_ms: i64) -> String {
    let (year, month, day) = civil(unix_ms.div_euclid(DAY_MS));
    let second = unix_ms.rem_euclid(DAY_MS) / 1000;
    let mut out = String::with_capacity(16);
    push_digits(&mut out, year.clamp(0, 9999), 4);
    push_digits(&mut out, month, 2);
    push_digits(&mut out, day, 2);
    out.push('T');
    push_digits(&mut out, second / 3600, 2);
    push_digits(&mut out, second / 60 % 60, 2);
    push_digits(&mut out, second % 60, 2);
    out.push('Z');
    out
}

/// Unix milliseconds of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`
/// ([RFC 9110, 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7); the preferred form only), if it is one.
pub fn http_date(text: &str) -> Option<i64> {
    let mut words = text.split_once(',')?.1.strip_prefix(' ')?.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?.as_bytes();
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':');
    let mut part = || clock.next()?.parse::<i64>().ok();
    let second = part()? * 3600 + part()? * 60 + part()?;
    let month = 1 + MONTHS.chunks(3).position(|m| m == name)? as i64;
    let plausible = (1..=31).contains(&day) && (1970..=9999).contains(&year) && (0..=86_400).contains(&second);
    plausible.then(|| days(year, month, day) * DAY_MS + second * 1000)
}

/// Decimal seconds with millisecond precision, the way the JSON protocol writes a timestamp. Never negative.
pub(crate) fn push_seconds(out: &mut String, unix_ms: i64) {
    let unix_ms = unix_ms.max(0);
    out.push_str(&(unix_ms / 1000).to_string());
    out.push('.');
    push_digits(out, unix_ms % 1000, 3);
}

fn push_digits(out: &mut String, value: i64, width: u32) {
    for place in (0..width).rev() {
        out.push(char::from(b'0' + (value / 10_i64.pow(place) % 10) as u8));
    }
}

/// Year, month and day of a day number (0 is 1970-01-01). The year is taken to begin in March, so that a leap day
/// is its last.
fn civil(day_number: i64) -> (i64, i64, i64) {
    let z = day_number + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_a_signature_are_the_calendar_s() {
        assert_eq!(amz_date(0), "19700101T000000Z");
        assert_eq!(amz_date(1_440_938_160_000), "20150830T123600Z");
        assert_eq!(amz_date(951_782_399_999), "20000228T235959Z");
        assert_eq!(amz_date(951_782_400_000), "20000229T000000Z");
        assert_eq!(amz_date(4_107_542_400_000), "21000301T000000Z");
    }

    #[test]
    fn an_http_date_is_read_and_anything_else_refused() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199_000));
        for bad in ["", "yesterday", "Sun, 06 Nux 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov"] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_survives_the_calendar() {
        for day in -800_000..800_000 {
            let (y, m, d) = civil(day);
            assert_eq!(days(y, m, d), day);
        }
    }

    #[test]
    fn seconds_keep_their_milliseconds() {
        let mut out = String::new();
        push_seconds(&mut out, 1_700_000_000_007);
        assert_eq!(out, "1700000000.007");
    }
}
