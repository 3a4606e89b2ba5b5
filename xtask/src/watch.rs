//! Runs `cargo leptos watch` without its download of `wasm-bindgen`.
//!
//! cargo-leptos uses a `wasm-bindgen` that it finds in `PATH`. This program contains that tool as a library, in the
//! lock file's version, so it links itself into `PATH` under that name and then behaves as `wasm-bindgen`.

use crate::{
    error::{At, Error, Result},
    tools, ui,
    workspace::{Workspace, cargo},
};
use lexopt::prelude::{Long, Value, ValueExt};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};
use wasm_bindgen_cli_support::Bindgen;

/// The name under which this program behaves as `wasm-bindgen`.
const TOOL: &str = "wasm-bindgen";

/// Runs `cargo leptos watch` until it ends.
///
/// # Errors
/// [`Error::Missing`] where cargo-leptos is not installed; [`Error::Exit`] with its exit code if that is not zero.
pub fn watch(workspace: &Workspace) -> Result<()> {
    if !tools::has_cargo_command("leptos") {
        return Err(Error::Missing {
            what: "cargo-leptos",
            remedy: "`cargo install cargo-leptos --version 0.3.10 --locked` (it compiles for a quarter of an hour); \
                     `cargo xtask run` needs no such thing"
                .to_owned(),
        });
    }
    ui::heading("Setting up");
    tools::wasm_target()?;
    let directory = workspace.cache().join("bin");
    link_self(&directory)?;
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(directory).chain(std::env::split_paths(&paths));
    let paths = std::env::join_paths(paths).map_err(|error| Error::Unexpected(format!("PATH: {error}")))?;
    let status = cargo().args(["leptos", "watch"]).current_dir(&workspace.root).env("PATH", paths).status();
    match status.map_err(|source| Error::Start { program: "cargo leptos".to_owned(), source })?.code() {
        Some(0) => Ok(()),
        code => Err(Error::Exit(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
    }
}

fn link_self(directory: &Path) -> Result<()> {
    let link = directory.join(TOOL).with_extension(std::env::consts::EXE_EXTENSION);
    let program = std::env::current_exe().at("the path of this program")?;
    fs::create_dir_all(directory).at(directory)?;
    // A link of an earlier build may point elsewhere.
    let _ = fs::remove_file(&link);
    #[cfg(unix)]
    return std::os::unix::fs::symlink(program, &link).at(link);
    #[cfg(not(unix))]
    fs::copy(program, &link).map(|_| ()).at(link)
}

/// Whether this program was called as `wasm-bindgen`.
pub fn is_wasm_bindgen(program: &OsString) -> bool {
    Path::new(program).file_stem().is_some_and(|stem| stem == TOOL)
}

/// Does what `wasm-bindgen` does with the arguments that cargo-leptos gives it.
///
/// # Errors
/// [`Error::Usage`] for arguments that cargo-leptos does not give; [`Error::Unexpected`] where the module is refused.
pub fn wasm_bindgen(arguments: impl IntoIterator<Item = OsString>) -> Result<()> {
    let usage = |error: lexopt::Error| Error::Usage(format!("{TOOL}: {error}."));
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut input, mut directory, mut name, mut debug) = (None, PathBuf::new(), None, false);
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("target") => {
                let target = parser.value().and_then(ValueExt::string).map_err(usage)?;
                if target != "web" {
                    return Err(Error::Usage(format!("{TOOL}: only `--target web` is supported here.")));
                }
            }
            Long("out-name") => name = Some(parser.value().and_then(ValueExt::string).map_err(usage)?),
            Long("out-dir") => directory = parser.value().map_err(usage)?.into(),
            Long("debug" | "keep-debug") => debug = true,
            Value(path) => input = Some(PathBuf::from(path)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let (Some(input), Some(name)) = (input, name) else {
        return Err(Error::Usage(format!("{TOOL}: an input and `--out-name` are needed.")));
    };
    let bindgen = |debug| {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(&input).out_name(&name).debug(debug).keep_debug(debug).typescript(false);
        bindgen.web(true)?.omit_default_module_path(false).generate(&directory)
    };
    bindgen(debug).map_err(|error| Error::Unexpected(format!("{TOOL}: {error:#}")))
}
