//! The three spellings of time that AWS uses, over Unix milliseconds: the basic ISO 8601 of a signature, the
//! HTTP `Date` header, and the decimal seconds of JSON 1.1. Gregorian calendar, UTC, no leap seconds.

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
/// ([RFC 9110, 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7); the preferred form only), if it is one.
pub fn http_date(text: &str) -> Option<i64> {
    let text = text.as_bytes();
    if text.len() != 29 || [&text[3..5], &text[25..]] != [b", ".as_slice(), b" GMT"] {
        return None;
    }
    if [7, 11, 16, 19, 22].map(|place| text[place]) != *b"   ::" {
        return None;
    }
    // Two or four digits: nothing that is computed from them can overflow.
    let number = |from: usize, width: usize| {
        let digit = |sum: i64, d: &u8| d.is_ascii_digit().then(|| sum * 10 + i64::from(d - b'0'));
        text[from..from + width].iter().try_fold(0, digit)
    };
    let (day, year) = (number(5, 2)?, number(12, 4)?);
    let month = 1 + MONTHS.chunks(3).position(|name| name == &text[8..11])? as i64;
    let (hour, minute, second) = (number(17, 2)?, number(20, 2)?, number(23, 2)?);
    let date = days(year, month, day);
    // A leap second is the next one.
    let plausible = year >= 1970 && civil(date) == (year, month, day) && hour < 24 && minute < 60 && second <= 60;
    plausible.then(|| date * DAY_MS + (hour * 3600 + minute * 60 + second) * 1000)
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

fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[cfg(test)]
mod tests {
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
        fn every_second_until_the_year_9999_is_read_as_it_is_written(second in 0..253_402_300_800_i64) {
            let (year, month, day) = civil(second.div_euclid(86_400));
            let month = std::str::from_utf8(&MONTHS[month as usize * 3 - 3..][..3]).unwrap();
            let (h, m, s) = (second / 3600 % 24, second / 60 % 60, second % 60);
            let text = format!("Sun, {day:02} {month} {year:04} {h:02}:{m:02}:{s:02} GMT");
            prop_assert_eq!(http_date(&text), Some(second * 1000));
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
