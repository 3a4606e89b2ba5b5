//! Base64: the standard alphabet with padding ([RFC 4648, 4](https://www.rfc-editor.org/rfc/rfc4648#section-4)), as Kinesis'
//! JSON protocol writes blobs, and base64url without padding ([RFC 4648, 5](https://www.rfc-editor.org/rfc/rfc4648#section-5)),
//! as tickets use it. Written by hand: a twentieth of the size the crate would add to the page.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encode(out: &mut String, data: &[u8]) {
    out.reserve(data.len().div_ceil(3) * 4);
    for chunk in data.chunks(3) {
        let bits = chunk.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
}

/// The bytes, if it is base64, padded and with no bits left over.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    let padding = text.iter().rev().take(2).take_while(|&&digit| digit == b'=').count();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut data = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for &digit in &text[..text.len() - padding] {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            data.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(data)
}

/// Encodes as base64url, without padding.
pub(crate) fn encode_url(out: &mut String, data: &[u8]) {
    let mut text = String::new();
    encode(&mut text, data);
    let digits = text.chars().filter(|digit| *digit != '=');
    out.extend(digits.map(|digit| match digit {
        '+' => '-',
        '/' => '_',
        digit => digit,
    }));
}

/// The bytes, if the text is base64url without padding and with no bits left over.
pub(crate) fn decode_url(text: &str) -> Option<Vec<u8>> {
    let mut standard = String::with_capacity(text.len() + 3);
    for digit in text.chars() {
        standard.push(match digit {
            '-' => '+',
            '_' => '/',
            '+' | '/' | '=' => return None,
            digit => digit,
        });
    }
    // A length of 1 modulo 4 is invalid: it would need three `=`, and `decode` accepts two at most.
    let padding = text.len().next_multiple_of(4) - text.len();
    standard.push_str(&"==="[..padding]);
    decode(&standard)
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine,
        prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
    };
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blobs_are_what_the_base64_crate_makes_and_reads(
            data in proptest::collection::vec(any::<u8>(), 0..100),
            text in "[A-Za-z0-9+/=]{0,12}|\\PC{0,6}",
        ) {
            let mut out = String::new();
            encode(&mut out, &data);
            prop_assert_eq!(&out, &BASE64_STANDARD.encode(&data));
            prop_assert_eq!(decode(&out), Some(data));
            prop_assert_eq!(decode(&text), BASE64_STANDARD.decode(&text).ok());
        }

        #[test]
        fn what_stands_in_addresses_is_what_the_base64_crate_makes_and_reads(
            data in proptest::collection::vec(any::<u8>(), 0..100),
            text in "[A-Za-z0-9_=-]{0,12}|[A-Za-z0-9+/_-]{0,12}|\\PC{0,6}",
        ) {
            let mut out = String::new();
            encode_url(&mut out, &data);
            prop_assert_eq!(&out, &BASE64_URL_SAFE_NO_PAD.encode(&data));
            prop_assert_eq!(decode_url(&out), Some(data));
            prop_assert_eq!(decode_url(&text), BASE64_URL_SAFE_NO_PAD.decode(&text).ok());
        }
    }
}
