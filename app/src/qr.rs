//! QR codes ([ISO/IEC 18004](https://www.iso.org/standard/83389.html)) of addresses: as an SVG path for pages, and as blocks for
//! a terminal. On the server only.

use qrcode::{Color, EcLevel, QrCode, render::unicode::Dense1x2};

/// The quiet zone around a code, in modules: as wide as the standard asks for.
pub const QUIET: usize = 4;

/// Black on white whatever the terminal's colours are, and back to these.
const INK: (&str, &str) = ("\u{1b}[38;5;16;48;5;231m", "\u{1b}[0m");

/// A code: how many modules it is wide, quiet zone included, and its dark modules as an SVG path, a unit for a module.
///
/// `None` for a text that no code holds, of more than about 2,300 bytes.
#[must_use]
pub fn path(text: &str) -> Option<(usize, String)> {
    let code = code(text)?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        // A rectangle for each run of dark modules: a third of what one for each module would take.
        for run in row.chunk_by(|one, next| one == next) {
            if run[0] == Color::Dark {
                path += &format!("M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x += run.len();
        }
    }
    Some((width + 2 * QUIET, path))
}

/// A code as lines for a terminal, two rows of modules in a line, each line after `indent`. `None` as for [`path`].
#[must_use]
pub fn blocks(text: &str, indent: &str) -> Option<String> {
    let image = code(text)?.render::<Dense1x2>().quiet_zone(true).build();
    let (begin, end) = INK;
    Some(image.lines().map(|line| [indent, begin, line, end, "\n"].concat()).collect())
}

/// Level M: a seventh of it may be covered or misread.
fn code(text: &str) -> Option<QrCode> {
    QrCode::with_error_correction_level(text, EcLevel::M).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "https://danmu.example:8443/room/late-show";

    /// What a phone reads off a picture of so many modules, of which `is_dark` says which are dark.
    fn read(side: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
        const SCALE: usize = 4;
        let grey = |x: usize, y: usize| if is_dark(x / SCALE, y / SCALE) { 0 } else { 255 };
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side * SCALE, side * SCALE, grey);
        let grids = picture.detect_grids();
        let (_, text) = grids.first().expect("a code").decode().expect("a text");
        text
    }

    #[test]
    fn a_phone_reads_the_address_off_the_path() {
        let (side, path) = path(ADDRESS).expect("a code");
        let mut dark = std::collections::HashSet::new();
        for run in path.split_terminator('z') {
            let (at, size) = run.trim_start_matches('M').split_once('h').expect("a run");
            let (x, y) = at.split_once(' ').expect("a place");
            let [x, y] = [x, y].map(|number| number.parse::<usize>().expect("a number"));
            let length: usize = size.split('v').next().and_then(|length| length.parse().ok()).expect("a length");
            dark.extend((x..x + length).map(|x| (x, y)));
        }
        assert_eq!(read(side, |x, y| dark.contains(&(x, y))), ADDRESS);
        let inside = QUIET..side - QUIET;
        assert!(dark.iter().all(|(x, y)| inside.contains(x) && inside.contains(y)), "the quiet zone is empty");
    }

    #[test]
    fn a_phone_reads_the_address_off_a_terminal() {
        let text = blocks(ADDRESS, "  ").expect("a code");
        let (begin, end) = INK;
        let lines: Vec<Vec<char>> = text
            .lines()
            .map(|line| line.strip_prefix("  ").and_then(|line| line.strip_prefix(begin)?.strip_suffix(end)))
            .map(|line| line.expect("colours of its own").chars().collect())
            .collect();
        let side = lines[0].len();
        assert!(lines.len() <= side / 2 + 1, "two rows a line");
        let is_dark = |x: usize, y: usize| match lines.get(y / 2).and_then(|line| line.get(x)) {
            Some('█') => true,
            Some('▀') => y.is_multiple_of(2),
            Some('▄') => !y.is_multiple_of(2),
            _ => false,
        };
        assert_eq!(read(side, is_dark), ADDRESS);
    }

    #[test]
    fn a_text_that_no_code_holds_has_none() {
        assert_eq!((path(&"x".repeat(3_000)), blocks(&"x".repeat(3_000), "")), (None, None));
    }
}
