//! The password claim, sent instead of the password: an HMAC under the session key over the server's values and a time.

use super::{Number, Srp, SrpError};
use crate::{
    base64,
    kinesis::{sigv4::hmac, time},
};

/// The server's values in the `PASSWORD_VERIFIER` challenge.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// `USER_ID_FOR_SRP`: the name that the verifier was computed from, whatever the user typed.
    pub user: &'a str,
    /// `SALT`, hexadecimal.
    pub salt: &'a str,
    /// `SRP_B`, hexadecimal.
    pub b: &'a str,
    /// `SECRET_BLOCK`, base64; it is sent back unchanged.
    pub block: &'a str,
}

/// The answer to the challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `TIMESTAMP`: when it was signed. The server refuses one that is some minutes off.
    pub timestamp: String,
    /// `PASSWORD_CLAIM_SIGNATURE`, base64.
    pub signature: String,
}

impl<N: Number> Srp<N> {
    /// Claims to know the password, at that Unix millisecond. `pool` is the pool's id without its region.
    ///
    /// # Errors
    /// [`SrpError`], for values that no honest server sends.
    pub fn claim(&self, pool: &str, password: &str, challenge: Challenge<'_>, now_ms: i64) -> Result<Claim, SrpError> {
        // Cognito sends base64; a test double may send anything, which is then signed as it is.
        let block = base64::decode(challenge.block).unwrap_or_else(|| challenge.block.as_bytes().to_vec());
        let key = self.key(pool, challenge.user, password, challenge.salt, challenge.b)?;
        let timestamp = timestamp(now_ms);
        let message = [pool.as_bytes(), challenge.user.as_bytes(), &block, timestamp.as_bytes()].concat();
        let mut signature = String::new();
        base64::encode(&mut signature, &hmac(&key, &message));
        Ok(Claim { timestamp, signature })
    }
}

/// `EEE MMM d HH:mm:ss UTC yyyy`, in English: `Tue Jan 2 15:04:05 UTC 2024`; the day has no zero in front.
fn timestamp(unix_ms: i64) -> String {
    let day_number = unix_ms.div_euclid(time::DAY_MS);
    let (year, month, day) = time::civil(day_number);
    let second = unix_ms.rem_euclid(time::DAY_MS) / 1_000;
    // 1970-01-01 was a Thursday.
    let weekday = 3 * day_number.rem_euclid(7) as usize;
    let month = 3 * (month - 1) as usize;
    let mut out = String::with_capacity(28);
    out.push_str(&"ThuFriSatSunMonTueWed"[weekday..weekday + 3]);
    out.push(' ');
    out.extend(time::MONTHS[month..month + 3].iter().map(|&letter| char::from(letter)));
    out.push(' ');
    time::push_digits(&mut out, day, if day < 10 { 1 } else { 2 });
    for (before, part) in [(' ', second / 3_600), (':', second / 60 % 60), (':', second % 60)] {
        out.push(before);
        time::push_digits(&mut out, part, 2);
    }
    out.push_str(" UTC ");
    time::push_digits(&mut out, year.clamp(0, 9_999), 4);
    out
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn a_claim_s_time_is_written_as_cognito_reads_it() {
        for (unix_ms, text) in [
            (0, "Thu Jan 1 00:00:00 UTC 1970"),
            // `date -u -d @1504630031`.
            (1_504_630_031_999, "Tue Sep 5 16:47:11 UTC 2017"),
            (1_709_251_199_000, "Thu Feb 29 23:59:59 UTC 2024"),
            (1_735_603_200_000, "Tue Dec 31 00:00:00 UTC 2024"),
            (-1_000, "Wed Dec 31 23:59:59 UTC 1969"),
        ] {
            assert_eq!(timestamp(unix_ms), text);
        }
    }
}
