//! Paths and names of the workspace: `cargo metadata`, with the `[[workspace.metadata.leptos]]` that `cargo leptos` reads too.

use crate::{
    error::{Error, Result},
    process,
};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace and the site that is built from it. All paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// The root of the source tree.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// The package of the server's binary.
    pub server: String,
    /// The package of the browser half, a `cdylib`.
    pub browser: String,
    /// The profile that the browser half is built with for release.
    pub browser_profile: String,
    /// The stem of the generated files: `danmu` in `danmu.<hash>.js`.
    pub output_name: String,
    /// The directory from which the server serves files.
    pub site: PathBuf,
    /// The directory of generated files inside the site.
    pub package_dir: String,
    /// The style sheet's source.
    pub style: PathBuf,
    /// Static files, copied into the site as they are.
    pub assets: PathBuf,
    /// Where the server listens unless told otherwise, `host:port`.
    pub address: String,
}

impl Workspace {
    /// Loads it from `cargo metadata`.
    ///
    /// # Errors
    /// Where cargo fails, or the metadata lacks a key that is needed.
    pub fn load() -> Result<Self> {
        let text = process::run(
            cargo().args(["metadata", "--no-deps", "--format-version", "1", "--quiet", "--color", "never"]),
            |_| {},
        )?;
        let json = text.lines().find(|line| line.starts_with('{')).unwrap_or_default();
        let metadata: Value = serde_json::from_str(json)
            .map_err(|error| Error::Unexpected(format!("`cargo metadata` answered no JSON: {error}")))?;
        Self::from_metadata(&metadata)
    }

    fn from_metadata(metadata: &Value) -> Result<Self> {
        let directory = |key: &str| {
            let path = metadata[key].as_str().map(PathBuf::from);
            path.ok_or_else(|| Error::Unexpected(format!("`cargo metadata` gives no `{key}`")))
        };
        let root = directory("workspace_root")?;
        let target = directory("target_directory")?;
        let leptos = &metadata["metadata"]["leptos"][0];
        let text = |key: &str| {
            leptos[key].as_str().map(str::to_owned).ok_or_else(|| {
                Error::Unexpected(format!("Cargo.toml: `[[workspace.metadata.leptos]]` lacks the text `{key}`"))
            })
        };
        Ok(Self {
            server: text("bin-package")?,
            browser: text("lib-package")?,
            browser_profile: text("lib-profile-release")?,
            output_name: text("output-name")?,
            // Not the directory of `cargo leptos watch`: each of the two deletes files that it did not write.
            site: root.join(text("site-root")? + "-release"),
            package_dir: text("site-pkg-dir")?,
            style: root.join(text("style-file")?),
            assets: root.join(text("assets-dir")?),
            address: text("site-addr")?,
            root,
            target,
        })
    }

    /// The release binary of the server.
    pub fn server_binary(&self) -> PathBuf {
        self.target.join("release").join(&self.server).with_extension(std::env::consts::EXE_EXTENSION)
    }

    /// The cache of the tasks: stamps, processed and compressed files, tools.
    pub fn cache(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// The npm project with the tests and the tools.
    pub fn end2end(&self) -> PathBuf {
        self.root.join("end2end")
    }

    /// The path of a program from an npm package of [`Workspace::end2end`]; it may not exist.
    pub fn npm_program(&self, name: &str) -> PathBuf {
        self.end2end().join("node_modules/.bin").join(name)
    }

    /// Formats a path for display: relative to the root if it lies inside.
    pub fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Environment variables that tell Leptos at run time what was built and where.
    pub fn leptos_environment(&self) -> [(&'static str, String); 6] {
        [
            ("LEPTOS_OUTPUT_NAME", self.output_name.clone()),
            ("LEPTOS_SITE_ROOT", self.site.display().to_string()),
            ("LEPTOS_SITE_PKG_DIR", self.package_dir.clone()),
            ("LEPTOS_SITE_ADDR", self.address.clone()),
            ("LEPTOS_HASH_FILES", "true".to_owned()),
            ("LEPTOS_ENV", "PROD".to_owned()),
        ]
    }
}

/// A command of the cargo that runs this task.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.env("CARGO_TERM_COLOR", if crate::ui::terminal() { "always" } else { "never" });
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_has_all_that_is_needed() {
        let workspace = Workspace::load().unwrap();
        assert_eq!(workspace.server, "danmu-server");
        assert_eq!(workspace.browser, "danmu-browser");
        assert!(workspace.root.join("Cargo.toml").is_file());
    }

    #[test]
    fn a_missing_key_is_named() {
        let metadata = serde_json::json!({
            "workspace_root": "/w", "target_directory": "/t",
            "metadata": { "leptos": [{ "bin-package": "a" }] },
        });
        let error = Workspace::from_metadata(&metadata).unwrap_err();
        assert!(error.to_string().contains("`lib-package`"), "{error}");
    }
}
