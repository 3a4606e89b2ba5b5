//! The attacker's table (`server/tests/undefended.toml`): how each defence is switched off, and which test must notice.
//!
//! An inconsistent table is refused before anything is built: unknown names, or a defence without a row in which it alone is
//! switched off.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::HashSet;

/// Its path, from the root.
pub const PATH: &str = "server/tests/undefended.toml";
/// The environment variable with the comma-separated names of the defences that are off. It is not a setting of the server,
/// and the tests pass it on to the servers that they start.
pub const VARIABLE: &str = "UNDEFENDED";
/// The placeholder in a change for the condition "this defence is off".
const OFF: &str = "{off}";

/// The defences, and the attacks that they stop.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(rename = "defence")]
    pub defences: Vec<Defence>,
    #[serde(rename = "row")]
    pub rows: Vec<Row>,
}

/// A check that stops an attacker, and can be switched off in a copy of the sources.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defence {
    /// Of `a-z`, `0-9` and `-`.
    pub name: String,
    #[serde(rename = "change")]
    pub changes: Vec<Change>,
}

/// A piece of source, and its replacement in the copy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// From the root, with `/`.
    pub file: String,
    /// Text that occurs in the file exactly once.
    pub find: String,
    /// The replacement, with the condition `{off}` in it, which is true if the defence is off.
    pub put: String,
}

/// An attack, made by a test, that succeeds without these defences.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub attack: String,
    /// The defences that are switched off together.
    pub without: Vec<String>,
    /// Binary and name of the test, as nextest lists it: `danmu-server::it attacks::…`, or `danmu ticket::tests::…`.
    pub test: String,
    /// Part of the test's output when it fails, which only a successful attack produces.
    pub says: String,
}

impl Table {
    /// Parses and checks the table.
    ///
    /// # Errors
    /// [`Error::Unexpected`], naming what is wrong in it.
    pub fn parse(text: &str) -> Result<Self> {
        let table: Self = toml::from_str(text).map_err(|error| wrong(&error.to_string()))?;
        table.check()?;
        Ok(table)
    }

    fn check(&self) -> Result<()> {
        let mut known = HashSet::new();
        for Defence { name, changes } in &self.defences {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(wrong(&format!("the defence {name:?} must be named by a-z, 0-9 and -")));
            }
            if !known.insert(name.as_str()) {
                return Err(wrong(&format!("two defences are named {name}")));
            }
            if changes.is_empty() || changes.iter().any(|change| change.find.is_empty() || !change.put.contains(OFF)) {
                return Err(wrong(&format!("each change of {name} must find something, and put {OFF} into it")));
            }
        }
        for Row { attack, without, test, says } in &self.rows {
            if let Some(name) = without.iter().find(|name| !known.contains(name.as_str())) {
                return Err(wrong(&format!("{attack:?} is without {name}, which is no defence of the table")));
            }
            if without.is_empty() || says.is_empty() || !test.contains(' ') {
                return Err(wrong(&format!("{attack:?} needs a defence, a binary and a test, and what the test says")));
            }
        }
        let alone = |name: &str| self.rows.iter().any(|row| matches!(&row.without[..], [only] if only == name));
        match self.defences.iter().find(|defence| !alone(&defence.name)) {
            Some(Defence { name, .. }) => Err(wrong(&format!("no row shows {name} alone"))),
            None => Ok(()),
        }
    }
}

impl Change {
    /// The replacement text for the copy, of the defence `name`.
    pub fn switched(&self, name: &str) -> String {
        let off = format!("std::env::var({VARIABLE:?}).is_ok_and(|off| off.split(',').any(|off| off == {name:?}))");
        self.put.replace(OFF, &off)
    }
}

/// An error about the table.
pub fn wrong(what: &str) -> Error {
    Error::Unexpected(format!("{PATH}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFENCE: &str =
        "[[defence]]\nname = 'lock'\n[[defence.change]]\nfile = 'a.rs'\nfind = 'locked'\nput = '!{off} && locked'\n";
    const ROW: &str = "[[row]]\nattack = 'a burglar'\nwithout = ['lock']\ntest = 'house tests::door'\nsays = 'open'\n";

    fn refusal(text: &str) -> String {
        Table::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_change_asks_whether_its_own_defence_is_off() {
        let table = Table::parse(&[DEFENCE, ROW].concat()).unwrap();
        assert_eq!(
            table.defences[0].changes[0].switched("lock"),
            r#"!std::env::var("UNDEFENDED").is_ok_and(|off| off.split(',').any(|off| off == "lock")) && locked"#
        );
    }

    #[test]
    fn a_row_without_a_defence_that_there_is_is_refused_by_name() {
        let unknown = ROW.replace("['lock']", "['lock', 'moat']");
        assert!(refusal(&[DEFENCE, &unknown].concat()).contains("moat, which is no defence"));
        assert!(refusal(&[DEFENCE, &ROW.replace("['lock']", "[]")].concat()).contains("needs a defence"));
    }

    #[test]
    fn a_defence_that_no_row_shows_alone_is_refused_by_name() {
        assert!(refusal(&format!("row = []\n{DEFENCE}")).contains("no row shows lock alone"));
        let second = DEFENCE.replace("'lock'", "'moat'");
        let together = ROW.replace("['lock']", "['lock', 'moat']");
        assert!(refusal(&[DEFENCE, &second, ROW, &together].concat()).contains("no row shows moat alone"));
    }

    #[test]
    fn a_change_that_switches_nothing_a_bad_name_and_a_second_one_are_refused() {
        assert!(refusal(&[&DEFENCE.replace("{off}", "false"), ROW].concat()).contains("put {off} into it"));
        assert!(refusal(&[&DEFENCE.replace("'lock'", "'a\"b'"), ROW].concat()).contains("must be named by"));
        assert!(refusal(&[DEFENCE, DEFENCE, ROW].concat()).contains("two defences are named lock"));
        assert!(refusal(&[DEFENCE, ROW, "colour = 'red'\n"].concat()).contains("colour"));
    }
}
