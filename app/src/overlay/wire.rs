//! The messages between the page and the overlay's worker, as bytes: many commands are one message, and no text becomes a
//! JavaScript string on the way.
//!
//! Both ends are built from this module, so there is no version. Numbers are little-endian, texts are prefixed with their
//! length. Invalid bytes end the message, and never panic.

use danmu::stage::Mode;

use super::{Motion, Outline, OverlayStats, Settings, Shown};

/// A command of the page.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Show(Shown),
    Confirm(String),
    Retract(String),
    Clear,
    Pause(bool),
    Configure(Settings),
    /// The size that the layout gives, CSS pixels, and device pixels per CSS pixel.
    Fit {
        width: f32,
        height: f32,
        ratio: f32,
    },
    /// Whether the page is hidden.
    Hide(bool),
    /// Where the pointer is, CSS pixels; NaN where it is outside.
    Point {
        x: f32,
        y: f32,
    },
}

/// A report of the worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) stats: OverlayStats,
    /// Whether to update the counts on the page now.
    pub(super) publish: bool,
    /// Id of the danmu under the pointer, empty where there is none.
    pub(super) under: String,
    /// Ids of the danmu that are in the picture for the first time.
    pub(super) first_seen: Vec<String>,
}

impl Command {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Show(Shown { id, text, color, mode, own, important, pending, times }) => {
                let flags = u8::from(*own) | u8::from(*important) << 1 | u8::from(*pending) << 2;
                out.extend_from_slice(&[0, flags, *mode as u8]);
                number(out, *color);
                number(out, *times);
                string(out, id);
                string(out, text);
            }
            Self::Confirm(id) => {
                out.push(1);
                string(out, id);
            }
            Self::Retract(id) => {
                out.push(2);
                string(out, id);
            }
            Self::Clear => out.push(3),
            Self::Pause(paused) => out.extend([4, u8::from(*paused)]),
            Self::Configure(settings) => {
                let Settings {
                    opacity,
                    scale,
                    area,
                    speed,
                    wait_ms,
                    max_lanes,
                    max_on_stage,
                    overlap,
                    outline,
                    font,
                    motion: _,
                } = settings;
                out.push(5);
                floats(out, [*opacity, *scale, *area, *speed, *wait_ms]);
                number(out, *max_lanes);
                number(out, *max_on_stage);
                out.extend([u8::from(*overlap), *outline as u8]);
                string(out, font);
            }
            Self::Fit { width, height, ratio } => {
                out.push(6);
                floats(out, [*width, *height, *ratio]);
            }
            Self::Hide(hidden) => out.extend([7, u8::from(*hidden)]),
            Self::Point { x, y } => {
                out.push(8);
                floats(out, [*x, *y]);
            }
        }
    }

    /// Takes the next command off the message; `None` at its end.
    pub(super) fn read(from: &mut &[u8]) -> Option<Self> {
        Some(match byte(from)? {
            0 => {
                let (flags, mode) = (byte(from)?, byte(from)?);
                Self::Show(Shown {
                    own: flags & 1 != 0,
                    important: flags & 2 != 0,
                    pending: flags & 4 != 0,
                    mode: *[Mode::Scroll, Mode::Reverse, Mode::Top, Mode::Bottom].get(usize::from(mode))?,
                    color: take(from)?,
                    times: take(from)?,
                    id: text(from)?,
                    text: text(from)?,
                })
            }
            1 => Self::Confirm(text(from)?),
            2 => Self::Retract(text(from)?),
            3 => Self::Clear,
            4 => Self::Pause(byte(from)? != 0),
            5 => Self::Configure(Settings {
                opacity: float(from)?,
                scale: float(from)?,
                area: float(from)?,
                speed: float(from)?,
                wait_ms: float(from)?,
                max_lanes: take(from)?,
                max_on_stage: take(from)?,
                overlap: byte(from)? != 0,
                outline: *[Outline::Stroke, Outline::Shadow, Outline::None].get(usize::from(byte(from)?))?,
                font: text(from)?,
                // Handled by the page, which decides for each danmu whether it flies.
                motion: Motion::default(),
            }),
            6 => Self::Fit { width: float(from)?, height: float(from)?, ratio: float(from)? },
            7 => Self::Hide(byte(from)? != 0),
            8 => Self::Point { x: float(from)?, y: float(from)? },
            _ => return None,
        })
    }
}

impl Report {
    pub(super) fn write(&self) -> Vec<u8> {
        let OverlayStats { on_stage, waiting, shown, given_up } = self.stats;
        let mut out = vec![u8::from(self.publish)];
        for count in [on_stage, waiting, shown, given_up] {
            number(&mut out, count);
        }
        string(&mut out, &self.under);
        for id in &self.first_seen {
            string(&mut out, id);
        }
        out
    }

    pub(super) fn read(from: &mut &[u8]) -> Option<Self> {
        let publish = byte(from)? != 0;
        let [on_stage, waiting, shown, given_up] = [take(from)?, take(from)?, take(from)?, take(from)?];
        let under = text(from)?;
        let first_seen = std::iter::from_fn(|| text(from)).collect();
        Some(Self { stats: OverlayStats { on_stage, waiting, shown, given_up }, publish, under, first_seen })
    }
}

fn number(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn floats<const N: usize>(out: &mut Vec<u8>, values: [f32; N]) {
    for value in values {
        number(out, value.to_bits());
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u32);
    out.extend_from_slice(text.as_bytes());
}

fn byte(from: &mut &[u8]) -> Option<u8> {
    let (first, rest) = from.split_first()?;
    *from = rest;
    Some(*first)
}

fn take(from: &mut &[u8]) -> Option<u32> {
    let (first, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u32::from_le_bytes(*first))
}

fn float(from: &mut &[u8]) -> Option<f32> {
    take(from).map(f32::from_bits)
}

fn text(from: &mut &[u8]) -> Option<String> {
    let length = take(from)? as usize;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands() -> Vec<Command> {
        let danmu = Shown {
            id: "7".into(), text: "弹幕 👩‍👩‍👧‍👦".into(), color: 0xff_8000, ..Shown::default()
        };
        vec![
            Command::Show(Shown { mode: Mode::Bottom, own: true, pending: true, ..danmu.clone() }),
            Command::Show(Shown { mode: Mode::Reverse, important: true, times: 12, ..danmu }),
            Command::Confirm("7".into()),
            Command::Retract(String::new()),
            Command::Clear,
            Command::Pause(true),
            Command::Configure(Settings { outline: Outline::None, font: "Noto Serif".into(), ..Settings::default() }),
            Command::Fit { width: 1280.0, height: 720.0, ratio: 1.25 },
            Command::Hide(false),
            Command::Point { x: 1.5, y: -2.0 },
        ]
    }

    fn message() -> Vec<u8> {
        let mut bytes = Vec::new();
        commands().iter().for_each(|command| command.write(&mut bytes));
        bytes
    }

    #[test]
    fn many_commands_in_one_message_are_read_back_in_their_order() {
        let bytes = message();
        let mut from = &*bytes;
        let read: Vec<_> = std::iter::from_fn(|| Command::read(&mut from)).collect();
        assert_eq!(read, commands());
        assert!(from.is_empty());
    }

    #[test]
    fn a_message_that_is_cut_or_foreign_ends_without_a_panic() {
        let bytes = message();
        for end in 0..bytes.len() {
            let mut from = &bytes[..end];
            while Command::read(&mut from).is_some() {}
        }
        assert_eq!(Command::read(&mut &[0, 0, 9, 0, 0][..]), None);
        assert_eq!(Command::read(&mut &[1, 255, 255, 255, 255][..]), None);
        assert_eq!(Report::read(&mut &[1, 2, 3][..]), None);
    }

    #[test]
    fn a_report_is_read_back() {
        let stats = OverlayStats { on_stage: 3, waiting: 0, shown: 70_000, given_up: 9 };
        let report = Report { stats, publish: true, under: "a".into(), first_seen: vec!["a".into(), "é".into()] };
        assert_eq!(Report::read(&mut &*report.write()), Some(report));
    }
}
