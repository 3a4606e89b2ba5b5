//! The advisories that `cargo deny` checks against: a dated list in the tree, so that a check needs no network and gives
//! the same result on every machine. `cargo xtask advisories CLONE` regenerates it.

use crate::{
    error::{At, Error, Result},
    process,
    ui::Step,
    workspace::Workspace,
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command};

const LIST: &str = "deny/advisories.toml";
/// The URL from which `cargo deny` fetches the database; git's `insteadOf` redirects it to the list.
const ORIGIN: &str = "https://github.com/RustSec/advisory-db";
/// The directories of all lock files.
pub const LOCKED: [&str; 3] = [".", "fuzz", "server/stream/fuzz"];
const HEAD: &str = "\
# What RustSec's advisory database (https://rustsec.org, CC0-1.0) says on the day below.
# Written by `cargo xtask advisories CLONE`, where CLONE is a clone of https://github.com/RustSec/advisory-db.
";

#[derive(Debug, Deserialize)]
struct List {
    /// The day of the database's newest change, `YYYY-MM-DD`.
    date: String,
    advisories: BTreeMap<String, Advisory>,
}

/// An advisory; its id is the key in [`List`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Advisory {
    package: String,
    date: String,
    /// The kind of an advisory that is no vulnerability: `unmaintained`, `unsound`, `notice`.
    informational: Option<String>,
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

/// An advisory's file in the database.
#[derive(Debug, Deserialize)]
struct Entry {
    advisory: EntryHead,
    #[serde(default)]
    versions: EntryVersions,
}

#[derive(Debug, Deserialize)]
struct EntryHead {
    id: String,
    package: String,
    date: String,
    informational: Option<String>,
    withdrawn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct EntryVersions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

/// Turns the list into a git repository as `cargo deny` expects its database; returns the environment variables that select it.
///
/// # Errors
/// Where the list cannot be read, or git cannot be run.
pub fn database(workspace: &Workspace) -> Result<[(&'static str, String); 4]> {
    let list = read(&workspace.root.join(LIST))?;
    let home = workspace.cache().join("advisories");
    let repository = home.join("list");
    let _ = fs::remove_dir_all(&home);
    for (id, advisory) in &list.advisories {
        let directory = repository.join("crates").join(&advisory.package);
        fs::create_dir_all(&directory).at(&directory)?;
        let file = directory.join(id).with_extension("md");
        fs::write(&file, entry(id, advisory)).at(&file)?;
    }
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(&repository).args(["-c", "user.name=danmu", "-c", "user.email=danmu@localhost"]);
        process::run(git.args(arguments), |_| {})
    };
    git(&["init", "--quiet", "--initial-branch", "main"])?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message", &list.date])?;
    // `deny.toml` reads the first one; the others configure git (git-config(1), GIT_CONFIG_COUNT and url.<base>.insteadOf).
    Ok([
        ("DANMU_ADVISORY_DBS", home.join("databases").display().to_string()),
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", format!("url.file://{}.insteadOf", repository.display())),
        ("GIT_CONFIG_VALUE_0", ORIGIN.to_owned()),
    ])
}

/// Regenerates the list from a clone of the database.
///
/// # Errors
/// Where `clone` is no such clone, or a file cannot be read or written.
pub fn update(workspace: &Workspace, clone: &Path) -> Result<()> {
    let step = Step::start("advisories");
    let mut git = Command::new("git");
    let date = process::run(git.arg("-C").arg(clone).args(["log", "-1", "--format=%cs"]), |_| {})?;
    let mut advisories = BTreeMap::new();
    let crates = clone.join("crates");
    for package in fs::read_dir(&crates).at(&crates)? {
        let package = package.at(&crates)?.path();
        for file in fs::read_dir(&package).at(&package)? {
            let path = file.at(&package)?.path();
            let text = fs::read_to_string(&path).at(&path)?;
            if let Some((id, advisory)) = parse(&text).map_err(|error| unexpected(&path, &error))? {
                advisories.insert(id, advisory);
            }
        }
    }
    let (path, count) = (workspace.root.join(LIST), advisories.len());
    fs::write(&path, print(date.trim(), &advisories)).at(&path)?;
    step.done(format!("{count} as of {} in {LIST}", date.trim()));
    Ok(())
}

fn read(path: &Path) -> Result<List> {
    let text = fs::read_to_string(path).at(path)?;
    toml::from_str(&text).map_err(|error| unexpected(path, &error.to_string()))
}

fn unexpected(path: &Path, error: &str) -> Error {
    Error::Unexpected(format!("{}: {error}", path.display()))
}

/// Parses a file of the database; `None` for a withdrawn advisory.
fn parse(text: &str) -> Result<Option<(String, Advisory)>, String> {
    let front = text.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("\n```"));
    let (front, _) = front.ok_or("it does not begin with a block of TOML")?;
    let Entry { advisory, versions } = toml::from_str(front).map_err(|error| error.to_string())?;
    let EntryHead { id, package, date, informational, withdrawn } = advisory;
    let EntryVersions { patched, unaffected } = versions;
    Ok(withdrawn.is_none().then_some((id, Advisory { package, date, informational, patched, unaffected })))
}

/// Formats an advisory as a file of the database.
fn entry(id: &str, advisory: &Advisory) -> String {
    let Advisory { package, date, informational, patched, unaffected } = advisory;
    let informational = informational.as_ref().map(|kind| format!("informational = {kind:?}\n")).unwrap_or_default();
    format!(
        "```toml\n[advisory]\nid = {id:?}\npackage = {package:?}\ndate = {date:?}\nurl = \"https://rustsec.org/advisories/{id}\"\n\
         {informational}[versions]\npatched = {patched:?}\nunaffected = {unaffected:?}\n```\n\n# {id}\n"
    )
}

fn print(date: &str, advisories: &BTreeMap<String, Advisory>) -> String {
    let mut text = format!("{HEAD}date = {date:?}\n");
    text.push_str("\n[advisories]\n");
    for (id, Advisory { package, date, informational, patched, unaffected }) in advisories {
        let _ = write!(text, "{id} = {{ package = {package:?}, date = {date:?}");
        if let Some(kind) = informational {
            let _ = write!(text, ", informational = {kind:?}");
        }
        for (name, versions) in [("patched", patched), ("unaffected", unaffected)] {
            if !versions.is_empty() {
                let _ = write!(text, ", {name} = {versions:?}");
            }
        }
        text.push_str(" }\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2026-9999\"\npackage = \"left-pad\"\ndate = \"2026-01-02\"\n\
                        informational = \"unsound\"\n\n[versions]\npatched = [\">= 1.2.3\"]\n```\n\n# It pads\n\nToo much.\n";

    #[test]
    fn a_file_of_the_database_goes_into_the_list_and_out_again() {
        let (id, advisory) = parse(FILE).expect("a file").expect("not withdrawn");
        let list: List = toml::from_str(&print("2026-01-03", &[(id.clone(), advisory.clone())].into()))
            .expect("the list as it is printed");
        assert_eq!((list.date.as_str(), &list.advisories[&id]), ("2026-01-03", &advisory));
        assert_eq!(parse(&entry(&id, &advisory)), Ok(Some((id, advisory))));
    }

    #[test]
    fn what_was_withdrawn_is_no_advisory_and_what_has_no_head_is_an_error() {
        let withdrawn = FILE.replace("informational = \"unsound\"", "withdrawn = \"2026-01-04\"");
        assert_eq!(parse(&withdrawn), Ok(None));
        assert!(parse("# It pads").is_err());
    }
}
