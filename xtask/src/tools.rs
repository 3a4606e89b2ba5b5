//! Finds or installs the external tools that the task at hand needs, and no others.

use crate::{
    error::{At, Error, Result},
    process,
    ui::{self, Step},
    workspace::{Workspace, cargo},
};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The compilation target of the browser half.
pub const WASM: &str = "wasm32-unknown-unknown";
/// The version of `cargo-deny` to install where there is none.
const DENY_VERSION: &str = "0.20.2";

/// Makes sure that the toolchain can compile for browsers.
///
/// # Errors
/// Where the target is missing and there is no rustup to add it.
pub fn wasm_target() -> Result<()> {
    let step = Step::start("wasm target");
    let found = process::run(Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]), |_| {})?;
    if PathBuf::from(found.trim()).is_dir() {
        step.done("present");
        return Ok(());
    }
    if process::find("rustup").is_none() {
        step.failed("missing");
        return Err(Error::Missing {
            what: WASM,
            remedy: "add this target's standard library to your Rust installation (`rustup target add` where there is rustup)"
                .to_owned(),
        });
    }
    process::run(Command::new("rustup").args(["target", "add", WASM]), |line| step.note(line.trim()))?;
    step.done("added");
    Ok(())
}

/// Installs the npm packages of `end2end/`, as its lock file has them, unless present. Returns whether they are present.
///
/// Without npm this is no error: the build goes without the optimisers, and says so.
///
/// # Errors
/// Where npm fails, or a file cannot be read.
pub fn npm_packages(workspace: &Workspace) -> Result<bool> {
    let step = Step::start("npm packages");
    let directory = workspace.end2end();
    let lock_path = directory.join("package-lock.json");
    let lock = fs::read(&lock_path).at(&lock_path)?;
    let wanted = hash(&[&lock]);
    let stamp = directory.join("node_modules/.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        step.done("present");
        return Ok(true);
    }
    if process::find("npm").is_none() {
        step.done("skipped: there is no npm");
        return Ok(false);
    }
    let mut npm = Command::new("npm");
    // `--ignore-scripts` keeps packages from running code when they are installed; none of ours needs its scripts.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&directory);
    process::run(&mut npm, |line| step.note(line.trim()))?;
    fs::write(&stamp, wanted).at(&stamp)?;
    step.done("installed in end2end/node_modules");
    Ok(true)
}

/// The Python of a virtual environment with the packages of the stream's SDK tests and the sign-in tests, created if missing.
///
/// # Errors
/// [`Error::Missing`] without Python 3; others where pip fails or a file cannot be read.
pub fn python(workspace: &Workspace) -> Result<PathBuf> {
    let step = Step::start("python packages");
    let lists = ["server/stream/tests/clients", "tests/cognito"]
        .map(|tests| workspace.root.join(tests).join("requirements.txt"));
    let [stream, cognito] = &lists;
    let wanted = hash(&[&fs::read(stream).at(stream)?, &fs::read(cognito).at(cognito)?]);
    let directory = workspace.cache().join("python");
    let python = directory.join("bin/python");
    let stamp = directory.join(".installed");
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        step.done("present");
        return Ok(python);
    }
    let missing = || {
        Error::Missing {
        what: "Python 3 with venv",
        remedy: "the stream is tested with boto3, and signing in with moto; install it (Debian: `apt-get install python3-venv`)"
            .to_owned(),
    }
    };
    let make = |note: &Step| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&directory);
        process::run(&mut venv, |line| note.note(line.trim()))
    };
    if make(&step).is_err() {
        if !may_install_debian_packages() {
            step.failed("missing");
            return Err(missing());
        }
        apt(&step, &["update", "-qq"])?;
        apt(&step, &["install", "-y", "--no-install-recommends", "python3-venv"])?;
        make(&step)?;
    }
    let mut pip = Command::new(&python);
    // `--require-hashes`: only what the lists pin, by hash.
    pip.args(["-m", "pip", "install", "--require-hashes", "--quiet", "--disable-pip-version-check"]);
    pip.args(lists.iter().flat_map(|list| [Path::new("--requirement"), list.as_path()]));
    process::run(&mut pip, |line| step.note(line.trim()))?;
    fs::write(&stamp, wanted).at(&stamp)?;
    step.done("installed");
    Ok(python)
}

/// Runs `apt-get` without questions to the user.
fn apt(step: &Step, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    process::run(&mut command, |line| step.note(line.trim().chars().take(70).collect::<String>()))
}

/// Finds a Chromium, or installs Debian's if possible.
///
/// # Errors
/// [`Error::Missing`] with the remedy.
pub fn chromium() -> Result<PathBuf> {
    let step = Step::start("chromium");
    if let Some(path) = find_chromium() {
        step.done(path.display().to_string());
        return Ok(path);
    }
    if let Some(path) = std::env::var_os("CHROMIUM") {
        step.failed("`CHROMIUM` names no file");
        return Err(Error::Missing {
            what: "Chromium",
            remedy: format!("the variable CHROMIUM says {}, and no such file exists", PathBuf::from(path).display()),
        });
    }
    if !may_install_debian_packages() {
        step.failed("missing");
        return Err(Error::Missing {
            what: "Chromium",
            remedy: "install chromium or google-chrome and a font with Chinese characters (Debian: \
                     `apt-get install chromium fonts-noto-cjk`), or set CHROMIUM to its path"
                .to_owned(),
        });
    }
    apt(&step, &["update", "-qq"])?;
    apt(&step, &["install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"])?;
    let path = find_chromium().ok_or_else(|| {
        Error::Unexpected("apt-get installed chromium, yet there is no `chromium` in PATH".to_owned())
    })?;
    step.done(format!("installed {}", path.display()));
    Ok(path)
}

/// Installs nginx for the reverse-proxy test unless present. Without it, the step says so and the test is skipped.
///
/// # Errors
/// Where the installation fails.
pub fn nginx() -> Result<()> {
    let step = Step::start("nginx");
    if process::find("nginx").is_some() {
        step.done("present");
    } else if may_install_debian_packages() {
        apt(&step, &["update", "-qq"])?;
        apt(&step, &["install", "-y", "--no-install-recommends", "nginx-light"])?;
        step.done("installed");
    } else {
        step.done("skipped: there is none (Debian: `apt-get install nginx-light`)");
    }
    Ok(())
}

/// Installs PostgreSQL, on which the store is tested too, unless present. The tests start servers of their own.
///
/// # Errors
/// [`Error::Missing`] with the remedy; where the installation fails.
pub fn postgres() -> Result<()> {
    let step = Step::start("postgresql");
    // Debian keeps its programs out of `PATH`, in a directory for each version.
    let debian = || Path::new("/usr/lib/postgresql").read_dir().is_ok_and(|mut versions| versions.next().is_some());
    if process::find("initdb").is_some() || debian() {
        step.done("present");
    } else if may_install_debian_packages() {
        apt(&step, &["update", "-qq"])?;
        apt(&step, &["install", "-y", "--no-install-recommends", "postgresql"])?;
        step.done("installed");
    } else {
        step.failed("missing");
        return Err(Error::Missing {
            what: "PostgreSQL",
            remedy: "the store is tested on it; install its server (Debian: `apt-get install postgresql`), or put the directory \
                     that has initdb, pg_ctl and createdb into PATH"
                .to_owned(),
        });
    }
    Ok(())
}

/// Installs nginx with nchan, which the relay's benchmark compares with, unless present.
///
/// # Errors
/// Where it is missing and cannot be installed.
pub fn nchan() -> Result<()> {
    let step = Step::start("nginx with nchan");
    let present =
        || process::find("nginx").is_some() && Path::new("/usr/lib/nginx/modules/ngx_nchan_module.so").is_file();
    if present() {
        step.done("present");
        return Ok(());
    }
    if !may_install_debian_packages() {
        step.failed("missing");
        return Err(Error::Missing {
            what: "nginx with nchan",
            remedy: "install both (Debian: `apt-get install nginx libnginx-mod-nchan`)".to_owned(),
        });
    }
    apt(&step, &["update", "-qq"])?;
    apt(&step, &["install", "-y", "--no-install-recommends", "nginx", "libnginx-mod-nchan"])?;
    step.done("installed");
    Ok(())
}

fn find_chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().find_map(process::find)
}

fn may_install_debian_packages() -> bool {
    let root = process::run(Command::new("id").arg("-u"), |_| {}).is_ok_and(|id| id.trim() == "0");
    root && process::find("apt-get").is_some()
}

/// Whether a cargo subcommand is installed.
pub fn has_cargo_command(name: &str) -> bool {
    process::run_to_end(cargo().args([name, "--version"]), |_| {}).is_ok_and(|output| output.success)
}

/// Returns `cargo-deny` from `PATH`, or from the cache, where it is compiled if missing.
///
/// # Errors
/// Where cargo cannot install it.
pub fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(installed) = process::find("cargo-deny") {
        return Ok(installed);
    }
    let root = workspace.cache().join("tools");
    let program = root.join("bin/cargo-deny").with_extension(std::env::consts::EXE_EXTENSION);
    let step = Step::start("cargo-deny");
    if program.exists() {
        step.done("present");
        return Ok(program);
    }
    let mut install = cargo();
    install.args(["install", "--locked", "--version", DENY_VERSION, "cargo-deny", "--root"]).arg(&root);
    process::build(&step, &mut install)?;
    step.done(workspace.show(&program));
    Ok(program)
}

/// Finds Node.js, which the browser tests need.
///
/// # Errors
/// [`Error::Missing`] where it is not in `PATH`.
pub fn node() -> Result<PathBuf> {
    process::find("node").ok_or_else(|| Error::Missing {
        what: "Node.js",
        remedy: "the browser tests need Node.js 20 or newer with npm; see https://nodejs.org".to_owned(),
    })
}

/// The optional optimisers of a build, from npm or `PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optimisers {
    /// Binaryen's `wasm-opt`.
    pub wasm_opt: Option<PathBuf>,
    /// `esbuild`, which minifies the glue and the style sheet.
    pub esbuild: Option<PathBuf>,
}

impl Optimisers {
    /// Prefers npm's tools where its packages are installed (`npm`), else takes those in `PATH`.
    pub fn find(workspace: &Workspace, npm: bool) -> Self {
        let tool = |name: &str| {
            let local = Some(workspace.npm_program(name)).filter(|path| npm && path.exists());
            local.or_else(|| process::find(name))
        };
        let found = Self { wasm_opt: tool("wasm-opt"), esbuild: tool("esbuild") };
        if found.wasm_opt.is_none() {
            ui::note("without Node.js and npm there is no wasm-opt: everything works, the page's download is bigger");
        }
        found
    }
}

/// A content hash, short enough for a file name: 16 hexadecimal digits of SHA-256 over all `parts`.
pub fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tells_where_one_part_ends_and_the_next_begins() {
        assert_eq!(hash(&[b"ab", b"c"]).len(), 16);
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }
}
