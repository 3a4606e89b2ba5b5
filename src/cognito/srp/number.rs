//! Big integers for the protocol: the browser has its own, a native program brings a crate's.

/// An unsigned integer of up to 6,144 bits: the product of two of the group.
///
/// It is given and taken in lower-case hexadecimal digits: Cognito sends those, and every host can convert them.
pub trait Number: PartialEq + Sized {
    /// The number of 1 or more hexadecimal digits, in either case; leading zeros are ignored.
    fn from_hex(digits: &str) -> Self;
    /// Its digits, lower case, without leading zeros; `0` for zero.
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
    /// The remainder of a division by `modulus`, which is not 0.
    #[must_use]
    fn rem(&self, modulus: &Self) -> Self;
    /// `self` to the power of `exponent`, modulo `modulus`, which is not 0.
    #[must_use]
    fn pow_mod(&self, exponent: &Self, modulus: &Self) -> Self;
}
