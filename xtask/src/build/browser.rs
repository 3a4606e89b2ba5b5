//! Builds the browser half: cargo, then wasm-bindgen, then wasm-opt and a minifier where available. It consists of the
//! page's module and those that the page loads on demand ([`LATER`]).
//!
//! wasm-bindgen is used as a library, so its version is the lock file's and there is nothing to install.

use super::lean;
use crate::{
    error::{At, Error, Result},
    process,
    tools::{self, Optimisers, WASM},
    ui::{self, Step},
    workspace::{Workspace, cargo},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use wasm_bindgen_cli_support::Bindgen;

/// The version of wasm-bindgen, for library and tool alike, since the format between them is private.
const WASM_BINDGEN: &str = "0.2.130";

/// The features that rustc's `wasm32-unknown-unknown` enables by default; every browser has them since 2021.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The passes of wasm-opt, in order. Flattening first gives `-Oz` more to find; functions sorted by name compress better,
/// since the instances of one generic lie side by side. Together 1.3 % less over the wire than `-Oz` alone, in the same
/// time; a second `-Oz` saves another 0.4 %. `--low-memory-unused` is safe: memory begins with the stack, whose lowest bytes
/// are used last.
const PASSES: [&str; 9] = [
    "--flatten",
    "--rereloop",
    "-Oz",
    "--zero-filled-memory",
    "--low-memory-unused",
    "-Oz",
    "--reorder-functions-by-name",
    "--strip-producers",
    "--strip-target-features",
];

/// The packages of the modules that a page loads on demand: drawing, signing where the browser cannot, reading the stream,
/// signing in; and the studio's, which its pages load in the place of the watch page's. The glue names each by the last part of its package name; a module may load only those before it here.
pub const LATER: [&str; 5] = ["danmu-overlay", "danmu-signer", "danmu-reader", "danmu-account", "danmu-studio"];

/// The generated files of a module, before they get their final names.
pub struct Built {
    /// Its stem: `danmu`.
    pub name: String,
    /// The JavaScript glue. It refers to its module as [`Built::module_name`].
    pub glue: Vec<u8>,
    /// The WebAssembly module.
    pub module: Vec<u8>,
    /// The module's file name as it is in the glue.
    pub module_name: String,
    /// The directory of JavaScript snippets that the glue imports; `None` if there are none or esbuild bundled them.
    pub snippets: Option<PathBuf>,
}

/// Builds the page's module and those of [`LATER`]. The processed files are cached by the module that cargo built.
///
/// # Errors
/// Where cargo or a tool fails, or a file cannot be read or written.
pub fn build(workspace: &Workspace, optimisers: &Optimisers) -> Result<(Built, Vec<Built>)> {
    let directory = compile(workspace)?;
    let module = |package: &str, name| finish(workspace, optimisers, &directory, package, name);
    let later = LATER.iter().map(|package| module(package, package)).collect::<Result<_>>()?;
    Ok((module(&workspace.browser, &workspace.output_name)?, later))
}

fn finish(workspace: &Workspace, optimisers: &Optimisers, compiled: &Path, package: &str, name: &str) -> Result<Built> {
    let raw = compiled.join(format!("{}.wasm", package.replace('-', "_")));
    let bytes = fs::read(&raw).at(&raw)?;
    let directory = workspace.cache().join(package);
    let stamp = directory.join("stamp");
    let key = tools::hash(&[
        &bytes,
        format!("{optimisers:?} {WASM_FEATURES:?} {PASSES:?} {}", lean::VERSION).as_bytes(),
        WASM_BINDGEN.as_bytes(),
    ]);
    if !fs::read_to_string(&stamp).is_ok_and(|processed| processed == key) {
        process_into(&directory, &raw, &key, name, optimisers)?;
    }
    let (glue, module) = (directory.join(format!("{name}.js")), directory.join(format!("{name}_bg.wasm")));
    Ok(Built {
        name: name.to_owned(),
        glue: fs::read(&glue).at(&glue)?,
        module: fs::read(&module).at(&module)?,
        module_name: format!("{name}_bg.wasm"),
        snippets: Some(directory.join("snippets")).filter(|path| optimisers.esbuild.is_none() && path.is_dir()),
    })
}

/// Writes the files to a temporary directory and renames it into place when complete, so that an interrupted or concurrent
/// build leaves no incomplete files behind a valid stamp.
fn process_into(directory: &Path, raw: &Path, key: &str, name: &str, optimisers: &Optimisers) -> Result<()> {
    let work = directory.with_extension(std::process::id().to_string());
    bind(raw, &work, name)?;
    lean::cut(&work.join(format!("{name}_bg.wasm")), &work.join(format!("{name}.js")))?;
    if let Some(wasm_opt) = &optimisers.wasm_opt {
        optimise(wasm_opt, &work.join(format!("{name}_bg.wasm")))?;
    }
    if let Some(esbuild) = &optimisers.esbuild {
        minify_glue(esbuild, &work.join(format!("{name}.js")))?;
    }
    let stamp = work.join("stamp");
    fs::write(&stamp, key).at(&stamp)?;
    // Remove the previous result; a first build has none.
    let _ = fs::remove_dir_all(directory);
    fs::rename(&work, directory).at(directory)
}

fn compile(workspace: &Workspace) -> Result<PathBuf> {
    let step = Step::start("browser half");
    let mut build = cargo();
    build
        // The default features make one module of all, for `cargo leptos watch`. One call, so that shared crates compile once.
        .args(["build", "--package", &workspace.browser, "--no-default-features"])
        .args(LATER.iter().flat_map(|package| ["--package", package]))
        .args(["--lib", "--target", WASM])
        .args(["--profile", &workspace.browser_profile])
        .current_dir(&workspace.root);
    process::build(&step, &mut build)?;
    step.done("compiled");
    Ok(workspace.target.join(WASM).join(&workspace.browser_profile))
}

fn bind(raw: &Path, directory: &Path, name: &str) -> Result<()> {
    let step = Step::start("wasm-bindgen");
    let generated = Bindgen::new()
        .input_path(raw)
        .out_name(name)
        .web(true)
        .map(|bindgen| bindgen.typescript(false).omit_default_module_path(false))
        .and_then(|bindgen| bindgen.generate(directory));
    generated.map_err(|error| {
        Error::Unexpected(format!(
            "wasm-bindgen {}: {error:#}\nIs `wasm-bindgen` in Cargo.lock of exactly this version?",
            WASM_BINDGEN
        ))
    })?;
    step.done("glue written");
    Ok(())
}

fn optimise(wasm_opt: &Path, module: &Path) -> Result<()> {
    let step = Step::start("wasm-opt");
    let before = file_size(module)?;
    let mut command = Command::new(wasm_opt);
    command.args(WASM_FEATURES).args(PASSES).arg(module).arg("-o").arg(module);
    process::run(&mut command, |_| {})?;
    step.done(format!("{} → {}", ui::size(before), ui::size(file_size(module)?)));
    Ok(())
}

fn minify_glue(esbuild: &Path, glue: &Path) -> Result<()> {
    let step = Step::start("minify the glue");
    let before = file_size(glue)?;
    let mut command = Command::new(esbuild);
    command
        .args(["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning", "--allow-overwrite"])
        .arg(format!("--outfile={}", glue.display()))
        .arg(glue);
    process::run(&mut command, |_| {})?;
    step.done(format!("{} → {}", ui::size(before), ui::size(file_size(glue)?)));
    Ok(())
}

fn file_size(path: &Path) -> Result<usize> {
    let bytes = fs::metadata(path).at(path)?.len();
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_has_the_version_of_the_library() {
        let lock = Workspace::load().unwrap().root.join("Cargo.lock");
        let lock = fs::read_to_string(lock).unwrap();
        for name in ["wasm-bindgen", "wasm-bindgen-cli-support"] {
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{WASM_BINDGEN}\"")), "{name}");
        }
    }
}
