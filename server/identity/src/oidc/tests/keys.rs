//! Keys that sign tokens, right ones and forged ones.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use num_bigint::BigUint;
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::{self, KeyPairComponents, PublicKeyComponents},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use serde_json::{Value, json};

/// Two primes that everybody knows: of [RFC 2409, 6.2](https://www.rfc-editor.org/rfc/rfc2409#section-6.2) and of RFC 5054's
/// 1024-bit group. Their product is a modulus of 2,048 bits that is good for tests and for nothing else.
const PRIMES: [&str; 2] = [
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6d\
     f25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381\
     ffffffffffffffff",
    "eeaf0ab9adb38dd69c33f80afa8fc5e86072618775ff3c0b9ea2314c9c256576d674df7496ea81d3383b4813d692c6e0e0d5d8e250b98be48e495c1d\
     6089dad15dc7d7b46154d6b6ce8ef4ad69b15d4982559b297bcf1885c529f566660e57ec68edbc3c05726cc02fd4cbf4976eaa9afd5138fe8376435b\
     9fc61d2fc0eb06e3",
];
const EXPONENT: u32 = 65_537;

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A token in the compact form, with whatever signature.
pub fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = [base64url(header.to_string()), base64url(claims.to_string())].join(".");
    let signature = base64url(sign(message.as_bytes()));
    [message, signature].join(".")
}

/// A token under a shared secret, which no issuer of ours has.
pub fn hs256(kid: &str, claims: &Value, secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    token(&json!({"alg": "HS256", "kid": kid}), claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

pub struct RsaKey {
    modulus: BigUint,
    pair: rsa::KeyPair,
}

impl RsaKey {
    pub fn new() -> Self {
        let [p, q] = PRIMES.map(|prime| BigUint::parse_bytes(prime.as_bytes(), 16).expect("digits"));
        let one = BigUint::from(1_u8);
        let modulus = &p * &q;
        let exponent = BigUint::from(EXPONENT);
        let d = exponent.modinv(&((&p - &one) * (&q - &one))).expect("no common factor");
        let bytes = |number: &BigUint| number.to_bytes_be();
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: bytes(&modulus), e: bytes(&exponent) },
            d: bytes(&d),
            dP: bytes(&(&d % (&p - &one))),
            dQ: bytes(&(&d % (&q - &one))),
            qInv: bytes(&q.modinv(&p).expect("two primes")),
            p: bytes(&p),
            q: bytes(&q),
        };
        Self { pair: rsa::KeyPair::from_components(&components).expect("a key"), modulus }
    }

    pub fn modulus(&self) -> Vec<u8> {
        self.modulus.to_bytes_be()
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let e = base64url(&EXPONENT.to_be_bytes()[1..]);
        json!({"kty": "RSA", "kid": kid, "n": base64url(self.modulus()), "e": e})
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("signed");
        signature
    }

    pub fn token(&self, kid: &str, claims: &Value) -> String {
        token(&json!({"alg": "RS256", "kid": kid, "typ": "JWT"}), claims, |message| self.sign(message))
    }
}

pub struct EcKey(EcdsaKeyPair);

impl EcKey {
    pub fn generate() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("the same key"))
    }

    pub fn jwk(&self, kid: &str) -> Value {
        // 4, then both coordinates.
        let point = self.0.public_key().as_ref();
        let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y})
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).expect("signed").as_ref().to_vec()
    }

    pub fn token(&self, kid: &str, claims: &Value) -> String {
        token(&json!({"alg": "ES256", "kid": kid}), claims, |message| self.sign(message))
    }
}
