//! The three spellings of time that AWS uses, over Unix milliseconds: the basic ISO 8601 of a signature, the
//! HTTP `Date` header, and the decimal seconds of JSON 1.1. Gregorian calendar, UTC, no leap seconds.

use std::time::UNIX_EPOCH;

pub(crate) const DAY_MS: i64 = 86_400_000;
pub(crate) const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

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
/// ([RFC 9110, 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)), if it is one.
pub fn http_date(text: &str) -> Option<i64> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    since.as_millis().try_into().ok()
}

/// Decimal seconds with millisecond precision, the way the JSON protocol writes a timestamp. Never negative.
pub(crate) fn push_seconds(out: &mut String, unix_ms: i64) {
    let unix_ms = unix_ms.max(0);
    out.push_str(&(unix_ms / 1000).to_string());
    out.push('.');
    push_digits(out, unix_ms % 1000, 3);
}

pub(crate) fn push_digits(out: &mut String, value: i64, width: u32) {
    for place in (0..width).rev() {
        out.push(char::from(b'0' + (value / 10_i64.pow(place) % 10) as u8));
    }
}

/// Year, month and day of a day number (0 is 1970-01-01). The year is taken to begin in March, so that a leap day
/// is its last.
pub(crate) fn civil(day_number: i64) -> (i64, i64, i64) {
    let z = day_number + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

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
        for bad in [
            "",
            "yesterday",
            "Sun, 06 Nov",
            "Sun, 06 Nux 1994 08:49:37 GMT",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Wed, 30 Feb 2024 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 -8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 9223372036854775807:0:0 GMT",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much_for_it(
            text in "\\PC{0,40}",
            day in "[+-]?[0-9]{1,20}", year in "[+-]?[0-9]{1,20}",
            hour in "[+-]?[0-9]{1,20}", minute in "[+-]?[0-9]{1,20}", second in "[+-]?[0-9]{1,20}",
            bytes in "[A-Z][a-z]{2}, \\PC{2} Nov \\PC{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        ) {
            http_date(&text);
            http_date(&bytes);
            prop_assert_eq!(http_date(&format!("Sun, {day} Nov {year} {hour}:{minute}:{second}0 GMT")), None);
        }

        #[test]
        fn every_second_until_the_year_9999_is_read_as_it_is_written(second in 0..253_402_300_800_u64) {
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            prop_assert_eq!(http_date(&date), Some(second as i64 * 1000));
            // The calendar of the signature is the same one.
            let month = MONTHS.chunks(3).position(|name| name == &date.as_bytes()[8..11]).unwrap() + 1;
            let (day, year, time) = (&date[5..7], &date[12..16], date[17..25].replace(':', ""));
            prop_assert_eq!(amz_date(second as i64 * 1000), format!("{year}{month:02}{day}T{time}Z"));
        }
    }

    #[test]
    fn seconds_keep_their_milliseconds() {
        let mut out = String::new();
        push_seconds(&mut out, 1_700_000_000_007);
        assert_eq!(out, "1700000000.007");
    }
}
