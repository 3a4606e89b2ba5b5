//! `danmu-server policies`: prints policies, or writes the files of `deploy/policies`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use danmu_identity::policies::{Part, PolicyScope};

/// The partitions for which files are written.
const PARTITIONS: [&str; 2] = ["aws", "aws-cn"];

/// What `danmu-server policies` is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct PoliciesArgs {
    /// Which policies; without any, all of them.
    pub parts: Vec<Part>,

    /// The stream's region; its partition follows from it.
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,

    /// The account, twelve digits.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,

    /// The stream's name.
    #[arg(long, value_name = "NAME", default_value = "danmu")]
    pub stream: String,

    /// The name of the role that viewers' sessions assume.
    #[arg(long, value_name = "NAME", default_value = "danmu-viewer")]
    pub viewer_role: String,

    /// The name of the role that the server has.
    #[arg(long, value_name = "NAME", default_value = "danmu-server")]
    pub server_role: String,

    /// Writes all of them, with names to be filled in, as files of this directory, one directory a partition.
    #[arg(long, value_name = "DIR", exclusive = true)]
    pub write: Option<PathBuf>,
}

/// Prints the policies, or writes the files.
///
/// # Errors
/// When a file or the output cannot be written.
pub fn run(args: &PoliciesArgs) -> io::Result<()> {
    if let Some(dir) = &args.write {
        return write(dir);
    }
    let mut place = PolicyScope::to_fill_in("aws");
    (place.stream, place.viewer_role) = (args.stream.clone(), args.viewer_role.clone());
    place.server_role.clone_from(&args.server_role);
    if let Some(account) = &args.account {
        place.account.clone_from(account);
    }
    if let Some(region) = &args.region {
        place = place.in_region(region);
    }
    let parts = if args.parts.is_empty() { &Part::ALL[..] } else { &args.parts };
    let mut output = io::stdout().lock();
    for part in parts {
        // A single one is printed without a heading, so that it can be piped to a program.
        if parts.len() > 1 {
            writeln!(output, "── {} ──", part.name())?;
        }
        write!(output, "{}", part.policy(&place).pretty())?;
    }
    Ok(())
}

fn write(dir: &Path) -> io::Result<()> {
    for (name, text) in files() {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// The files: name and content.
fn files() -> impl Iterator<Item = (String, String)> {
    let file = |partition: &str, part: Part| {
        let policy = part.policy(&PolicyScope::to_fill_in(partition));
        (format!("{partition}/{}.json", part.name()), policy.pretty())
    };
    PARTITIONS.into_iter().flat_map(move |partition| Part::ALL.map(|part| file(partition, part)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_files_in_the_tree_are_what_is_generated() -> io::Result<()> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/policies");
        let mut expected = BTreeSet::new();
        for (name, text) in files() {
            let way_out = "run `cargo run -p danmu-server -- policies --write deploy/policies`";
            assert_eq!(
                fs::read_to_string(dir.join(&name)).ok(),
                Some(text),
                "{name} is not what the code uses; {way_out}"
            );
            expected.insert(name);
        }
        let mut found = BTreeSet::new();
        for partition in PARTITIONS {
            for entry in fs::read_dir(dir.join(partition))? {
                found.insert(format!("{partition}/{}", entry?.file_name().to_string_lossy()));
            }
        }
        assert_eq!(found, expected);
        Ok(())
    }
}
