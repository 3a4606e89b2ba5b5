//! Runs child programs quietly: their output is captured, and shown if they fail.

use crate::{
    error::{Error, Result},
    ui::Step,
};
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
};

/// The output of a program and whether it succeeded.
pub struct Output {
    /// Both streams, line by line in the order of arrival, without colour codes.
    pub text: String,
    /// Whether the exit code was zero.
    pub success: bool,
}

/// Runs `command` to its end, with any exit code. Each line also goes to `on_line`, without colour codes.
///
/// # Errors
/// [`Error::Start`] where the program cannot be started.
pub fn run_to_end(command: &mut Command, on_line: impl FnMut(&str)) -> Result<Output> {
    let (shown, status) = collect(command, on_line)?;
    Ok(Output { text: without_colours(&shown), success: status.success() })
}

/// Runs `command`, which must succeed.
///
/// # Errors
/// [`Error::Start`], or [`Error::Failed`] with the whole output.
pub fn run(command: &mut Command, on_line: impl FnMut(&str)) -> Result<String> {
    let (shown, status) = collect(command, on_line)?;
    if status.success() {
        Ok(without_colours(&shown))
    } else {
        Err(Error::Failed { command: describe(command), status, output: shown })
    }
}

fn collect(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<(String, std::process::ExitStatus)> {
    let program = program_name(command.get_program());
    let start = |source| Error::Start { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(start)?;
    let (lines, received) = mpsc::channel();
    let readers = [
        child.stdout.take().map(|pipe| forward(pipe, lines.clone())),
        child.stderr.take().map(|pipe| forward(pipe, lines)),
    ];
    let mut shown = String::new();
    for line in received {
        on_line(&without_colours(&line));
        shown.push_str(&line);
        shown.push('\n');
    }
    for reader in readers.into_iter().flatten() {
        // A reader ends with its pipe; if it panicked, the lines it sent are still here.
        let _ = reader.join();
    }
    Ok((shown, child.wait().map_err(start)?))
}

fn forward(pipe: impl Read + Send + 'static, lines: mpsc::Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if lines.send(line).is_err() {
                return;
            }
        }
    })
}

/// Runs a cargo build, which must succeed, and returns its output. If it fails, the error has the output from cargo's first
/// error on: the warnings before it are for the lint checks.
///
/// # Errors
/// As [`run`].
pub fn build(step: &Step, command: &mut Command) -> Result<String> {
    run(command, cargo_progress(step)).map_err(|error| match error {
        Error::Failed { command, status, output } => {
            let errors = output.lines().skip_while(|line| !without_colours(line).starts_with("error"));
            // Leave out cargo's JSON messages, which are for programs.
            let errors = errors.filter(|line| !line.starts_with('{')).collect::<Vec<_>>().join("\n");
            Error::Failed { command, status, output: if errors.is_empty() { output } else { errors } }
        }
        other => other,
    })
}

/// Returns a line handler that counts the crates cargo compiles, in the step's note.
pub fn cargo_progress(step: &Step) -> impl FnMut(&str) + '_ {
    let mut crates = 0_usize;
    move |line| {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Compiling" | "Checking"), Some(name)) => {
                crates += 1;
                step.note(format!("{crates} crates, now {name}"));
            }
            (Some("Downloading" | "Updating" | "Blocking"), _) => step.note(line.trim()),
            _ => {}
        }
    }
}

/// Removes ANSI colour and cursor sequences (`ESC [ … letter`).
pub fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' {
            for skipped in characters.by_ref() {
                if skipped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Looks a program up in `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn program_name(program: &OsStr) -> String {
    Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

fn describe(command: &Command) -> String {
    let mut text = program_name(command.get_program());
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_removed_and_text_is_kept() {
        assert_eq!(without_colours("\x1b[1m\x1b[32m   Compiling\x1b[0m danmu 弹幕"), "   Compiling danmu 弹幕");
    }

    #[test]
    fn a_failing_program_gives_its_output_and_command_line() {
        let error = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), |_| {}).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("out") && text.contains("err") && text.contains("sh -c"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program-here"), |_| {}).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
    }
}
