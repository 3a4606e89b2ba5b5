//! Makes a copy of the sources in which every defence can be switched off.
//!
//! Guarantees: an unchanged file is not written again, so that only changes are recompiled; files that the sources no longer
//! have are removed from the copy; nothing outside the copy is written.

use super::table::{Change, Table, wrong};
use crate::{
    error::{At, Result},
    process,
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Copies the tracked files, and the untracked ones that git does not ignore, from `root` to `copy`, with the table's changes.
///
/// # Errors
/// If a change does not match its file, git is missing or `root` is no repository, or a file cannot be read or written.
pub fn copy(root: &Path, copy: &Path, table: &Table) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let listed = process::run(&mut git, |_| {})?;
    // git also lists files whose deletion is not committed.
    let files: HashSet<&str> =
        listed.trim_end().split('\0').filter(|file| !file.is_empty() && root.join(file).is_file()).collect();
    let changes = changes(table);
    if let Some((name, change)) = changes.iter().find(|(_, change)| !files.contains(change.file.as_str())) {
        return Err(wrong(&format!("{name}: there is no file {}", change.file)));
    }
    for file in &files {
        let from = root.join(file);
        let mut bytes = fs::read(&from).at(&from)?;
        let mine: Vec<_> = changes.iter().filter(|(_, change)| change.file == *file).copied().collect();
        if !mine.is_empty() {
            bytes = switchable(&String::from_utf8_lossy(&bytes), &mine)?.into_bytes();
        }
        write(&copy.join(file), &bytes)?;
    }
    remove_others(copy, &files.iter().map(|file| copy.join(file)).collect())
}

/// All changes, each with the name of its defence.
fn changes(table: &Table) -> Vec<(&str, &Change)> {
    let defences = table.defences.iter();
    defences.flat_map(|defence| defence.changes.iter().map(|change| (&*defence.name, change))).collect()
}

/// A file's text with these changes, each with the name of its defence.
fn switchable(text: &str, changes: &[(&str, &Change)]) -> Result<String> {
    let mut places = Vec::new();
    for (name, change) in changes {
        let found: Vec<usize> = text.match_indices(&change.find).map(|(at, _)| at).collect();
        let [at] = found[..] else {
            let count = found.len();
            return Err(wrong(&format!(
                "{name}: {} has this {count} times, and must have it once:\n{}",
                change.file, change.find
            )));
        };
        places.push((at, at + change.find.len(), *name, *change));
    }
    places.sort_unstable_by_key(|place| place.0);
    let (mut switched, mut done) = (String::new(), 0);
    for (at, end, name, change) in places {
        let Some(before) = text.get(done..at) else {
            return Err(wrong(&format!(
                "{name}: another defence changes the same of {}:\n{}",
                change.file, change.find
            )));
        };
        switched += before;
        switched += &change.switched(name);
        done = end;
    }
    switched += &text[done..];
    Ok(switched)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).at(parent)?;
    }
    fs::write(path, bytes).at(path)
}

fn remove_others(directory: &Path, files: &HashSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).at(directory)? {
        let path = entry.at(directory)?.path();
        if path.is_dir() {
            remove_others(&path, files)?;
        } else if !files.contains(&path) {
            fs::remove_file(&path).at(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::table::PATH, *};

    fn change(find: &str, put: &str) -> Change {
        Change { file: "a.rs".to_owned(), find: find.to_owned(), put: put.to_owned() }
    }

    fn refusal(text: &str, changes: &[(&str, &Change)]) -> String {
        switchable(text, changes).unwrap_err().to_string()
    }

    #[test]
    fn each_change_stands_where_its_text_stood_whatever_their_order() {
        let (first, second) = (change("locked", "closed({off})"), change("walled", "high({off})"));
        let switched = switchable("if locked && walled {}", &[("moat", &second), ("lock", &first)]).unwrap();
        assert_eq!(switched, format!("if {} && {} {{}}", first.switched("lock"), second.switched("moat")));
    }

    #[test]
    fn a_text_that_is_not_there_or_is_there_twice_is_refused_with_file_and_text() {
        let lock = change("locked", "{off}");
        for (text, count) in [("open", "0 times"), ("locked or locked", "2 times")] {
            let error = refusal(text, &[("lock", &lock)]);
            assert!(["lock: a.rs", count, "\nlocked"].iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn two_changes_of_the_same_text_are_refused() {
        let (whole, part) = (change("locked && walled", "{off}"), change("walled", "{off}"));
        let error = refusal("locked && walled", &[("lock", &whole), ("wall", &part)]);
        assert!(error.contains("wall: another defence changes the same of a.rs"), "{error}");
    }

    #[test]
    fn the_changes_of_the_table_fit_this_tree() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let table = Table::parse(&fs::read_to_string(root.join(PATH)).unwrap()).unwrap();
        let changes = changes(&table);
        let files: HashSet<&str> = changes.iter().map(|(_, change)| change.file.as_str()).collect();
        for file in files {
            let mine: Vec<_> = changes.iter().filter(|(_, change)| change.file == file).copied().collect();
            switchable(&fs::read_to_string(root.join(file)).unwrap(), &mine).unwrap();
        }
    }

    #[test]
    fn what_is_no_longer_a_source_goes_and_what_is_the_same_stays_as_it_is() {
        let directory = std::env::temp_dir().join(format!("danmu-xtask-tree-{}", std::process::id()));
        let [kept, gone] = ["src/kept.rs", "src/old/gone.rs"].map(|file| directory.join(file));
        for path in [&kept, &gone] {
            write(path, b"text").unwrap();
        }
        let written = fs::metadata(&kept).unwrap().modified().unwrap();
        write(&kept, b"text").unwrap();
        remove_others(&directory, &HashSet::from([kept.clone()])).unwrap();
        assert_eq!((kept.is_file(), gone.is_file()), (true, false));
        assert_eq!(fs::metadata(&kept).unwrap().modified().unwrap(), written);
        fs::remove_dir_all(directory).unwrap();
    }
}
