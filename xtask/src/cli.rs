//! The command line: tasks and their options.

use crate::error::{Error, Result};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::{ffi::OsString, path::PathBuf};

/// Printed by `cargo xtask help`.
pub const HELP: &str = "\
cargo xtask <task>

  run               set up, build for release, and serve on http://127.0.0.1:3000
      --crowd N       … with N simulated viewers in the room demo
      --lan           … also for the other devices on this network
      --addr A        … on another address (host:port)
      -- ARGS         … with these arguments for the server
  build             set up and build for release, no more
  test              set up and run every check and test there is
      --soak          … instead, those that take a quarter of an hour: the relay through one storm after another
      --undefended    … instead, each attack without the defence against it, which it must get through
  bench [NAME]      measure: stage (what a lane costs, how full a picture gets), stream (the embedded stream under
                    load, beside ferrokinesis), engines (fjall and redb at the stream's work), verify (tickets and
                    gate, beside ed25519-dalek), bans (until a ban counts everywhere), vending (sessions a second,
                    and ten times as many visitors), fanout (what a viewer of the relay costs, beside nchan),
                    weight (bytes until one can send), latency (Enter to the other screen), page (its main thread in
                    a busy room), overlay (thousands of danmu, beside the engines of npm); all without a name
      --quick         … for a short time only (overlay)
  setup             install what the other tasks would install when they need it
  advisories CLONE  write deny/advisories.toml anew, from a clone of RustSec's advisory-db
  watch             `cargo leptos watch`, with the tools that it would otherwise download
  help              this
";

/// The task to run.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Print [`HELP`].
    Help,
    /// Install what is missing.
    Setup,
    /// Build both halves for release.
    Build,
    /// Build, then serve.
    Run(Run),
    /// Build, then check and test.
    Test,
    /// Run the tests that take long.
    Soak,
    /// Switch off each defence in turn and check that its attack test then fails.
    Undefended,
    /// Build, then measure.
    Bench(Bench),
    /// Regenerate the list of advisories from this clone of the database.
    Advisories(PathBuf),
    /// Serve for development, with a rebuild at every change.
    Watch,
}

/// Options of `run`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The number of simulated viewers.
    pub crowd: Option<u32>,
    /// Whether to listen on all of this machine's addresses.
    pub lan: bool,
    /// The address to listen on, `host:port`, instead of the one in the settings.
    pub address: Option<String>,
    /// Arguments passed on to the server unchanged.
    pub server_arguments: Vec<OsString>,
}

/// Options of `bench`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bench {
    /// The name of the benchmark; `None` is all of them.
    pub name: Option<String>,
    /// Whether to do a short run of the benchmarks that have one.
    pub quick: bool,
}

/// Parses the arguments after the program's name.
///
/// # Errors
/// [`Error::Usage`] for an unknown task or option, or a malformed value.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Task> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let task = match parser.next().map_err(usage)? {
        None | Some(Long("help") | Short('h')) => return Ok(Task::Help),
        Some(Value(name)) => name.string().map_err(usage)?,
        Some(other) => return Err(usage(other.unexpected())),
    };
    let task = match task.as_str() {
        "help" => Task::Help,
        "setup" => Task::Setup,
        "build" => Task::Build,
        "test" => return test(parser),
        "watch" => Task::Watch,
        "advisories" => Task::Advisories(parser.value().map_err(usage)?.into()),
        "run" => return run(parser),
        "bench" => return bench(parser),
        other => return Err(Error::Usage(format!("There is no task `{other}`."))),
    };
    match parser.next().map_err(usage)? {
        None => Ok(task),
        Some(other) => Err(usage(other.unexpected())),
    }
}

fn run(mut parser: lexopt::Parser) -> Result<Task> {
    let mut run = Run::default();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("crowd") => run.crowd = Some(parser.value().and_then(|value| value.parse()).map_err(usage)?),
            Long("lan") => run.lan = true,
            Long("addr") => run.address = Some(parser.value().and_then(ValueExt::string).map_err(usage)?),
            Value(first) => {
                run.server_arguments.push(first);
                run.server_arguments.extend(parser.raw_args().map_err(usage)?);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(Task::Run(run))
}

fn test(mut parser: lexopt::Parser) -> Result<Task> {
    let mut task = Task::Test;
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("soak") if task == Task::Test => task = Task::Soak,
            Long("undefended") if task == Task::Test => task = Task::Undefended,
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(task)
}

fn bench(mut parser: lexopt::Parser) -> Result<Task> {
    let mut bench = Bench::default();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("quick") => bench.quick = true,
            Value(name) if bench.name.is_none() => bench.name = Some(name.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok(Task::Bench(bench))
}

fn usage(error: lexopt::Error) -> Error {
    Error::Usage(format!("{error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn nothing_asked_is_help() {
        assert_eq!(parsed("").unwrap(), Task::Help);
        assert_eq!(parsed("--help").unwrap(), Task::Help);
    }

    #[test]
    fn run_takes_a_crowd_an_address_and_arguments_for_the_server() {
        let Task::Run(run) = parsed("run --crowd 20 --lan --addr 127.0.0.1:8080 -- --config my.toml").unwrap() else {
            panic!("not a run")
        };
        assert_eq!((run.crowd, run.lan), (Some(20), true));
        assert_eq!(run.address.as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(run.server_arguments, ["--config", "my.toml"]);
    }

    #[test]
    fn long_tests_are_asked_for() {
        assert_eq!(parsed("test").unwrap(), Task::Test);
        assert_eq!(parsed("test --soak").unwrap(), Task::Soak);
        assert_eq!(parsed("test --undefended").unwrap(), Task::Undefended);
        assert!(parsed("test --soak --undefended").is_err());
    }

    #[test]
    fn bench_takes_a_name_and_may_be_quick() {
        let Task::Bench(bench) = parsed("bench overlay --quick").unwrap() else { panic!("not a bench") };
        assert_eq!(bench, Bench { name: Some("overlay".to_owned()), quick: true });
        assert_eq!(parsed("bench").unwrap(), Task::Bench(Bench::default()));
    }

    #[test]
    fn what_does_not_exist_is_refused_and_named() {
        for (line, named) in
            [("fly", "fly"), ("run --fast", "--fast"), ("test now", "now"), ("run --crowd many", "many")]
        {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
