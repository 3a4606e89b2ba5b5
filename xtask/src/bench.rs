//! Measurements in a real browser: each a script in `end2end/bench/` that prints a table with the limits beside the
//! figures, writes `target/bench/<name>.json`, and fails where a limit is broken.

use crate::{
    build,
    error::{At, Error, Result},
    test, tools, ui,
    workspace::Workspace,
};
use std::{fs, process::Command};

/// All there are.
const BENCHES: [&str; 2] = ["weight", "latency"];

/// Builds for release, then measures `name`, or everything.
///
/// # Errors
/// [`Error::Usage`] for a name that does not exist, [`Error::Unsuccessful`] where a limit is broken.
pub fn measure(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    let chosen: Vec<&str> = match name {
        None => BENCHES.to_vec(),
        Some(name) if BENCHES.contains(&name) => vec![name],
        Some(name) => {
            return Err(Error::Usage(format!("There is no measurement `{name}`; there are {}.", BENCHES.join(", "))));
        }
    };
    ui::heading("Setting up");
    let node = tools::node()?;
    let optimisers = build::set_up(workspace)?;
    let chromium = tools::chromium()?;
    build::release(workspace, &optimisers)?;
    let results = workspace.root.join("target/bench");
    fs::create_dir_all(&results).at(&results)?;
    let mut broken = 0;
    for name in chosen {
        ui::heading(&format!("Measuring {name}"));
        let status = Command::new(&node)
            .arg(workspace.end2end().join("bench").join(format!("{name}.mjs")))
            .current_dir(workspace.end2end())
            .envs(test::browser_environment(workspace, &chromium))
            .env("E2E_RESULT", results.join(format!("{name}.json")))
            .status()
            .map_err(|source| Error::Start { program: "node".to_owned(), source })?;
        broken += usize::from(!status.success());
    }
    if broken == 0 { Ok(()) } else { Err(Error::Unsuccessful(broken)) }
}
