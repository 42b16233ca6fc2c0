//! Which field of a refused frame was the wrong one.
//!
//! The fast decoder reads a frame straight into typed fields and, when that does not work, knows only a byte position. This
//! is the slow path behind it: it walks the top level of the object, tolerates anything, and names the field at that
//! position with its value as the app wrote it. It never panics and never recurses, whatever the bytes are.

/// One `"name": value` pair of the top level of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The name between its quotes, escapes not resolved.
    pub name: &'a str,
    /// The value as written: a string with its quotes, a number, or the start of something nested.
    pub value: &'a str,
    /// Where the pair ends in the text, in bytes.
    pub end: usize,
}

/// The pairs of the top level of an object, as far as they can be told apart.
pub struct Pairs<'a> {
    text: &'a str,
    at: usize,
}

/// The pairs of the top level of the object `text`.
pub fn pairs(text: &str) -> Pairs<'_> {
    Pairs { text, at: text.find('{').map_or(text.len(), |brace| brace + 1) }
}

/// The pair that covers byte `position`, or the last one before it.
pub fn pair_at(text: &str, position: usize) -> Option<Pair<'_>> {
    let mut found = None;
    for pair in pairs(text) {
        found = Some(pair);
        if pair.end >= position {
            break;
        }
    }
    found
}

/// The value of a top-level field that is a plain string (no escapes).
pub fn plain_string<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = pairs(text).find(|pair| pair.name == name)?.value;
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['\\', '"'])).then_some(inner)
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        let text = self.text;
        let name_start = self.at + text.get(self.at..)?.find('"')? + 1;
        let name_end = string_end(text, name_start)?;
        let name = text.get(name_start..name_end)?;
        let colon = name_end + text.get(name_end..)?.find(':')?;
        let end = value_end(text, colon + 1);
        let value = text.get(colon + 1..end)?.trim();
        self.at = end;
        Some(Pair { name, value, end })
    }
}

/// The byte of the quote that ends the string whose content starts at `start`.
fn string_end(text: &str, start: usize) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The byte after the value that starts at `start`: the comma or bracket that ends it, or the end of the text.
fn value_end(text: &str, start: usize) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b',' | b'}' | b']' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_told_apart_whatever_is_inside_a_value() {
        let text = r#"{"a":"x,\"}:","b" : [1,{"c":2}] , "d":NaN}"#;
        let found: Vec<_> = pairs(text).map(|pair| (pair.name, pair.value)).collect();
        assert_eq!(found, [("a", r#""x,\"}:""#), ("b", r#"[1,{"c":2}]"#), ("d", "NaN")]);
    }

    #[test]
    fn the_field_at_a_position_is_named() {
        let text = r#"{"type":"ping","lat":NaN,"lng":30}"#;
        let position = text.find("NaN").expect("it is there");
        assert_eq!(pair_at(text, position).map(|pair| (pair.name, pair.value)), Some(("lat", "NaN")));
        assert_eq!(pair_at("", 3), None);
    }

    #[test]
    fn a_plain_string_is_found_and_an_escaped_one_is_not() {
        assert_eq!(plain_string(r#"{"x":1,"id":"7"}"#, "id"), Some("7"));
        assert_eq!(plain_string(r#"{"id":"\u0037"}"#, "id"), None);
        assert_eq!(plain_string(r#"{"id":7}"#, "id"), None);
        assert_eq!(plain_string(r#"{"id":"#, "id"), None);
    }
}
