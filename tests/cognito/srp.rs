//! The client's proof before a verifier that knows SRP, and before servers that mean ill.

use base64::{Engine, prelude::BASE64_STANDARD};
use danmu::cognito::srp::{CHANCE_BYTES, Challenge, Claim, MODULUS, Srp, SrpError};
use num_bigint::BigUint;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    arithmetic::Natural,
    verifier::{Attempt, Verifier, modulus},
};

const POOL: &str = "AbC123xyz";
const NOW: i64 = 1_790_000_000_000;

/// As many bytes as wanted, that look like chance and are the same in every run.
fn bytes(seed: u32, what: &str, len: usize) -> Vec<u8> {
    let blocks = (0_u32..).flat_map(|n| Sha256::digest(format!("{what} {seed} {n}")));
    blocks.take(len).collect()
}

fn client(seed: u32) -> Srp<Natural> {
    let chance: [u8; CHANCE_BYTES] = bytes(seed, "a", CHANCE_BYTES).try_into().unwrap();
    Srp::new(&chance).unwrap()
}

/// People's names and passwords, in all the scripts and with all the signs that they use.
fn person(seed: u32) -> (String, String) {
    let words = [
        "correct horse",
        "пароль",
        "密码是秘密",
        "🔑🗝",
        "pass:word",
        " led by a space",
        "tail ",
        "Zürich",
        "x",
        "\u{301}",
    ];
    let word = words[seed as usize % words.len()];
    let name = ["amy", "博雅", "a@example.org", "d0f5-uuid", "name:colon"][seed as usize % 5];
    (format!("{name}{}", seed % 7), format!("{word}{seed}"))
}

/// One attempt of `password` at the door of somebody whose password is `right`.
fn attempt(seed: u32, user: &str, right: &str, password: &str) -> (Verifier, Attempt, Claim) {
    // 16 bytes, as Cognito has them: some begin with zeros, some with a bit that is set.
    let mut salt = bytes(seed, "salt", 16);
    if seed.is_multiple_of(4) {
        salt[0] = 0;
    }
    let verifier = Verifier::enroll(POOL, user, right, BigUint::from_bytes_be(&salt));
    let client = client(seed);
    let big_a = BigUint::parse_bytes(client.public().as_bytes(), 16).unwrap();
    let attempt = verifier.challenge(big_a, BigUint::from_bytes_be(&bytes(seed, "b", 48)), bytes(seed, "block", 500));
    let claim = claim(&client, POOL, user, password, &verifier, &attempt).unwrap();
    (verifier, attempt, claim)
}

fn claim(
    client: &Srp<Natural>,
    pool: &str,
    user: &str,
    password: &str,
    verifier: &Verifier,
    attempt: &Attempt,
) -> Result<Claim, SrpError> {
    let (salt, b) = (verifier.salt.to_str_radix(16), attempt.big_b.to_str_radix(16));
    let challenge = Challenge { user, salt: &salt, b: &b, block: &BASE64_STANDARD.encode(&attempt.block) };
    client.claim(pool, password, challenge, NOW)
}

#[test]
fn the_group_is_that_of_the_rfc() {
    assert_eq!(modulus().to_str_radix(16), MODULUS);
}

#[test]
fn a_hundred_right_passwords_are_admitted() {
    for seed in 0..100 {
        let (user, password) = person(seed);
        let (verifier, attempt, claim) = attempt(seed, &user, &password, &password);
        assert!(verifier.admits(&attempt, &claim.timestamp, &claim.signature), "{user:?} {password:?}");
    }
}

#[test]
fn a_hundred_wrong_passwords_are_refused() {
    for seed in 0..100 {
        let (user, right) = person(seed);
        let wrong = match seed % 5 {
            0 => format!("{right} "),
            1 => right.chars().skip(1).collect(),
            2 => right.chars().rev().collect::<String>() + "!",
            3 => String::new(),
            _ => person(seed + 1).1,
        };
        assert_ne!(wrong, right);
        let (verifier, attempt, claim) = attempt(seed, &user, &right, &wrong);
        assert!(!verifier.admits(&attempt, &claim.timestamp, &claim.signature), "{user:?} {right:?} {wrong:?}");
    }
}

#[test]
fn a_claim_holds_for_its_user_its_pool_its_block_and_its_time_alone() {
    let (user, password) = person(1);
    let (verifier, mut attempt, claimed) = attempt(1, &user, &password, &password);
    assert!(verifier.admits(&attempt, &claimed.timestamp, &claimed.signature));
    assert!(!verifier.admits(&attempt, "Tue Sep 5 16:47:11 UTC 2017", &claimed.signature));
    for (pool, user) in [("Other", user.as_str()), (POOL, "somebody")] {
        let other = claim(&client(1), pool, user, &password, &verifier, &attempt).unwrap();
        assert!(!verifier.admits(&attempt, &other.timestamp, &other.signature), "{pool} {user}");
    }
    attempt.block[0] ^= 1;
    assert!(!verifier.admits(&attempt, &claimed.timestamp, &claimed.signature));
}

#[test]
fn values_that_no_honest_server_sends_are_refused() {
    let refused = |salt: &str, b: &str| {
        client(1).claim(POOL, "password", Challenge { user: "amy", salt, b, block: "" }, NOW).unwrap_err()
    };
    let twice = (modulus() * 2_u8).to_str_radix(16);
    for zero in ["0", "000", MODULUS, &MODULUS.to_uppercase(), &twice] {
        assert_eq!(refused("a1", zero), SrpError::ZeroB);
    }
    let long = "1".repeat(MODULUS.len() + 3);
    for bad in ["", "-1", "0x1", "g", "1 ", "１", &long] {
        assert_eq!(refused("a1", bad), SrpError::NotHex("SRP_B"), "{bad}");
        assert_eq!(refused(bad, "1"), SrpError::NotHex("SALT"), "{bad}");
    }
}

#[test]
fn chance_that_is_none_is_no_beginning() {
    assert!(Srp::<Natural>::new(&[0; CHANCE_BYTES]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_server_makes_it_panic(user in "\\PC{0,8}", salt in "[0-9a-fA-F]{0,40}|\\PC{0,6}", b in "[0-9a-fA-F]{0,40}|\\PC{0,6}",
                                block in "[A-Za-z0-9+/]{4}|\\PC{0,6}", now in any::<i64>()) {
        let _ = client(7).claim(POOL, "password", Challenge { user: &user, salt: &salt, b: &b, block: &block }, now);
    }
}
