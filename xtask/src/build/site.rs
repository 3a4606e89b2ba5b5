//! The site directory: generated files with content hashes in their names, and static files, all precompressed.
//!
//! `hash.txt` beside the server's binary tells Leptos the hashes (`js: …`, `wasm: …`, `css: …`), as
//! `cargo leptos build --release` with `hash-files` does; so a browser may cache the generated files for ever. It also lists
//! the modules that are loaded later, by package: the server tells pages the address of the one that people sign in by.

use super::{browser::Built, compress};
use crate::{
    error::{At, Error, Result},
    process,
    tools::{self, Optimisers},
    ui::{self, Step},
    workspace::Workspace,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Every file of the site, by its path within the site.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Writes the site and the hash file. Only changed files are written; stale ones are removed.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn assemble(workspace: &Workspace, optimisers: &Optimisers, built: &(Built, Vec<Built>)) -> Result<()> {
    let step = Step::start("site");
    let mut files = Files::new();
    read_tree(&workspace.assets, Path::new(""), &mut files)?;
    for snippets in built.1.iter().chain([&built.0]).filter_map(|built| built.snippets.as_ref()) {
        read_tree(snippets, &Path::new(&workspace.package_dir).join("snippets"), &mut files)?;
    }
    let hashes = add_package(workspace, built, style_sheet(workspace, optimisers)?, &mut files)?;
    let sizes = add_compressed(&mut files, workspace)?;
    write_tree(&workspace.site, &files)?;
    let hash_file = workspace.server_binary().with_file_name("hash.txt");
    if let Some(parent) = hash_file.parent() {
        fs::create_dir_all(parent).at(parent)?;
    }
    write_if_different(&hash_file, hashes.as_bytes())?;
    step.done(format!("{}, with brotli {}", workspace.show(&workspace.site), sizes));
    Ok(())
}

/// Adds the generated files; returns the text of `hash.txt`.
fn add_package(
    workspace: &Workspace,
    (page, later): &(Built, Vec<Built>),
    style: Vec<u8>,
    files: &mut Files,
) -> Result<String> {
    let mut add = |name: &str, extension: &str, bytes: Vec<u8>| {
        let hash = tools::hash(&[&bytes]);
        let file = format!("{name}.{hash}.{extension}");
        files.insert(Path::new(&workspace.package_dir).join(&file), bytes);
        (hash, file)
    };
    // The placeholder for a later module in a glue, and the address to put there: `undefined` until that module is added.
    let called = |built: &Built| format!("import.meta.{}", built.name.rsplit('-').next().unwrap_or_default());
    let mut addresses: Vec<_> = later.iter().map(|built| (called(built), "undefined".to_owned())).collect();
    let mut add_module = |built: &Built, addresses: &[(String, String)]| {
        let glue = std::str::from_utf8(&built.glue)
            .map_err(|error| Error::Unexpected(format!("the JavaScript glue is no UTF-8: {error}")))?;
        let (module, file) = add(&built.name, "wasm", built.module.clone());
        // The glue must name its own module, and those it loads later, by their hashed names before the glue itself is
        // hashed.
        let glue = glue.replace(&built.module_name, &file);
        let glue = addresses.iter().fold(glue, |glue, (name, address)| glue.replace(name, address));
        let (glue, file) = add(&built.name, "js", glue.into_bytes());
        Ok::<_, Error>((glue, module, file))
    };
    let mut names = String::new();
    for (n, built) in later.iter().enumerate() {
        let (hash, _, file) = add_module(built, &addresses)?;
        names += &format!("{}: {hash}\n", built.name);
        addresses[n].1 = format!("new URL({file:?},import.meta.url).href");
    }
    let (glue, module, _) = add_module(page, &addresses)?;
    let (style, _) = add(&workspace.output_name, "css", style);
    Ok(format!("js: {glue}\nwasm: {module}\ncss: {style}\n{names}"))
}

fn style_sheet(workspace: &Workspace, optimisers: &Optimisers) -> Result<Vec<u8>> {
    let source = fs::read(&workspace.style).at(&workspace.style)?;
    let Some(esbuild) = &optimisers.esbuild else { return Ok(source) };
    let mut command = Command::new(esbuild);
    // `esnext`: the sheet is written for current browsers and only minified, not translated for older ones.
    command.args(["--minify", "--target=esnext", "--log-level=warning"]).arg(&workspace.style);
    Ok(process::run(&mut command, |_| {})?.into_bytes())
}

/// Adds the compressed forms; returns a summary of the sizes.
fn add_compressed(files: &mut Files, workspace: &Workspace) -> Result<String> {
    let cache = workspace.cache().join("compressed");
    let mut compressed = Files::new();
    let mut sizes = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| compress::worthwhile(path)) {
        let forms = compress::compress(bytes, &cache)?;
        if path.starts_with(&workspace.package_dir) {
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            sizes.push(format!("{extension} {}", ui::size(forms.brotli.len())));
        }
        for (suffix, form) in [("br", forms.brotli), ("gz", forms.gzip)] {
            // A tiny file can grow when compressed; then only the plain one is served.
            if form.len() < bytes.len() {
                compressed.insert(PathBuf::from(format!("{}.{suffix}", path.display())), form);
            }
        }
    }
    files.extend(compressed);
    Ok(sizes.join(", "))
}

fn read_tree(directory: &Path, prefix: &Path, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(directory).at(directory)? {
        let path = entry.at(directory)?.path();
        let Some(name) = path.file_name() else { continue };
        let inside = prefix.join(name);
        if path.is_dir() {
            read_tree(&path, &inside, files)?;
        } else {
            files.insert(inside, fs::read(&path).at(&path)?);
        }
    }
    Ok(())
}

fn write_tree(site: &Path, files: &Files) -> Result<()> {
    for (inside, bytes) in files {
        let path = site.join(inside);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).at(parent)?;
        }
        write_if_different(&path, bytes)?;
    }
    let mut present = Files::new();
    read_tree(site, Path::new(""), &mut present)?;
    for stale in present.keys().filter(|path| !files.contains_key(*path)) {
        let path = site.join(stale);
        fs::remove_file(&path).at(&path)?;
    }
    Ok(())
}

fn write_if_different(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).at(path)
}

#[cfg(test)]
mod tests {
    use super::{super::browser::LATER, *};

    fn workspace() -> Workspace {
        Workspace::load().unwrap()
    }

    #[test]
    fn the_glue_leads_to_the_module_by_its_hashed_name() {
        let built = |name: &str| Built {
            name: name.to_owned(),
            glue: format!("new URL('{name}_bg.wasm', import.meta.url); import.meta.reader; import.meta.signer")
                .into_bytes(),
            module: name.into(),
            module_name: format!("{name}_bg.wasm"),
            snippets: None,
        };
        let built = (built("danmu"), LATER.iter().map(|name| built(name)).collect());
        let mut files = Files::new();
        let hashes = add_package(&workspace(), &built, b"a{}".to_vec(), &mut files).unwrap();
        let find = |start: &str, end: &str| {
            let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            files.keys().map(name).find(|name| name.starts_with(start) && name.ends_with(end)).unwrap()
        };
        let glue = |name: &str| String::from_utf8_lossy(&files[&Path::new("pkg").join(find(name, ".js"))]).into_owned();
        let address = |name: &str| format!("new URL({:?},import.meta.url).href", find(name, ".js"));
        for name in ["danmu.", "danmu-overlay.", "danmu-reader.", "danmu-signer."] {
            assert!(glue(name).contains(&find(name, ".wasm")), "{name}");
        }
        let (reader, signer) = (address("danmu-reader."), address("danmu-signer."));
        assert!(glue("danmu.").ends_with(&format!("; {reader}; {signer}")));
        assert!(glue("danmu-reader.").ends_with(&format!("; undefined; {signer}")), "it loads no other of itself");
        assert!(glue("danmu-signer.").ends_with("; undefined; undefined"));
        for line in hashes.lines() {
            let (name, hash) = line.split_once(": ").unwrap();
            let file = if LATER.contains(&name) { format!("{name}.{hash}.js") } else { format!("danmu.{hash}.{name}") };
            assert!(files.contains_key(Path::new(&format!("pkg/{file}"))), "{line}");
        }
    }

    #[test]
    fn a_site_is_rid_of_the_files_of_the_build_before() {
        let site = std::env::temp_dir().join(format!("danmu-site-{}", std::process::id()));
        let files = |name: &str| Files::from([(PathBuf::from(name), b"x".to_vec())]);
        write_tree(&site, &files("pkg/old.js")).unwrap();
        write_tree(&site, &files("pkg/new.js")).unwrap();
        let mut present = Files::new();
        read_tree(&site, Path::new(""), &mut present).unwrap();
        fs::remove_dir_all(&site).unwrap();
        assert_eq!(present, files("pkg/new.js"));
    }
}
