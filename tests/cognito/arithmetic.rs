//! The client's arithmetic by `num-bigint`, for machines that have none of their own.

use danmu::cognito::srp::Number;
use num_bigint::BigUint;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Natural(pub BigUint);

impl Number for Natural {
    fn from_hex(digits: &str) -> Self {
        Self(BigUint::parse_bytes(digits.as_bytes(), 16).expect("the client gives digits only"))
    }

    fn to_hex(&self) -> String {
        self.0.to_str_radix(16)
    }

    fn add(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    fn sub(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    fn mul(&self, other: &Self) -> Self {
        Self(&self.0 * &other.0)
    }

    fn rem(&self, modulus: &Self) -> Self {
        Self(&self.0 % &modulus.0)
    }

    fn pow_mod(&self, exponent: &Self, modulus: &Self) -> Self {
        Self(self.0.modpow(&exponent.0, &modulus.0))
    }
}
