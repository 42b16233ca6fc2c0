//! Source text made plain: comments and literals blanked out, `use` trees written out, tests cut off.
//!
//! Separate from the rules because this half knows Rust and nothing of our house. It is no parser: it knows just enough
//! not to be fooled by a path in a comment, a string or a nested `use`.

/// The text with every comment and literal replaced by spaces; lines stay where they are.
pub fn blanked(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_name = plain.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if after_name { 0 } else { hidden_length(rest) };
        if length == 0 {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (hidden, after) = rest.split_at(length);
            plain.extend(hidden.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    plain
}

/// How many bytes from here on are a comment or a literal; zero when it is code.
fn hidden_length(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment_length(text);
    }
    let literal = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let prefix = text.len() - literal.len();
    if let Some(raw) = literal.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = &raw[hashes + 1..];
            return prefix + 1 + hashes + 1 + body.find(&end).map_or(body.len(), |at| at + end.len());
        }
        return 0;
    }
    if literal.starts_with('"') {
        return prefix + quoted_length(literal, '"');
    }
    // A lifetime has no closing quote right behind one character or one escape.
    let mut chars = literal.strip_prefix('\'').unwrap_or_default().chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => prefix + quoted_length(literal, '\''),
        _ => 0,
    }
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a literal that begins with its quote, quotes and escapes included.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Plain text without the tests at its foot: everything from `#[cfg(test)]` before a `mod … {` on.
pub fn without_tests(plain: &str) -> &str {
    let mut from = 0;
    while let Some(found) = plain[from..].find("#[cfg(test)]") {
        let at = from + found;
        let mut next = plain[at..].lines().skip(1).map(str::trim).filter(|line| !line.is_empty());
        if next.next().is_some_and(|line| line.contains("mod ") && line.ends_with('{')) {
            return &plain[..at];
        }
        from = at + 1;
    }
    plain
}

/// A path that the code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Counting from 1.
    pub line: usize,
    /// Joined by `::`, without spaces.
    pub path: String,
}

/// Every path of two segments or more in plain text, `use` trees written out, and every single name in a `use`.
pub fn paths(plain: &str) -> Vec<Named> {
    let mut named = Vec::new();
    let mut at = 0;
    while at < plain.len() {
        let rest = &plain[at..];
        let name_length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if name_length == 0 {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let line = plain[..at].matches('\n').count() + 1;
        if &rest[..name_length] == "use" {
            let tree = rest[name_length..].split(';').next().unwrap_or_default();
            write_out(tree, "", line, &mut named);
            at += name_length + tree.len();
            continue;
        }
        let (path, length) = path_at(rest);
        if path.contains("::") {
            named.push(Named { line, path });
        }
        at += length;
    }
    named
}

/// The path that begins here and how many bytes it takes.
fn path_at(text: &str) -> (String, usize) {
    let mut path = String::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        path.push_str(&rest[..length]);
        at += length;
        let after = text[at..].trim_start();
        let segment = after.strip_prefix("::").map(str::trim_start);
        match segment {
            Some(next) if next.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                path.push_str("::");
                at = text.len() - next.len();
            }
            _ => return (path, at),
        }
    }
}

/// Writes out the paths of a `use` tree, `line` being that of its beginning.
fn write_out(tree: &str, prefix: &str, line: usize, named: &mut Vec<Named>) {
    let mut depth = 0_u32;
    let mut begin = 0;
    let mut branches = Vec::new();
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                branches.push((begin, &tree[begin..at]));
                begin = at + 1;
            }
            _ => {}
        }
    }
    branches.push((begin, &tree[begin..]));
    for (offset, branch) in branches {
        let leading = branch.len() - branch.trim_start().len();
        let line = line + tree[..offset + leading].matches('\n').count();
        let branch = branch.trim();
        if let Some((head, nested)) = branch.split_once('{') {
            let head: String = head.split_whitespace().collect();
            write_out(nested.strip_suffix('}').unwrap_or(nested), &format!("{prefix}{head}"), line, named);
        } else if !branch.is_empty() {
            let original = branch.split(" as ").next().unwrap_or(branch);
            let path: String = original.split_whitespace().collect();
            named.push(Named { line, path: format!("{prefix}{path}").trim_start_matches("::").to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays_on_its_line() {
        for (text, plain) in [
            ("a // crate::x\nb", "a            \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("crate::x \" y", b'\'', 'c', "z")"#, "f(               ,      ,    ,    )"),
            ("r#\"a \" b\"# c", "           c"),
            ("fn f<'a>(x: &'a str) -> &'static str", "fn f<'a>(x: &'a str) -> &'static str"),
            ("/// crate::x\nuse y;", "            \nuse y;"),
            ("\"\n\" z", " \n  z"),
            ("for r in b { c }", "for r in b { c }"),
        ] {
            assert_eq!(blanked(text), plain, "{text}");
        }
    }

    #[test]
    fn paths_and_use_trees_are_written_out_with_their_lines() {
        let named = |text: &str| paths(text).into_iter().map(|one| format!("{}:{}", one.line, one.path)).collect();
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<String> = named(text);
            assert_eq!(found, expected, "{text}");
        };
        check("use crate::ids::RideId;", &["1:crate::ids::RideId"]);
        check("use std::{fmt, net::{self, IpAddr as Ip}};", &["1:std::fmt", "1:std::net::self", "1:std::net::IpAddr"]);
        check("pub use crate::{\n    a,\n    b::{c, d},\n};\nx", &["2:crate::a", "3:crate::b::c", "3:crate::b::d"]);
        check("let x: Vec<crate::rides::Ride> = y;", &["1:crate::rides::Ride"]);
        check("a\ncrate ::\n  b :: c()", &["2:crate::b::c"]);
        check("use tokio;", &["1:tokio"]);
        check("let used = reuse; x::<u8>()", &[]);
    }

    #[test]
    fn only_tests_at_the_foot_are_cut_off() {
        let text = "#[cfg(test)]\nmod tests;\ncode\n#[cfg(test)]\nmod inline {\n x }";
        assert_eq!(without_tests(text), "#[cfg(test)]\nmod tests;\ncode\n");
    }
}
