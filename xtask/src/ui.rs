//! Progress output: one line per step with its result and duration.
//!
//! On a terminal, running steps are shown below the finished ones and kept up to date; elsewhere (a log, CI) a step
//! prints when it ends, and once a minute while it runs, so that silence never looks like a hang.

use std::{
    io::{IsTerminal, Write, stderr},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How often the live lines are redrawn on a terminal.
const REDRAW: Duration = Duration::from_millis(200);
/// How often a running step is mentioned where there is no terminal.
const MENTION: Duration = Duration::from_secs(60);

struct Running {
    id: u64,
    name: String,
    note: String,
    since: Instant,
}

struct Board {
    running: Vec<Running>,
    next_id: u64,
    drawn: usize,
    mentioned: Option<Instant>,
}

static BOARD: Mutex<Board> = Mutex::new(Board { running: Vec::new(), next_id: 0, drawn: 0, mentioned: None });
static TICKER: Once = Once::new();

fn board() -> MutexGuard<'static, Board> {
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether to print colours and live lines: standard error is a terminal, and this is not CI.
pub fn terminal() -> bool {
    stderr().is_terminal() && std::env::var_os("CI").is_none()
}

fn paint(code: &str, text: &str) -> String {
    if terminal() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Formats a duration for people: `0.4 s`, `12 s`, `3 min 05 s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 60.0 {
        format!("{seconds:.0} s")
    } else {
        let whole = time.as_secs();
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

/// Formats a size in bytes for people, in units of 1000.
pub fn size(bytes: usize) -> String {
    if bytes < 10_000 {
        format!("{bytes} B")
    } else {
        #[expect(clippy::cast_precision_loss, reason = "sizes of web files are far below 2^52")]
        let kilobytes = bytes as f64 / 1000.0;
        format!("{kilobytes:.1} kB")
    }
}

fn line(mark: &str, name: &str, time: &str, note: &str) -> String {
    format!("  {mark} {name:<22} {time:>12}  {note}").trim_end().to_owned()
}

impl Board {
    fn erase(&mut self) {
        for _ in 0..self.drawn {
            eprint!("\x1b[1A\x1b[2K");
        }
        self.drawn = 0;
    }

    fn draw(&mut self) {
        self.erase();
        for step in &self.running {
            eprintln!("{}", line("·", &step.name, &duration(step.since.elapsed()), &paint("2", &step.note)));
        }
        self.drawn = self.running.len();
        let _ = stderr().flush();
    }

    fn mention(&mut self) {
        let due = self.mentioned.is_none_or(|last| last.elapsed() >= MENTION);
        for step in self.running.iter().filter(|step| due && step.since.elapsed() >= MENTION) {
            eprintln!("{}", line("·", &step.name, &duration(step.since.elapsed()), &step.note));
            self.mentioned = Some(Instant::now());
        }
    }

    /// Prints a permanent line above the live ones.
    fn print(&mut self, text: &str) {
        self.erase();
        eprintln!("{text}");
        if terminal() {
            self.draw();
        }
    }
}

fn start_ticker() {
    TICKER.call_once(|| {
        thread::spawn(|| {
            loop {
                thread::sleep(REDRAW);
                let mut board = board();
                if terminal() && !board.running.is_empty() {
                    board.draw();
                } else {
                    board.mention();
                }
            }
        });
    });
}

/// A running step. [`Step::done`] or [`Step::failed`] ends it; dropped without either, it counts as failed.
pub struct Step {
    id: u64,
    name: String,
    since: Instant,
}

impl Step {
    /// Starts a step and its clock.
    pub fn start(name: &str) -> Self {
        start_ticker();
        let since = Instant::now();
        let mut board = board();
        let id = board.next_id;
        board.next_id += 1;
        board.running.push(Running { id, name: name.to_owned(), note: String::new(), since });
        if terminal() {
            board.draw();
        }
        Self { id, name: name.to_owned(), since }
    }

    /// Sets the text that says what the step is doing.
    pub fn note(&self, text: impl Into<String>) {
        if let Some(step) = board().running.iter_mut().find(|step| step.id == self.id) {
            step.note = text.into();
        }
    }

    /// How long the step has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Ends the step as succeeded.
    pub fn done(self, note: impl AsRef<str>) {
        self.end(&paint("32", "✓"), note.as_ref());
    }

    /// Ends the step as failed.
    pub fn failed(self, note: impl AsRef<str>) {
        self.end(&paint("31", "✗"), note.as_ref());
    }

    fn end(&self, mark: &str, note: &str) {
        let mut board = board();
        board.running.retain(|step| step.id != self.id);
        let text = line(mark, &self.name, &duration(self.since.elapsed()), note);
        board.print(&text);
    }
}

impl Drop for Step {
    /// A step dropped before it ended was left by an error, which is printed in full when the task ends.
    fn drop(&mut self) {
        if board().running.iter().any(|step| step.id == self.id) {
            self.end(&paint("31", "✗"), "");
        }
    }
}

/// Prints a remark that belongs to no step.
pub fn note(text: &str) {
    board().print(&format!("  {} {text}", paint("33", "!")));
}

/// Prints a heading above the steps.
pub fn heading(text: &str) {
    board().print(&paint("1", text));
}

/// Prints `text` unchanged above the live lines.
pub fn print(text: &str) {
    board().print(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_person_says_them() {
        assert_eq!(duration(Duration::from_millis(440)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(12)), "12 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn sizes_are_in_thousands() {
        assert_eq!(size(812), "812 B");
        assert_eq!(size(151_420), "151.4 kB");
    }
}
