//! Whole numbers of any size, as the protocol needs them: the browser has its own, a program brings a crate's.

/// A whole number that is never below zero, of up to 6,144 bits: the product of two of the group.
///
/// It is given and taken in hexadecimal digits, lower case, because that is what Cognito sends and every host can do.
pub trait Number: PartialEq + Sized {
    /// The number of 1 or more hexadecimal digits, in whichever case; zeros in front mean nothing.
    fn from_hex(digits: &str) -> Self;
    /// Its digits, lower case, with no zeros in front; `0` for nothing.
    fn to_hex(&self) -> String;
    /// The sum.
    #[must_use]
    fn add(&self, other: &Self) -> Self;
    /// The difference; `other` is never the larger one.
    #[must_use]
    fn sub(&self, other: &Self) -> Self;
    /// The product.
    #[must_use]
    fn mul(&self, other: &Self) -> Self;
    /// What is left after a division by `modulus`, which is not 0.
    #[must_use]
    fn rem(&self, modulus: &Self) -> Self;
    /// `self` to the power of `exponent`, modulo `modulus`, which is not 0.
    #[must_use]
    fn pow_mod(&self, exponent: &Self, modulus: &Self) -> Self;
}
