//! The server's half of SRP, as RFC 5054 and Cognito's developer guide have it. It keeps a salt and a verifier, never a password,
//! and has nothing of the client's code: numbers, padding, key and signature are made here again.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use num_bigint::{BigInt, BigUint, Sign};
use sha2::{Digest, Sha256};

/// RFC 3526, 5: 2^3072 - 2^3008 - 1 + 2^64 · ([2^2942 π] + 1690314), the same prime as that of RFC 5054, computed and not copied.
pub fn modulus() -> BigUint {
    static MODULUS: LazyLock<BigUint> = LazyLock::new(|| {
        let two = |power: u32| BigUint::from(2_u8).pow(power);
        two(3072) - two(3008) - 1_u8 + two(64) * (pi(2942) + 1_690_314_u32)
    });
    MODULUS.clone()
}

/// `[2^bits π]`, by Machin's formula with 64 bits to spare.
fn pi(bits: u32) -> BigUint {
    let one = BigInt::from(BigUint::from(2_u8).pow(bits + 64));
    let arctan_of_inverse = |x: u32| {
        let (mut power, mut sum, mut n) = (&one / x, BigInt::ZERO, 0_u32);
        while power.sign() != Sign::NoSign {
            let term = &power / (2 * n + 1);
            if n % 2 == 0 {
                sum += term
            } else {
                sum -= term
            }
            power /= x * x;
            n += 1;
        }
        sum
    };
    let pi: BigInt = arctan_of_inverse(5) * 16 - arctan_of_inverse(239) * 4;
    (pi >> 64_u32).to_biguint().expect("π is above 0")
}

/// As Java writes a number: in two's complement, so that what is above 0 never begins with a bit that is set.
fn java(number: &BigUint) -> Vec<u8> {
    BigInt::from(number.clone()).to_signed_bytes_be()
}

fn sha256(parts: &[&[u8]]) -> BigUint {
    BigUint::from_bytes_be(&Sha256::digest(parts.concat()))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key)
        .expect("any length will do")
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}

/// What a pool keeps of a user.
pub struct Verifier {
    pool: String,
    user: String,
    pub salt: BigUint,
    verifier: BigUint,
}

/// One attempt, from the server's side.
pub struct Attempt {
    big_a: BigUint,
    b: BigUint,
    pub big_b: BigUint,
    pub block: Vec<u8>,
}

impl Verifier {
    /// Keeps what belongs to this password.
    pub fn enroll(pool: &str, user: &str, password: &str, salt: BigUint) -> Self {
        let identity = Sha256::digest(format!("{pool}{user}:{password}"));
        let x = sha256(&[&java(&salt), &identity]);
        let verifier = BigUint::from(2_u8).modpow(&x, &modulus());
        Self { pool: pool.into(), user: user.into(), salt, verifier }
    }

    /// Answers `A`: `B = k·v + g^b`.
    pub fn challenge(&self, big_a: BigUint, b: BigUint, block: Vec<u8>) -> Attempt {
        let n = modulus();
        let k = sha256(&[&java(&n), &[2]]);
        let big_b = (k * &self.verifier + BigUint::from(2_u8).modpow(&b, &n)) % &n;
        Attempt { big_a, b, big_b, block }
    }

    /// Whether the claim could only be made by somebody who knows the password.
    pub fn admits(&self, attempt: &Attempt, timestamp: &str, signature: &str) -> bool {
        let n = modulus();
        let Attempt { big_a, b, big_b, block } = attempt;
        if big_a % &n == BigUint::ZERO {
            return false;
        }
        let u = sha256(&[&java(big_a), &java(big_b)]);
        let session = (big_a * self.verifier.modpow(&u, &n)).modpow(b, &n);
        let extracted = hmac(&java(&u), &java(&session));
        let key = &hmac(&extracted, b"Caldera Derived Key\x01")[..16];
        let message = [self.pool.as_bytes(), self.user.as_bytes(), block, timestamp.as_bytes()].concat();
        BASE64_STANDARD.decode(signature).is_ok_and(|signature| signature == hmac(key, &message))
    }
}
