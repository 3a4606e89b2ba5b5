//! Streamer keys: as text, and as argon2id hashes. Tokens of invitations have the same form, and another hash.
//!
//! A key is 140 random bits as 28 letters and digits of [Crockford's base32](https://www.crockford.com/base32.html), which has
//! none that look alike. It is written in groups of four; whoever types it may leave out the hyphens, and need not mind the case.

use std::{fmt, str::FromStr};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The digits, in order.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Length of a key, in digits of five bits.
const LENGTH: usize = 28;
/// Digits in a group.
const GROUP: usize = 4;
/// Cost of a hash: 19 MiB, two passes, one lane ([OWASP, Password Storage Cheat
/// Sheet](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id)).
const COST: (u32, u32, u32) = (19 * 1_024, 2, 1);
/// A hash at the same cost that no key has. A key is compared with it where there is none, so that this takes as long.
pub(super) const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The streamer key of a room: whoever has it is the streamer there. `Display` shows it, `Debug` does not.
#[derive(Clone, PartialEq, Eq)]
pub struct StreamerKey(String);

/// A text that is no streamer key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a streamer key has {LENGTH} letters and digits, without i, l, o and u; copy it whole")]
pub struct NoKey;

/// Why a key could not be hashed: its message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a streamer key cannot be hashed: {0}")]
pub struct HashError(argon2::password_hash::Error);

impl StreamerKey {
    /// A new key, from the operating system's random generator.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut random = [0; LENGTH];
        getrandom::fill(&mut random)?;
        // A byte has as many values for each digit.
        Ok(Self(random.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()))
    }

    /// Its argon2id hash with this salt, as a PHC string. Takes tens of milliseconds and 19 MiB.
    ///
    /// # Errors
    /// See [`HashError`]; never for these parameters.
    pub fn hash(&self, salt: [u8; 16]) -> Result<String, HashError> {
        let hash: PasswordHash =
            argon2().and_then(|argon2| argon2.hash_password_with_salt(self.0.as_bytes(), &salt)).map_err(HashError)?;
        Ok(hash.to_string())
    }

    /// Its SHA-256, as 64 hexadecimal digits: by it the token of an invitation is looked up. Nobody guesses 140 random bits, so
    /// a fast hash is enough, and a token costs no more to refuse than any other request.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the hash is of this key. Takes as long, whatever the answer; compares in constant time.
    #[must_use]
    pub fn fits(&self, hash: &str) -> bool {
        let verified = PasswordHash::new(hash).map(|hash| Argon2::default().verify_password(self.0.as_bytes(), &hash));
        matches!(verified, Ok(Ok(())))
    }
}

fn argon2() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let (memory_kib, passes, lanes) = COST;
    let params = Params::new(memory_kib, passes, lanes, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl FromStr for StreamerKey {
    type Err = NoKey;

    /// Ignores case, spaces and hyphens, and reads `i`, `l` as 1 and `o` as 0.
    fn from_str(text: &str) -> Result<Self, NoKey> {
        let digits = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'));
        let digits = digits.take(LENGTH + 1).map(|c| match c.to_ascii_lowercase() {
            'i' | 'l' => Some('1'),
            'o' => Some('0'),
            c => u8::try_from(c).is_ok_and(|c| DIGITS.contains(&c)).then_some(c),
        });
        let key: String = digits.collect::<Option<_>>().ok_or(NoKey)?;
        if key.len() == LENGTH { Ok(Self(key)) } else { Err(NoKey) }
    }
}

impl fmt::Display for StreamerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, digit) in self.0.chars().enumerate() {
            let hyphen = if at > 0 && at % GROUP == 0 { "-" } else { "" };
            write!(f, "{hyphen}{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StreamerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamerKey")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_read_however_it_is_pasted_and_every_one_is_another() {
        let key = StreamerKey::new().expect("a key");
        assert_ne!(key, StreamerKey::new().expect("a key"));
        let text = key.to_string();
        assert_eq!((text.len(), text.matches('-').count()), (34, 6), "{text}");
        for pasted in
            [text.clone(), text.replace('-', ""), text.to_uppercase(), format!(" {text}\n"), text.replace('-', " – ")]
        {
            assert_eq!(pasted.parse(), Ok(key.clone()), "{pasted}");
        }
        let alike = |text: &str| text.parse::<StreamerKey>();
        assert_eq!(alike("1i1l-I1L0-oO00-0000-0000-0000-0000"), alike("1111111000000000000000000000"));
        for wrong in ["", "-", &text[1..], &format!("{text}0"), &text.replace('-', "_"), &format!("u{}", &text[1..])] {
            assert_eq!(wrong.parse::<StreamerKey>(), Err(NoKey), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "StreamerKey");
    }

    #[test]
    fn the_digest_of_a_key_is_its_sha_256_however_it_is_written() {
        let digest = |text: &str| text.parse::<StreamerKey>().expect("a key").digest();
        let expected = "d77bd86a0e004d9c21a03cdbfeac637b484d184bdda05d72ad726e029c9003a1";
        assert_eq!(digest("0000-0000-0000-0000-0000-0000-0000"), expected);
        assert_eq!(digest(&"O".repeat(28)), expected);
        assert_ne!(digest(&"1".repeat(28)), expected);
    }

    #[test]
    fn every_digit_may_be_in_a_key() {
        let mut seen = std::collections::HashSet::new();
        (0..100).for_each(|_| seen.extend(StreamerKey::new().expect("a key").0.into_bytes()));
        assert_eq!(seen.len(), 32);
    }

    #[test]
    fn a_key_fits_its_own_hash_alone_and_none_fits_nobodys() {
        let (key, other) = (StreamerKey::new().expect("a key"), StreamerKey::new().expect("a key"));
        let hash = key.hash([1; 16]).expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, key.hash([2; 16]).expect("a hash"), "with another salt");
        assert!(key.fits(&hash) && !other.fits(&hash) && !key.fits(NOBODYS) && !key.fits("") && !key.fits(&key.0));
    }

    #[test]
    fn where_there_is_no_key_a_hash_of_the_same_cost_is_verified() {
        let real = PasswordHash::new(&StreamerKey::new().expect("a key").hash([1; 16]).expect("a hash")).expect("PHC");
        let nobodys = PasswordHash::new(NOBODYS).expect("PHC");
        assert_eq!((nobodys.algorithm, nobodys.version, &nobodys.params), (real.algorithm, real.version, &real.params));
        let lengths = |hash: &PasswordHash| {
            (hash.salt.as_ref().map(|salt| salt.len()), hash.hash.as_ref().map(|hash| hash.len()))
        };
        assert_eq!(lengths(&nobodys), lengths(&real));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<StreamerKey>();
        }
    }
}
