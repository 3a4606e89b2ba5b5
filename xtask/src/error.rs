//! Errors of the tasks, with the remedy in the message where there is one.

use std::{io, path::PathBuf, process::ExitStatus};

/// A task's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a task stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line is wrong.
    #[error("{0}\n`cargo xtask help` lists what there is.")]
    Usage(String),
    /// A program could not be started at all.
    #[error("`{program}` could not be started: {source}")]
    Start {
        /// The program's name.
        program: String,
        /// The operating system's error.
        source: io::Error,
    },
    /// A program ran and reported failure; `output` is what it printed.
    #[error("{output}\n`{command}` failed ({status})")]
    Failed {
        /// The whole command line.
        command: String,
        /// Its exit status.
        status: ExitStatus,
        /// Everything it printed, both streams in the order of arrival.
        output: String,
    },
    /// A file or directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A tool is missing and cannot be installed from here.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// The tool.
        what: &'static str,
        /// What the user can do about it.
        remedy: String,
    },
    /// A tool, a file or a server gave something unexpected.
    #[error("{0}")]
    Unexpected(String),
    /// Some tests, checks or benchmarks failed. They are already reported, line by line.
    #[error("{0} failed")]
    Unsuccessful(usize),
    /// A program in the foreground ended with this exit code, after printing its own messages.
    #[error("ended with code {0}")]
    Exit(u8),
}

/// Adds the path to a file system error.
pub trait At<T> {
    /// Turns an [`io::Error`] into [`Error::Io`] at `path`.
    fn at(self, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|source| Error::Io { path: path.into(), source })
    }
}
