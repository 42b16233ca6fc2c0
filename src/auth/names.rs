//! Names of people: any script, but nothing that passes for another name. Pure.
//!
//! Separate because a name is shown to strangers who decide by it whom to ride with: a letter that looks like another, or a
//! mark that nobody sees, makes one person look like another. A name is written in one script; full-width Latin letters
//! become plain ones; invisible marks, marks that turn the direction, and towers of accents are refused.

/// Accents on one letter. Vietnamese needs two; more is a tower that reaches into the lines above.
const MARKS_MAX: usize = 3;

/// Why a name is refused, as a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// A mark that nobody sees, or that turns the direction of what follows.
    #[error("has invisible characters")]
    Invisible,
    /// Letters of two scripts that look alike.
    #[error("mixes letters of different alphabets")]
    Mixed,
    /// Letters made to look special, or of private use.
    #[error("has characters that are not letters of a name")]
    Strange,
    /// Too many accents.
    #[error("has too many accents on one letter")]
    Marks,
    /// Nothing to call somebody by.
    #[error("has no letter")]
    NoLetter,
}

/// Scripts that share shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

fn script(c: char) -> Option<Script> {
    match c {
        'A'..='Z'
        | 'a'..='z'
        | '\u{aa}'
        | '\u{ba}'
        | '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2af}'
        | '\u{1d00}'..='\u{1d25}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{2c60}'..='\u{2c7f}'
        | '\u{a720}'..='\u{a7ff}' => Some(Script::Latin),
        '\u{370}'..='\u{3ff}' | '\u{1d26}'..='\u{1d2a}' | '\u{1f00}'..='\u{1fff}' => Some(Script::Greek),
        '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{2de0}'..='\u{2dff}' | '\u{a640}'..='\u{a69f}' => {
            Some(Script::Cyrillic)
        }
        '\u{531}'..='\u{58f}' => Some(Script::Armenian),
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Some(Script::Cherokee),
        _ => None,
    }
}

/// Seen by nobody, or turning the direction of what follows.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Letters dressed up (in circles, in bold, in ligatures), pictures, and what has no meaning.
fn is_strange(c: char) -> bool {
    matches!(c, '\u{2100}'..='\u{214f}' | '\u{2150}'..='\u{218b}' | '\u{2190}'..='\u{2bff}' | '\u{3200}'..='\u{33ff}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fb00}'..='\u{fb06}' | '\u{1d400}'..='\u{1d7ff}' | '\u{1f000}'..='\u{1faff}'
        | '\u{f0000}'..)
        || matches!(
            c,
            '<' | '>' | '{' | '}' | '\\' | '|' | '^' | '`' | '~' | '@' | '#' | '$' | '%' | '&' | '*' | '=' | '+'
        )
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Full-width forms are what some keyboards send for plain letters.
fn plain(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => ' ',
        c => c,
    }
}

/// The name as it is kept: plain letters, single blanks.
///
/// # Errors
/// [`BadName`].
pub fn clean(typed: &str) -> Result<String, BadName> {
    let mut name = String::with_capacity(typed.len());
    let (mut found, mut marks, mut letters) = (None, 0, 0);
    for c in typed.trim().chars().map(plain) {
        if is_invisible(c) {
            return Err(BadName::Invisible);
        }
        if is_strange(c) {
            return Err(BadName::Strange);
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MARKS_MAX {
            return Err(BadName::Marks);
        }
        let script = script(c);
        if script.is_some() && found.is_some() && script != found {
            return Err(BadName::Mixed);
        }
        found = found.or(script);
        letters += usize::from(c.is_alphabetic());
        if c != ' ' || !name.ends_with(' ') {
            name.push(c);
        }
    }
    if letters == 0 && !name.is_empty() { Err(BadName::NoLetter) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_the_world_pass() {
        for name in [
            "Keza",
            "Jean-Bosco",
            "N'Diaye",
            "O’Neill",
            "Müller",
            "Nguyễn",
            "Łukasz",
            "José María",
            "Keza 2",
            "Владимир",
            "Ελένη",
            "محمد",
            "王小明",
            "Siân",
            "Dr. Uwase",
            "Nguye\u{302}\u{303}n",
        ] {
            assert_eq!(clean(name).as_deref(), Ok(name));
        }
        assert_eq!(clean("  Ｋｅｚａ　 Uwase ").as_deref(), Ok("Keza Uwase"));
        assert_eq!(clean("").as_deref(), Ok(""), "emptiness is another's fault to find");
    }

    #[test]
    fn what_looks_like_another_name_is_refused() {
        for (name, why) in [
            ("Kеza", BadName::Mixed),
            ("Αline", BadName::Mixed),
            ("Ke\u{200b}za", BadName::Invisible),
            ("Keza\u{202e}", BadName::Invisible),
            ("Ke\u{0}za", BadName::Invisible),
            ("Keza\u{e0041}", BadName::Invisible),
            ("𝐊𝐞𝐳𝐚", BadName::Strange),
            ("Ⓚeza", BadName::Strange),
            ("Keza 🏍", BadName::Strange),
            ("<b>Keza", BadName::Strange),
            ("Ke\u{301}\u{301}\u{301}\u{301}za", BadName::Marks),
            ("0788 123", BadName::NoLetter),
            ("--", BadName::NoLetter),
        ] {
            assert_eq!(clean(name), Err(why), "{name:?}");
        }
    }
}
