//! Text as it is compared: without case, accents and punctuation, cut into words.
//!
//! Separate because names and queries must be folded by the same code, or nothing is found. A word is a run of letters or a
//! run of digits, so that "KN3 Rd" and "kn 3 rd" are the same three words. Letters that are Latin with something on them
//! become plain Latin; letters of other scripts stay as they are, in lower case.

/// Bytes of a word that count; what comes behind is ignored in names and queries alike.
pub const WORD_BYTES_MAX: usize = 32;
/// Words of a name or a query that count.
pub const WORDS_MAX: usize = 12;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Gap,
    Letters,
    Digits,
}

/// The words of a text, folded, in their order.
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut run = Run::Gap;
    for character in text.chars().flat_map(char::to_lowercase) {
        // A mark that is written over the letter before it.
        if ('\u{300}'..='\u{36f}').contains(&character) {
            continue;
        }
        let is = match character {
            _ if character.is_alphabetic() => Run::Letters,
            _ if character.is_numeric() => Run::Digits,
            _ => Run::Gap,
        };
        if is != run && is != Run::Gap {
            if words.len() == WORDS_MAX {
                break;
            }
            words.push(String::new());
        }
        run = is;
        if let (Some(word), true) = (words.last_mut(), is != Run::Gap) {
            push_folded(word, character);
        }
    }
    words
}

fn push_folded(word: &mut String, character: char) {
    let mut buffer = [0; 4];
    let plain = match plain_latin(character) {
        Some(plain) => plain,
        None => character.encode_utf8(&mut buffer),
    };
    if word.len() + plain.len() <= WORD_BYTES_MAX {
        word.push_str(plain);
    }
}

/// The plain letters of a lower-case Latin letter with a mark (Unicode's blocks Latin-1 Supplement and Latin Extended-A).
fn plain_latin(character: char) -> Option<&'static str> {
    Some(match character {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_punctuation_do_not_count() {
        for (text, folded) in [
            ("Nyabugogo", "nyabugogo"),
            ("Armée de l'Air", "armee de l air"),
            ("Arme\u{301}e", "armee"),
            ("AÉROPORT  International—KIGALI", "aeroport international kigali"),
            ("KN3 Rd.", "kn 3 rd"),
            ("KG 11Ave", "kg 11 ave"),
            ("Straße Œuvre Łódź", "strasse oeuvre lodz"),
            ("中国大使馆", "中国大使馆"),
            (" -- ", ""),
        ] {
            assert_eq!(words(text).join(" "), folded, "{text}");
        }
    }

    #[test]
    fn endless_text_is_cut() {
        assert_eq!(words(&"a ".repeat(1_000)).len(), WORDS_MAX);
        assert_eq!(words(&"é".repeat(1_000))[0].len(), WORD_BYTES_MAX);
        assert_eq!(words(&"国".repeat(1_000))[0].len(), WORD_BYTES_MAX / 3 * 3);
    }
}
