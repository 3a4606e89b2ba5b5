//! What can go wrong in a task, each with the way out.

use std::{io, path::PathBuf, process::ExitStatus};

/// A task's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a task stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for something that does not exist.
    #[error("{0}\n`cargo xtask help` lists what there is.")]
    Usage(String),
    /// A program could not be started at all.
    #[error("`{program}` could not be started: {source}")]
    Start {
        /// The program's name.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A program ran and reported failure; `output` is what it printed.
    #[error("{output}\n`{command}` failed ({status})")]
    Failed {
        /// The whole command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// Everything it printed, both streams in the order of arrival.
        output: String,
    },
    /// A file or directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A tool is missing and cannot be installed from here.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// The tool.
        what: &'static str,
        /// What a person can do about it.
        remedy: String,
    },
    /// A tool's answer is not what its version should give.
    #[error("{0}")]
    Unexpected(String),
    /// Tests or checks ran, and some failed. Already reported, line by line.
    #[error("{0} failed")]
    Unsuccessful(usize),
    /// A program that took over ended with this exit code. It spoke for itself.
    #[error("ended with code {0}")]
    Exit(u8),
}

/// Names the path in a file system error.
pub trait At<T> {
    /// Turns an [`io::Error`] into [`Error::Io`] at `path`.
    fn at(self, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|source| Error::Io { path: path.into(), source })
    }
}
