//! Shrinks the WebAssembly modules by removing what has no effect in a browser:
//!
//! - Panic messages and their source locations. They would go to standard error, which a browser does not have, so a panic
//!   is a trap either way; but every place that may panic prepares them, and pulls in the formatting of numbers, characters
//!   and names.
//! - Exports that libraries have for streams: we do not use them, but an export is kept even if nothing calls it.
//! - Long import names with a hash, on which only the module and its glue must agree.

use crate::{
    error::{At, Error, Result},
    ui::{self, Step},
};
use std::{fs, path::Path};
use walrus::{
    ConstExpr, Data, DataId, DataKind, Export, ExportId, FunctionBuilder, FunctionId, FunctionKind, Module,
    ModuleConfig, ir::Value, passes,
};

/// The version of this step, part of the cache key: a new one has every module processed again.
pub const VERSION: &str = "lean 2";

/// Name prefixes of functions that report a panic and never return.
const PANICS: [&str; 14] = [
    "core::panicking::",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "core::slice::index::slice_index_fail",
    "core::str::slice_error_fail",
    "core::cell::panic_already_",
    "std::panicking::panic_with_hook",
    "std::panicking::begin_panic",
    "__rustc::rust_begin_unwind",
    "__rustc::rust_panic",
    "alloc::raw_vec::handle_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::alloc::handle_alloc_error",
];

/// Name prefixes of exports that only `wasm-streams` would call.
const STREAMS: [&str; 2] = ["intounderlying", "__wbg_intounderlying"];

/// The plausible length of a source file's path, bytes.
const PATH: std::ops::RangeInclusive<u32> = 5..=250;

/// Rewrites the module and its glue in place.
///
/// # Errors
/// Where one of them cannot be read, parsed or written.
pub fn cut(module: &Path, glue: &Path) -> Result<()> {
    let step = Step::start("cut what nobody sees");
    let failed = |error| Error::Unexpected(format!("{}: {error:#}", module.display()));
    let mut wasm = ModuleConfig::new().parse(&fs::read(module).at(module)?).map_err(failed)?;
    let (panics, places) = (silence(&mut wasm), forget_places(&mut wasm));
    drop_exports(&mut wasm);
    passes::gc::run(&mut wasm);
    let text = drop_classes(&fs::read_to_string(glue).at(glue)?);
    fs::write(glue, shorten(&mut wasm, text)).at(glue)?;
    let bytes = wasm.emit_wasm();
    step.done(format!("{panics} panics and {places} places → {}", ui::size(bytes.len())));
    fs::write(module, bytes).at(module)
}

/// Replaces every function that only panics by a trap; returns how many.
fn silence(wasm: &mut Module) -> usize {
    // wasm-bindgen has demangled the names; some have the hash of their crate in brackets.
    let panics = |name: &str| {
        let name = match (name.find('['), name.find(']')) {
            (Some(open), Some(close)) if open < close => [&name[..open], &name[close + 1..]].concat(),
            _ => name.to_owned(),
        };
        PANICS.iter().any(|start| name.starts_with(start))
    };
    let found: Vec<FunctionId> = wasm
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| wasm.funcs.get(*id).name.as_deref().is_some_and(panics))
        .collect();
    for id in &found {
        let ty = wasm.types.get(wasm.funcs.get(*id).ty());
        let (params, results) = (ty.params().to_vec(), ty.results().to_vec());
        let args = params.iter().map(|param| wasm.locals.add(*param)).collect();
        let mut trap = FunctionBuilder::new(&mut wasm.types, &params, &results);
        trap.func_body().unreachable();
        wasm.funcs.get_mut(*id).kind = FunctionKind::Local(trap.local_func(args));
    }
    found.len()
}

/// Blanks every [`Location`](std::panic::Location) of a panic and the paths they point to; returns how many. Locations are
/// found by their layout: a pointer to a text that ends with `.rs`, its length, a line and a column.
fn forget_places(wasm: &mut Module) -> usize {
    let segments: Vec<(DataId, u32)> = wasm.data.iter().filter_map(|data| Some((data.id(), address(data)?))).collect();
    let find = |wasm: &Module, start: u32, length: u32| {
        segments.iter().find_map(|(id, base)| {
            let at = usize::try_from(start.checked_sub(*base)?).ok()?;
            let bytes = wasm.data.get(*id).value.get(at..at + length as usize)?;
            let path =
                bytes.ends_with(b".rs") && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"/._+-".contains(b));
            path.then_some((*id, at..at + length as usize))
        })
    };
    let (mut places, mut paths, mut nowhere) = (Vec::new(), Vec::new(), 0);
    for (id, base) in &segments {
        let value = &wasm.data.get(*id).value;
        let first = (base.next_multiple_of(4) - base) as usize;
        for at in (first..value.len().saturating_sub(15)).step_by(4) {
            let word =
                |n: usize| value[at + 4 * n..][..4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
            let [start, length, line, column] = [0, 1, 2, 3].map(word);
            if PATH.contains(&length)
                && (1..100_000).contains(&line)
                && (1..2_000).contains(&column)
                && let Some(path) = find(wasm, start, length)
            {
                nowhere = start;
                places.push((*id, at));
                paths.push(path);
            }
        }
    }
    for (id, at) in &places {
        let place = &mut wasm.data.get_mut(*id).value[*at..*at + 16];
        place.fill(0);
        // An empty text still needs a valid pointer: all share one.
        place[..4].copy_from_slice(&nowhere.to_le_bytes());
    }
    for (id, range) in paths {
        wasm.data.get_mut(id).value[range].fill(0);
    }
    places.len()
}

fn address(data: &Data) -> Option<u32> {
    match data.kind {
        DataKind::Active { offset: ConstExpr::Value(Value::I32(base)), .. } => u32::try_from(base).ok(),
        _ => None,
    }
}

fn drop_exports(wasm: &mut Module) {
    let unused = |name: &str| STREAMS.iter().any(|start| name.starts_with(start));
    let found: Vec<ExportId> = wasm.exports.iter().filter(|export| unused(&export.name)).map(Export::id).collect();
    for id in found {
        wasm.exports.delete(id);
    }
}

/// Removes the classes of the dropped exports from the glue: each extends from its head to the line that makes it
/// disposable.
fn drop_classes(glue: &str) -> String {
    let (head, last) = ("export class IntoUnderlying", "if (Symbol.dispose) IntoUnderlying");
    let mut kept = String::with_capacity(glue.len());
    let mut dropping = false;
    for line in glue.split_inclusive('\n') {
        dropping |= line.starts_with(head);
        if !dropping {
            kept.push_str(line);
        }
        dropping &= !line.starts_with(last);
    }
    kept
}

/// Shortens the names of imports that end with a hash, in module and glue: nothing else in the glue contains such a name.
fn shorten(wasm: &mut Module, glue: String) -> String {
    let hashed = |name: &str| {
        let hash = name.rsplit('_').next().unwrap_or_default();
        hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    wasm.imports.iter_mut().filter(|import| hashed(&import.name)).enumerate().fold(glue, |glue, (n, import)| {
        let short = format!("_{n}");
        let glue = glue.replace(&import.name, &short);
        import.name = short;
        glue
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_source_are_blanked_and_other_texts_stay() {
        let mut wasm = Module::default();
        let memory = wasm.memories.add_local(false, false, 1, None, None);
        let path = b"src/lib.rs";
        let word = |word: u32| word.to_le_bytes();
        let bytes = |line: u32| {
            let mut bytes = [word(1_040), word(10), word(line), word(5)].concat();
            bytes.resize(40, b'x');
            bytes.extend_from_slice(path);
            bytes
        };
        let offset = ConstExpr::Value(Value::I32(1_000));
        wasm.data.add(DataKind::Active { memory, offset }, bytes(7));
        assert_eq!(forget_places(&mut wasm), 1);
        let mut blank = [word(1_040), word(0), word(0), word(0)].concat();
        blank.resize(40, b'x');
        blank.resize(50, 0);
        assert_eq!(wasm.data.iter().next().unwrap().value, blank);
        // No line of a source.
        let id = wasm.data.iter().next().unwrap().id();
        wasm.data.get_mut(id).value = bytes(0);
        assert_eq!(forget_places(&mut wasm), 0);
    }

    #[test]
    fn both_sides_know_an_import_by_the_same_short_name() {
        let mut wasm = Module::default();
        let ty = wasm.types.add(&[], &[]);
        for name in ["__wbg_add_cf82c8d153d93ae1", "__wbindgen_init_externref_table"] {
            wasm.add_import_func("./danmu_bg.js", name, ty);
        }
        let glue = "{__wbg_add_cf82c8d153d93ae1: f, __wbindgen_init_externref_table: g}".to_owned();
        assert_eq!(shorten(&mut wasm, glue), "{_0: f, __wbindgen_init_externref_table: g}");
        let names: Vec<_> = wasm.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(names, ["_0", "__wbindgen_init_externref_table"]);
    }

    #[test]
    fn only_the_classes_of_streams_leave_the_glue() {
        let class = "export class IntoUnderlyingSink {\n    free() {\n    }\n}\nif (Symbol.dispose) IntoUnderlyingSink.prototype;\n";
        let glue = ["before;\n", class, "export function hydrate() {\n}\n"].concat();
        assert_eq!(drop_classes(&glue), "before;\nexport function hydrate() {\n}\n");
    }
}
