//! The test binaries of the copy: builds them once, runs one test at a time, and judges its outcome.

use super::table::{Row, VARIABLE, wrong};
use crate::{
    error::{At, Error, Result},
    process,
    ui::Step,
    workspace::cargo,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// Timeout of a test, longer than any timeout within the table's tests.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);

/// The binaries, by the names that nextest uses.
pub struct Binaries(BTreeMap<String, Binary>);

struct Binary {
    program: PathBuf,
    /// The directory of its package, in which cargo would run it.
    directory: PathBuf,
}

/// The outcome of a test.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It failed with the expected message.
    Red,
    /// It passed.
    Green,
    /// It is undecided, for this reason.
    Neither(String),
}

impl Binaries {
    /// Builds those that the rows name, from the sources in `copy`, in the target directory `target`.
    ///
    /// # Errors
    /// If they do not compile, or a row names a binary or a test that does not exist.
    pub fn build(step: &Step, copy: &Path, target: &Path, rows: &[Row]) -> Result<Self> {
        let named: BTreeSet<&str> = rows.iter().map(|row| split(row).0).collect();
        let mut command = cargo();
        command.args(["test", "--no-run", "--locked", "--message-format=json-render-diagnostics"]);
        let (packages, tests): (BTreeSet<&str>, BTreeSet<Option<&str>>) = named
            .iter()
            .map(|name| name.split_once("::").map_or((*name, None), |(package, test)| (package, Some(test))))
            .unzip();
        command.args(packages.iter().flat_map(|package| ["--package", package]));
        for test in tests {
            match test {
                Some(test) => command.args(["--test", test]),
                None => command.arg("--lib"),
            };
        }
        command.current_dir(copy).arg("--target-dir").arg(target);
        let printed = process::build(step, &mut command)?;
        let messages = printed.lines().filter_map(|line| serde_json::from_str(line).ok());
        let binaries = Self(messages.filter_map(|message: Value| binary(&message)).collect());
        named.into_iter().try_for_each(|name| check(rows, name, &binaries.tests(name)?))?;
        Ok(binaries)
    }

    /// The tests of a binary.
    fn tests(&self, name: &str) -> Result<BTreeSet<String>> {
        let binary = self.get(name)?;
        let listed = process::run(Command::new(&binary.program).args(["--list", "--format", "terse"]), |_| {})?;
        Ok(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
    }

    fn get(&self, name: &str) -> Result<&Binary> {
        let unknown = || wrong(&format!("there is no test binary {name}; there are {:?}", self.0.keys()));
        self.0.get(name).ok_or_else(unknown)
    }

    /// Runs the row's test alone, with these defences off. Its output, and that of the servers it starts, goes to the file
    /// `log`.
    ///
    /// # Errors
    /// If it cannot be started, or the log cannot be written.
    pub fn run(&self, row: &Row, without: &[String], log: &Path) -> Result<Verdict> {
        let (binary, test) = split(row);
        let binary = self.get(binary)?;
        let mut command = Command::new(&binary.program);
        command.args(["--exact", test]).current_dir(&binary.directory).env(VARIABLE, without.join(","));
        // With this variable, the tests would use the server it names instead of the one built with them.
        command.env_remove("E2E_SERVER");
        let output = File::create(log).at(log)?;
        command.stdout(output.try_clone().at(log)?).stderr(output);
        let Some(status) = run_in_time(&mut command)? else {
            return Ok(Verdict::Neither(format!("it did not end within {} s", PATIENCE.as_secs())));
        };
        let output = fs::read(log).at(log)?;
        Ok(judge(&String::from_utf8_lossy(&output), status.success(), &row.says))
    }
}

/// Checks that `there`, the tests of `binary`, has every test that the rows name.
fn check(rows: &[Row], binary: &str, there: &BTreeSet<String>) -> Result<()> {
    let missing = |row: &&Row| split(row).0 == binary && !there.contains(split(row).1);
    match rows.iter().find(missing) {
        Some(Row { attack, test, .. }) => Err(wrong(&format!("{attack:?}: there is no test {test}"))),
        None => Ok(()),
    }
}

/// Splits a row's test into the binary and the test's name.
fn split(row: &Row) -> (&str, &str) {
    row.test.split_once(' ').unwrap_or((&row.test, ""))
}

/// The test binary in one of cargo's JSON messages, if it has one.
fn binary(message: &Value) -> Option<(String, Binary)> {
    let program = message["executable"].as_str().filter(|_| message["profile"]["test"] == true)?.into();
    let id = message["package_id"].as_str()?;
    let (place, rest) = id.split_once('#')?;
    // If the directory has the package's name, the id does not repeat it.
    let package = rest.split_once('@').map_or_else(|| place.rsplit('/').next().unwrap_or_default(), |(name, _)| name);
    let (kind, target) = (message["target"]["kind"][0].as_str()?, message["target"]["name"].as_str()?);
    let name = if kind == "test" { format!("{package}::{target}") } else { package.to_owned() };
    let directory = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    (kind != "bin").then_some((name, Binary { program, directory }))
}

/// Runs a program to its end; `None` if it timed out and was killed.
fn run_in_time(command: &mut Command) -> Result<Option<ExitStatus>> {
    let start = |source| Error::Start { program: "a test".to_owned(), source };
    // In its own process group, so that the servers it starts can be killed with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command.stdin(std::process::Stdio::null()).spawn().map_err(start)?;
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().map_err(start)? {
            return Ok(Some(status));
        }
        thread::sleep(POLL);
    }
    #[cfg(unix)]
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
    let _ = child.kill();
    child.wait().map_err(start)?;
    Ok(None)
}

/// Judges the output of a run of one test.
fn judge(output: &str, success: bool, says: &str) -> Verdict {
    let results: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("test result: ")).collect();
    let [result] = results[..] else { return Verdict::Neither("the test did not come to its end".to_owned()) };
    let (passed, failed) =
        (result.starts_with("ok. 1 passed; 0 failed; 0 ignored"), result.starts_with("FAILED. 0 passed; 1 failed"));
    match (passed, failed) {
        (true, false) if success => Verdict::Green,
        (false, true) if !success && output.contains(says) => Verdict::Red,
        (false, true) if !success => Verdict::Neither(format!("it failed, and did not say {says:?}")),
        _ => Verdict::Neither("not exactly that test was run".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "running 1 test\nthread 'a' panicked at a.rs:1:\nthe door is open\ntest result: FAILED. 0 passed; 1 failed; 0 ignored";

    #[test]
    fn a_test_is_red_when_it_fails_with_its_own_words_and_green_when_it_passes() {
        assert_eq!(judge(FAILED, false, "the door is open"), Verdict::Red);
        assert_eq!(judge("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured", true, "open"), Verdict::Green);
    }

    #[test]
    fn what_fails_otherwise_runs_no_test_or_breaks_off_is_neither() {
        for (output, success, why) in [
            (FAILED, true, "not exactly"),
            ("test result: ok. 0 passed; 0 failed; 0 ignored", true, "not exactly"),
            ("test result: ok. 0 passed; 0 failed; 1 ignored", true, "not exactly"),
            ("test result: ok. 2 passed; 0 failed; 0 ignored", true, "not exactly"),
            ("running 1 test\n", false, "its end"),
        ] {
            let Verdict::Neither(said) = judge(output, success, "the door is open") else { panic!("{output}") };
            assert!(said.contains(why), "{output}: {said}");
        }
        assert!(matches!(judge(FAILED, false, "the window is open"), Verdict::Neither(why) if why.contains("window")));
    }

    #[test]
    fn a_row_whose_test_is_not_there_is_refused_by_name() {
        let row = |test: &str| Row {
            attack: "a burglar".to_owned(),
            without: Vec::new(),
            test: test.to_owned(),
            says: String::new(),
        };
        let rows = [row("house tests::door"), row("garden::it fence::gate")];
        let there = BTreeSet::from(["tests::door".to_owned()]);
        assert!(check(&rows, "house", &there).is_ok());
        let error = check(&rows, "garden::it", &there).unwrap_err().to_string();
        assert!(error.contains("\"a burglar\": there is no test garden::it fence::gate"), "{error}");
    }

    #[test]
    fn binaries_are_named_as_nextest_names_them() {
        let message = |id: &str, kind: &str, target: &str| {
            serde_json::json!({
                "executable": "/t/deps/it-1", "profile": { "test": true }, "package_id": id,
                "manifest_path": "/w/server/Cargo.toml", "target": { "kind": [kind], "name": target },
            })
        };
        let name = |id, kind, target| binary(&message(id, kind, target)).map(|(name, _)| name);
        let server = "path+file:///w/server#danmu-server@0.1.0";
        assert_eq!(name(server, "test", "it").as_deref(), Some("danmu-server::it"));
        assert_eq!(name(server, "lib", "danmu_server").as_deref(), Some("danmu-server"));
        let relay = "path+file:///w/server/relay#danmu-relay@0.1.0";
        assert_eq!(name(relay, "lib", "danmu_relay").as_deref(), Some("danmu-relay"));
        assert_eq!(name("path+file:///w/danmu#0.1.0", "lib", "danmu").as_deref(), Some("danmu"));
        assert_eq!(name(server, "bin", "danmu-server"), None);
        let mut program = message(server, "lib", "danmu_server");
        program["profile"]["test"] = false.into();
        assert!(binary(&program).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_ends_tells_how() {
        let ended = run_in_time(Command::new("sh").args(["-c", "exit 3"])).unwrap();
        assert_eq!(ended.and_then(|status| status.code()), Some(3));
    }
}
