//! The arithmetic of SRP on the browser's own `BigInt`: nothing to load.

use danmu::cognito::srp::Number;
use js_sys::BigInt;
use wasm_bindgen::JsValue;

/// A `BigInt` of the browser.
#[derive(Clone, PartialEq)]
pub struct Big(BigInt);

impl Number for Big {
    fn from_hex(digits: &str) -> Self {
        // Only digits come here; anything else would become 0.
        let zero = || BigInt::from(0_u32);
        Self(BigInt::new(&JsValue::from_str(&["0x", digits].concat())).unwrap_or_else(|_| zero()))
    }

    fn to_hex(&self) -> String {
        self.0.to_string(16).map(String::from).unwrap_or_default()
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
        // Square and multiply, a bit at a time, from the most significant one.
        let base = self.rem(modulus);
        let mut power = Self(BigInt::from(1_u32)).rem(modulus);
        for digit in exponent.to_hex().bytes() {
            let digit = char::from(digit).to_digit(16).unwrap_or(0);
            for bit in (0..4).rev() {
                power = power.mul(&power).rem(modulus);
                if digit >> bit & 1 == 1 {
                    power = power.mul(&base).rem(modulus);
                }
            }
        }
        power
    }
}
