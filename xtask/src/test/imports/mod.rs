//! The import graph of each crate's files must have no cycles. Imports between a module and its descendants are not counted.

mod circles;
mod paths;

use self::circles::circles;
use crate::{
    error::{At, Result},
    workspace::Workspace,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The root files of the crates to check.
const ROOTS: [&str; 15] = [
    "src/lib.rs",
    "app/src/lib.rs",
    "app/account/src/lib.rs",
    "app/browser/src/lib.rs",
    "app/overlay/src/lib.rs",
    "app/reader/src/lib.rs",
    "app/signer/src/lib.rs",
    "app/studio/src/lib.rs",
    "partitions/src/lib.rs",
    "server/src/lib.rs",
    "server/identity/src/lib.rs",
    "server/relay/src/lib.rs",
    "server/stream/src/lib.rs",
    "server/benches/fanout/main.rs",
    "xtask/src/main.rs",
];

/// Which file imports which others, by index in `files`.
struct Graph {
    files: Vec<PathBuf>,
    imports: BTreeMap<usize, BTreeSet<usize>>,
}

/// The import cycles of every crate, one line each; there should be none.
///
/// # Errors
/// Where a file cannot be read.
pub fn of(workspace: &Workspace) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for root in ROOTS {
        let graph = Graph::of(&workspace.root, Path::new(root))?;
        for circle in circles(graph.files.len(), &graph.imports) {
            let names: Vec<_> = circle.iter().map(|at| graph.files[*at].display().to_string()).collect();
            found.push(format!("import each other: {}", names.join(", ")));
        }
    }
    Ok(found)
}

impl Graph {
    fn of(base: &Path, root: &Path) -> Result<Self> {
        let mut modules = Modules::default();
        modules.add(base, root, Vec::new())?;
        let mut imports = BTreeMap::<usize, BTreeSet<usize>>::new();
        for (name, (at, source)) in &modules.by_name {
            for path in paths::of(source) {
                let Some((target, to)) = modules.resolve(name, &path) else { continue };
                if !target.starts_with(name) && !name.starts_with(target) {
                    imports.entry(*at).or_default().insert(to);
                }
            }
        }
        Ok(Self { files: modules.files, imports })
    }
}

/// The modules of a crate that are separate files, by module path.
#[derive(Default)]
struct Modules {
    files: Vec<PathBuf>,
    by_name: BTreeMap<Vec<String>, (usize, String)>,
}

impl Modules {
    fn add(&mut self, base: &Path, file: &Path, name: Vec<String>) -> Result<()> {
        let path = base.join(file);
        let source = paths::code(&fs::read_to_string(&path).at(&path)?);
        let children = paths::children(&source);
        self.by_name.insert(name.clone(), (self.files.len(), source));
        self.files.push(file.to_owned());
        let is_root = name.is_empty() || file.file_name().is_some_and(|name| name == "mod.rs");
        let directory = if is_root { file.with_file_name("") } else { file.with_extension("") };
        for child in children {
            let name = [&name[..], std::slice::from_ref(&child)].concat();
            let [one, other] = [directory.join(format!("{child}.rs")), directory.join(&child).join("mod.rs")];
            let file = if base.join(&one).exists() { one } else { other };
            // A module with a `#[path]` is skipped: its file belongs elsewhere.
            if base.join(&file).exists() {
                self.add(base, &file, name)?;
            }
        }
        Ok(())
    }

    /// The module to which a path in the module `from` leads, and its index.
    fn resolve(&self, from: &[String], path: &[String]) -> Option<(&Vec<String>, usize)> {
        let mut name = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => from.to_vec(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            child => [from, &[child.to_owned()]].concat(),
        };
        for part in &path[1..] {
            if part == "super" {
                name.pop()?;
                continue;
            }
            name.push(part.clone());
            if !self.by_name.contains_key(&name) {
                name.pop();
                break;
            }
        }
        self.by_name.get_key_value(&name).map(|(name, (at, _))| (name, *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let graph = Graph::of(root, Path::new("xtask/src/main.rs")).expect("sources");
        let at = |file: &str| graph.files.iter().position(|known| known == Path::new(file)).expect(file);
        let [checks, process] = [at("xtask/src/test/checks.rs"), at("xtask/src/process.rs")];
        assert!(graph.imports[&checks].contains(&process), "{:?}", graph.imports);
    }
}
