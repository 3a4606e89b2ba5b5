//! Loads the settings from file and environment. An error names the setting as the operator wrote it (file or variable), in
//! plain words.

use std::{collections::HashMap, path::Path};

use config::{ConfigError, Environment, File, FileFormat};

use super::{Config, SettingsError, store::without_passwords};

/// The settings file that is read by default, if it exists.
const USUAL: &str = "danmu.toml";
/// Prefix of environment variables.
const PREFIX: &str = "DANMU";

/// The allowed values of each enum, by its type name, for error messages.
const CHOICES: [(&str, &str); 6] = [
    ("BusKind", "\"embedded\", the stream in this program, or \"aws\", Amazon Kinesis Data Streams"),
    ("ServerRole", "\"all\", \"bus\" or \"relay\""),
    ("Direct", "\"auto\", \"on\" or \"off\""),
    ("ReaderKind", "\"auto\", \"polling\" or \"enhanced-fan-out\""),
    ("LogFormat", "\"text\" or \"json\""),
    ("Unsigned", "\"allow\" or \"deny\""),
];

/// Reads the file (`danmu.toml`, if it exists, where none is named), overridden by the variables.
pub(super) fn read(file: Option<&Path>) -> Result<Config, SettingsError> {
    let variables: HashMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    build(file, variables.clone()).map_err(|error| {
        if let Err(error) = build(file, HashMap::new()) {
            let (name, said) = (file.unwrap_or(Path::new(USUAL)).display().to_string(), words(&error));
            return SettingsError::Read(if said.contains(&name) { said } else { [&name, ": ", &said].concat() });
        }
        let mut alone: Vec<_> = variables.into_iter().collect();
        alone.sort_unstable();
        let wrong = alone.into_iter().find_map(|(name, value)| {
            let error = build(file, HashMap::from([(name.clone(), value)])).err()?;
            Some(SettingsError::Variable { name, reason: words(&error) })
        });
        wrong.unwrap_or_else(|| SettingsError::Read(words(&error)))
    })
}

fn build(file: Option<&Path>, variables: HashMap<String, String>) -> Result<Config, ConfigError> {
    let file = match file {
        Some(path) => File::from(path).format(FileFormat::Toml),
        None => File::new(USUAL, FileFormat::Toml).required(false),
    };
    let variables = Environment::with_prefix(PREFIX)
        .prefix_separator("_")
        .separator("__")
        .list_separator(",")
        .with_list_parse_key("http.trusted_proxies")
        .try_parsing(true)
        .ignore_empty(true)
        .source(Some(variables));
    config::Config::builder().add_source(file).add_source(variables).build()?.try_deserialize()
}

/// The environment variable that sets a setting, if one does.
pub(super) fn variable(setting: &str) -> Option<String> {
    let name = [PREFIX, "_", &setting.to_uppercase().replace('.', "__")].concat();
    std::env::var(&name).is_ok_and(|value| !value.is_empty()).then_some(name)
}

/// An error in plain words.
fn words(error: &ConfigError) -> String {
    let said = error.to_string();
    let choice = said.strip_prefix("enum ").and_then(|rest| {
        let (name, rest) = rest.split_once(" does not have variant constructor ")?;
        let (_, choices) = CHOICES.iter().find(|(known, _)| *known == name)?;
        let (value, rest) = rest.rsplit_once(" for key `")?;
        let (key, _) = rest.split_once('`')?;
        Some(format!("{key} = {value:?} cannot be; it is {choices}"))
    });
    without_passwords(&choice.unwrap_or(said))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn refused(toml: &str, variables: &[(&str, &str)]) -> String {
        let mut file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
        file.write_all(toml.as_bytes()).expect("written");
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let error = build(Some(file.path()), variables).expect_err("refused");
        words(&error)
    }

    #[test]
    fn a_value_that_is_none_of_a_few_is_answered_with_these() {
        let said = "bus = \"kinesis\" cannot be; it is \"embedded\", the stream in this program, or \"aws\", Amazon Kinesis Data \
                    Streams";
        assert_eq!(refused("bus = 'kinesis'", &[]), said);
        assert_eq!(refused("", &[("DANMU_BUS", "kinesis")]), said);
        for toml in [
            "role = 'x'",
            "feed.direct = 'x'",
            "relay.reader = 'x'",
            "log.format = 'x'",
            "[[rooms]]\nid = 'a'\nvideo = ''\nunsigned = 'x'",
        ] {
            let said = refused(toml, &[]);
            assert!(said.contains("\"x\" cannot be") && said.contains(" or \""), "{said}");
        }
    }
}
