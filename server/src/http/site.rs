//! The site's files that documents name: whether they are there. A program that was copied without its site, or beside another
//! build's, would else answer pages that cannot do anything.

use std::path::{Path, PathBuf};

use leptos::config::LeptosOptions;

/// The files, or why they are not known.
#[derive(Clone, Debug)]
pub struct Site {
    files: Result<Vec<PathBuf>, String>,
    account_module: Option<String>,
}

impl Site {
    /// What documents of these options name. A build for release names its files in a file of hashes beside the program; one for
    /// development has no hashes, and the module that people sign in by is the page's own.
    #[must_use]
    pub fn of(options: &LeptosOptions) -> Self {
        let (name, package) = (&options.output_name, &options.site_pkg_dir);
        let directory = Path::new(&*options.site_root).join(&**package);
        if !options.hash_files {
            // The module beside them has the name that the build for development gave it.
            let files = ["js", "css"].map(|extension| directory.join(format!("{name}.{extension}")));
            return Self { files: Ok(files.into()), account_module: Some(format!("/{package}/{name}.js")) };
        }
        let hashes = std::env::current_exe()
            .map(|program| program.with_file_name(&*options.hash_file))
            .and_then(|path| std::fs::read_to_string(&path).map_err(|error| named(&path, &error)));
        let hashes = match hashes {
            Ok(hashes) => hashes,
            Err(error) => return Self { files: Err(error.to_string()), account_module: None },
        };
        let file = |line: &str| {
            let (what, hash) = line.split_once(": ")?;
            Some(match what {
                "js" | "wasm" | "css" => format!("{name}.{hash}.{what}"),
                module => format!("{module}.{hash}.js"),
            })
        };
        let files: Vec<_> = hashes.lines().filter_map(|line| file(line.trim())).collect();
        let account = files.iter().find(|file| file.starts_with("danmu-account."));
        let account_module = account.map(|file| format!("/{package}/{file}"));
        Self { files: Ok(files.iter().map(|file| directory.join(file)).collect()), account_module }
    }

    /// Where pages find the module that people sign in by.
    #[must_use]
    pub fn account_module(&self) -> Option<&str> {
        self.account_module.as_deref()
    }

    /// What is missing, for whoever looks.
    #[must_use]
    pub fn lacks(&self) -> Option<String> {
        let missing = match &self.files {
            Ok(files) => files.iter().find(|file| !file.is_file())?.display().to_string(),
            Err(why) => why.clone(),
        };
        Some(format!("pages cannot work without {missing}; put the site of this build where LEPTOS_SITE_ROOT says"))
    }
}

/// The error with what it is about.
fn named(path: &Path, error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("{}, which names the site's files ({error})", path.display()))
}
