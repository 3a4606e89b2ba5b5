//! The client's half of the Secure Remote Password protocol (SRP), as Amazon Cognito user pools use it (`USER_SRP_AUTH`).
//!
//! SRP-6a ([RFC 2945](https://www.rfc-editor.org/rfc/rfc2945), [RFC 5054](https://www.rfc-editor.org/rfc/rfc5054)) over the
//! 3072-bit group of RFC 5054, appendix A, with SHA-256. Cognito's deviations are taken from its client
//! ([`AuthenticationHelper.js`](https://github.com/aws-amplify/amplify-js/blob/main/packages/amazon-cognito-identity-js/src/AuthenticationHelper.js)):
//! numbers are hashed as signed ones, with a zero byte before a set top bit, not padded to the group's length; the session key
//! goes through HKDF ("Caldera Derived Key"); and instead of SRP's own proof an HMAC over the pool, the user, a server block
//! and a time is sent.
//!
//! The password and what is derived from it leave this module only as that HMAC; server values that would make the key known
//! are refused. The arithmetic is the host's ([`Number`]) and not constant-time: a script that can time it from within the page
//! can read the password field anyway.

mod claim;
mod number;

use sha2::{Digest, Sha256};

pub use self::{
    claim::{Challenge, Claim},
    number::Number,
};
use crate::kinesis::sigv4::{hex, hmac};

/// The modulus, a safe prime ([RFC 5054, appendix A](https://www.rfc-editor.org/rfc/rfc5054#appendix-A), 3072 bits).
pub const MODULUS: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
                           ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
                           ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f\
                           83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b\
                           e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510\
                           15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7\
                           abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c\
                           bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff";
/// The generator of that group.
pub const GENERATOR: &str = "2";
/// Random bytes of a client: as many as `u·x` has, to which the secret exponent is added, and twice RFC 5054's 256 bits.
pub const CHANCE_BYTES: usize = 64;
/// HKDF's `info`: what the key is for.
const INFO: &[u8] = b"Caldera Derived Key";

/// Why a server's values cannot be used: it is broken, or not genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrpError {
    /// Not a hexadecimal number, or longer than any of the group.
    #[error("{0} is no hexadecimal number of 1 to {MAX_HEX} digits")]
    NotHex(&'static str),
    /// `B mod N = 0`: the key would not depend on the password (RFC 5054, 2.5.3).
    #[error("SRP_B is a multiple of the modulus")]
    ZeroB,
    /// `u = 0`: anybody could compute the key (RFC 2945, 3).
    #[error("the scrambling parameter u is 0")]
    ZeroU,
}

/// The most hexadecimal digits of a number, including a sign byte.
const MAX_HEX: usize = MODULUS.len() + 2;

/// A client in the middle of the protocol, for one attempt.
pub struct Srp<N> {
    modulus: N,
    generator: N,
    secret: N,
    public: N,
}

impl<N: Number> Srp<N> {
    /// Begins, with fresh random bytes from a secure source, used nowhere else. `None` if they are all zero, which no such
    /// source gives.
    pub fn new(chance: &[u8; CHANCE_BYTES]) -> Option<Self> {
        let (modulus, generator) = (N::from_hex(MODULUS), N::from_hex(GENERATOR));
        let secret = N::from_hex(&hex(chance));
        // An exponent of 0 would give 1, and the key would be known.
        let public = generator.pow_mod(&secret, &modulus);
        (public != N::from_hex("1")).then_some(Self { modulus, generator, secret, public })
    }

    /// `A`, in hexadecimal digits, as `SRP_A` wants it.
    pub fn public(&self) -> String {
        self.public.to_hex()
    }

    /// The key that both sides compute: by RFC 5054, 2.6, and from it 16 bytes by Cognito's HKDF.
    ///
    /// `name` is the user's name as the server gives it (`USER_ID_FOR_SRP`), `pool` the pool's id without its region.
    ///
    /// # Errors
    /// [`SrpError`], for values that no honest server sends.
    pub fn key(&self, pool: &str, name: &str, password: &str, salt: &str, b: &str) -> Result<[u8; 16], SrpError> {
        let (salt, b) = (number::<N>("SALT", salt)?, number::<N>("SRP_B", b)?);
        let zero = N::from_hex("0");
        if b.rem(&self.modulus) == zero {
            return Err(SrpError::ZeroB);
        }
        let u = hash(&[&signed(&self.public), &signed(&b)]);
        let k = N::from_hex(&hex(&hash(&[&signed(&self.modulus), &signed(&self.generator)])));
        let identity = hash(&[pool.as_bytes(), name.as_bytes(), b":", password.as_bytes()]);
        let x = N::from_hex(&hex(&hash(&[&signed(&salt), &identity])));
        let u = N::from_hex(&hex(&u));
        if u == zero {
            return Err(SrpError::ZeroU);
        }
        // S = (B - k·g^x)^(a + u·x). Numbers are unsigned, so k·g^x is subtracted from the modulus and the rest is added.
        let verifier = self.generator.pow_mod(&x, &self.modulus);
        let taken = k.mul(&verifier).rem(&self.modulus);
        let base = b.add(&self.modulus.sub(&taken)).rem(&self.modulus);
        let session = base.pow_mod(&self.secret.add(&u.mul(&x)), &self.modulus);
        Ok(derive(&signed(&session), &signed(&u)))
    }
}

/// HKDF ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)) with SHA-256, of one block, cut to 16 bytes.
fn derive(secret: &[u8], salt: &[u8]) -> [u8; 16] {
    let block = hmac(&hmac(salt, secret), &[INFO, &[1]].concat());
    let mut key = [0; 16];
    key.copy_from_slice(&block[..16]);
    key
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

fn number<N: Number>(name: &'static str, digits: &str) -> Result<N, SrpError> {
    let fits = (1..=MAX_HEX).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    fits.then(|| N::from_hex(digits)).ok_or(SrpError::NotHex(name))
}

/// The bytes of a number, most significant first, with a zero byte before a set top bit: Java's `BigInteger.toByteArray()`, in
/// which Cognito was written.
fn signed<N: Number>(number: &N) -> Vec<u8> {
    let mut digits = number.to_hex();
    if digits.len() % 2 == 1 {
        digits.insert(0, '0');
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
    let mut bytes: Vec<u8> = digits.as_bytes().chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect();
    if bytes[0] >= 0x80 {
        bytes.insert(0, 0);
    }
    bytes
}
