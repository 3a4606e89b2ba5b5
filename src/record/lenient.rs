//! Lenient parsing of foreign producers' records: accepts several spellings, and tells a broken record from a plain text, so
//! that no raw JSON is ever shown.

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor, value::StrDeserializer},
};

use super::{Color, Mode, RecordError};

/// The named colours of [CSS Color 4, section 6.1](https://www.w3.org/TR/css-color-4/#named-colors) that its first level had,
/// and orange: what danmu players offer by name.
const NAMED: [(&str, u32); 19] = [
    ("white", 0xff_ffff),
    ("silver", 0xc0_c0c0),
    ("gray", 0x80_8080),
    ("grey", 0x80_8080),
    ("black", 0),
    ("red", 0xff_0000),
    ("maroon", 0x80_0000),
    ("yellow", 0xff_ff00),
    ("olive", 0x80_8000),
    ("lime", 0x00_ff00),
    ("green", 0x00_8000),
    ("aqua", 0x00_ffff),
    ("cyan", 0x00_ffff),
    ("teal", 0x00_8080),
    ("blue", 0x00_00ff),
    ("navy", 0x00_0080),
    ("fuchsia", 0xff_00ff),
    ("purple", 0x80_0080),
    ("orange", 0xff_a500),
];

/// Strips a byte order mark and blanks in front of a record, which some producers write.
pub(super) fn without_head(mut data: &[u8]) -> &[u8] {
    while let [0xef, 0xbb, 0xbf, rest @ ..] | [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = data {
        data = rest;
    }
    data
}

/// A plain text as one line: the byte order mark is removed, tabs and line breaks become a blank.
pub(super) fn one_line(text: &str) -> String {
    let is_break = |c| matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let text = text.trim_start_matches('\u{feff}');
    if !text.contains(is_break) {
        return text.to_owned();
    }
    text.split(is_break).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The version of the record that `json` is meant to be; `None` where it is not meant as a record: not an object, or one
/// without `v`, or with neither `room` nor `text`.
///
/// # Errors
/// [`RecordError::Malformed`] where it is meant as a record but is not JSON, or its version is not a number.
pub(super) fn version(json: &[u8]) -> Result<Option<u64>, RecordError> {
    if !json.starts_with(b"{") {
        return Ok(None);
    }
    let mut members = Members::default();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = reader.deserialize_map(&mut members).and_then(|()| reader.end());
    let Members { version: Some(version), about: true } = members else { return Ok(None) };
    read.map_err(|error| RecordError::Malformed(error.to_string()))?;
    match version.number() {
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "checked")]
        Some(number) if number >= 0.0 && number.fract() == 0.0 => Ok(Some(number as u64)),
        _ => Err(RecordError::Malformed("`v` is no whole number".to_owned())),
    }
}

/// The members that mark an object as a record, as far as they could be read, also from a broken object.
#[derive(Default)]
struct Members {
    version: Option<Loose>,
    /// It has `room` or `text`.
    about: bool,
}

impl<'de> Visitor<'de> for &mut Members {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            self.about |= name == "room" || name == "text";
            if name == "v" {
                self.version = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A value in whatever type it was written: producers mean the same by `1`, `1.0` and `"1"`.
enum Loose {
    Number(f64),
    Text(String),
    /// Neither: no field of a record has this type.
    Other,
}

impl Loose {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        #[expect(clippy::cast_precision_loss, reason = "times and colours are far below 2^53")]
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose::Number(number as f64))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Loose, E> {
                Ok(Loose::Number(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_unit<E: Error>(self) -> Result<Loose, E> {
                Ok(Loose::Other)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// `v`, which [`version`] has checked before.
pub(super) fn read_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let number = Loose::deserialize(deserializer)?.number();
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "saturates")]
    number.map(|number| number as u8).ok_or_else(|| D::Error::custom("`v` is no number"))
}

/// `at`: 0 where it is not a number; a signed record is then refused as stale.
pub(super) fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    Ok(Loose::deserialize(deserializer)?.number().map_or(0, |number| number as i64))
}

/// `mode`: the default where it is unknown.
pub(super) fn read_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
    Ok(match Loose::deserialize(deserializer)? {
        Loose::Text(name) => {
            let name = StrDeserializer::<serde::de::value::Error>::new(&name);
            Mode::deserialize(name).unwrap_or_default()
        }
        Loose::Number(_) | Loose::Other => Mode::default(),
    })
}

/// `color`: `#rrggbb`, `0xRRGGBB` as a number, or a [name](NAMED); the default where it is none of these.
pub(super) fn read_color<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Color, D::Error> {
    let color = match Loose::deserialize(deserializer)? {
        Loose::Text(text) => Color::parse(&text).or_else(|| named(text.trim())),
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "checked")]
        Loose::Number(rgb) if (0.0..16_777_216.0).contains(&rgb) => Some(Color::from_rgb(rgb as u32)),
        Loose::Number(_) | Loose::Other => None,
    };
    Ok(color.unwrap_or_default())
}

fn named(name: &str) -> Option<Color> {
    NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, rgb)| Color::from_rgb(*rgb))
}
