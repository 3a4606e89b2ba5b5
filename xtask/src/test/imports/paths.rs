//! The paths that a Rust source names, if they begin with `crate`, `self`, `super` or a child module.

/// The source without comments, literals and test modules, whose paths do not count as imports.
pub fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => text(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#") => raw(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    without_tests(&code)
}

/// The length of the string literal at the start of `rest`.
fn text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

/// The same for a raw string; 0 if it is a raw identifier.
fn raw(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    rest[2 + hashes..].find(&end).map_or(rest.len(), |at| 2 + hashes + at + end.len())
}

/// The same for a character literal; 0 if it is a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[2..].find('\'').map_or(0, |at| if rest[2..].starts_with('\'') { 4 } else { at + 3 }),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// Removes items under `#[cfg(test)]`, including declarations of test modules in separate files.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut rest) = (String::new(), code);
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let end = item.find(['{', ';']).unwrap_or(item.len());
        let length = if item[end..].starts_with('{') { end + block(&item[end..]) } else { (end + 1).min(item.len()) };
        rest = &item[length..];
    }
    kept + rest
}

/// The length of the block in braces at the start of `code`.
fn block(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The modules that `code` declares as separate files.
pub fn children(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let declared = tokens.windows(3).filter(|three| three[0] == "mod" && three[2] == ";");
    declared.map(|three| three[1].to_owned()).collect()
}

/// All paths in `code`, with the trees of `use` declarations expanded.
pub fn of(code: &str) -> Vec<Vec<String>> {
    let (tokens, children) = (tokens(code), children(code));
    let begins =
        |token: &str| ["crate", "self", "super"].contains(&token) || children.iter().any(|child| child == token);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let first = at == 0 || tokens[at - 1] != "::";
        at = if first && begins(tokens[at]) && tokens.get(at + 1) == Some(&"::") {
            tree(&tokens, at, &[], &mut found)
        } else {
            at + 1
        };
    }
    found
}

/// Adds the paths of the `use` tree that begins at token `at`; returns the index of the token after it.
fn tree(tokens: &[&str], mut at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at = tree(tokens, at, &path, found);
                    if tokens.get(at) == Some(&"as") {
                        at += 2;
                    }
                    if tokens.get(at) != Some(&",") {
                        break;
                    }
                    at += 1;
                }
                return at + 1;
            }
            Some(token) if token.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                path.push((*token).to_owned());
                at += 1;
            }
            // A glob, or no path.
            _ => {
                found.push(path);
                return at + 1;
            }
        }
        if tokens.get(at) != Some(&"::") {
            found.push(path);
            return at;
        }
        at += 1;
    }
}

/// Splits `code` into names, `::` and single characters.
fn tokens(code: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let (mut tokens, mut rest) = (Vec::new(), code.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if is_name(c) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        of(&code(source)).iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn every_path_of_a_tree_is_found_and_none_of_texts_comments_and_tests() {
        let source = r##"
            //! crate::comment
            mod child;
            use std::sync::Arc;
            use super::{super::up::{One, other::*}, side as renamed};
            use child::Inner;
            /* crate::block */
            fn f<'a>(x: &'a crate::kind::Kind) -> char { let _ = ("crate::text", r#"crate::"raw""#, '"'); self::g::<crate::last::T>(); '\'' }
            #[cfg(test)]
            mod tests { use crate::tests_only; fn g() { {} } }
            #[cfg(test)]
            mod later;
            use crate::behind;
        "##;
        let found = [
            "super::super::up::One",
            "super::super::up::other",
            "super::side",
            "child::Inner",
            "crate::kind::Kind",
            "self::g",
            "crate::last::T",
            "crate::behind",
        ];
        assert_eq!(paths(source), found);
        assert_eq!(children(&code(source)), ["child"]);
    }
}
