//! Checks that the site's files exist and belong to this build. Without that check, a program without its site, or with another
//! build's, would serve pages that do not work.

use std::path::{Path, PathBuf};

use danmu_app::BUILD;
use leptos::config::LeptosOptions;

/// The files that documents name, or why they are not known.
#[derive(Clone, Debug)]
pub struct Site {
    files: Result<Vec<PathBuf>, String>,
    account_module: Option<String>,
    studio_module: Option<String>,
    /// The page's WASM module, if it is of another build.
    foreign: Option<PathBuf>,
}

impl Site {
    /// The files that documents name with these options. A release build lists their hashes in a file beside the program; a
    /// development build has no hashes, and its sign-in module is the page's own.
    #[must_use]
    pub fn of(options: &LeptosOptions) -> Self {
        let (name, package) = (&options.output_name, &options.site_pkg_dir);
        let directory = Path::new(&*options.site_root).join(&**package);
        if !options.hash_files {
            // The module's file name is chosen by the development build, so it is not checked.
            let files = ["js", "css"].map(|extension| directory.join(format!("{name}.{extension}")));
            return Self {
                files: Ok(files.into()),
                account_module: Some(format!("/{package}/{name}.js")),
                // The page's own module does its work.
                studio_module: None,
                foreign: None,
            };
        }
        let hashes = std::env::current_exe()
            .map(|program| program.with_file_name(&*options.hash_file))
            .and_then(|path| std::fs::read_to_string(&path).map_err(|error| named(&path, &error)));
        let hashes = match hashes {
            Ok(hashes) => hashes,
            Err(error) => {
                let (account_module, studio_module) = (None, None);
                return Self { files: Err(error.to_string()), account_module, studio_module, foreign: None };
            }
        };
        let file = |line: &str| {
            let (what, hash) = line.split_once(": ")?;
            Some(match what {
                "js" | "wasm" | "css" => format!("{name}.{hash}.{what}"),
                module => format!("{module}.{hash}.js"),
            })
        };
        let files: Vec<_> = hashes.lines().filter_map(|line| file(line.trim())).collect();
        let module = |start: &str| {
            let file = files.iter().find(|file| file.starts_with(start))?;
            Some(format!("/{package}/{file}"))
        };
        let (account_module, studio_module) = (module("danmu-account."), module("danmu-studio."));
        let files: Vec<_> = files.iter().map(|file| directory.join(file)).collect();
        let foreign = files.iter().find(|file| file.extension().is_some_and(|is| is == "wasm") && is_foreign(file));
        Self { foreign: foreign.cloned(), files: Ok(files), account_module, studio_module }
    }

    /// The URL of the sign-in module, if there is one.
    #[must_use]
    pub fn account_module(&self) -> Option<&str> {
        self.account_module.as_deref()
    }

    /// The URL of the studio's module, if it is one of its own.
    #[must_use]
    pub fn studio_module(&self) -> Option<&str> {
        self.studio_module.as_deref()
    }

    /// What is missing or wrong, as text for the operator.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        let missing = match &self.files {
            Ok(files) => files.iter().find(|file| !file.is_file()).map(|file| format!("without {}", file.display())),
            Err(why) => Some(format!("without {why}")),
        };
        let foreign = || Some(format!("with {}, which is of another build", self.foreign.as_ref()?.display()));
        let wrong = missing.or_else(foreign)?;
        Some(format!("pages cannot work {wrong}; put the site of this build where LEPTOS_SITE_ROOT says"))
    }
}

/// Whether a module can be read, and does not contain this build's id.
fn is_foreign(module: &Path) -> bool {
    let of_this_build = |module: Vec<u8>| module.windows(BUILD.len()).any(|bytes| bytes == BUILD.as_bytes());
    std::fs::read(module).is_ok_and(|module| !of_this_build(module))
}

/// Adds the path and its purpose to an error.
fn named(path: &Path, error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("{}, which names the site's files ({error})", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_other_sources_is_found_out() {
        let directory = tempfile::tempdir().expect("a directory");
        let module = |bytes: &[u8]| {
            let path = directory.path().join("danmu.wasm");
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let ours = [&b"\0asm"[..], BUILD.as_bytes(), b"\0"].concat();
        assert!(!is_foreign(&module(&ours)));
        assert!(is_foreign(&module(b"\0asm\xe2danmu-build-0000000000000000\xe2")));
        assert!(!is_foreign(&directory.path().join("nowhere")), "it is missing, which is said of it");
        let site = Site { files: Ok(vec![module(&ours)]), account_module: None, studio_module: None, foreign: None };
        assert_eq!(site.lacks(), None);
        let site = Site { foreign: Some("danmu.wasm".into()), ..site };
        assert!(site.lacks().is_some_and(|lacks| lacks.contains("danmu.wasm, which is of another build")));
    }
}
