//! Whether a wallet's holder has the name of an account.
//!
//! Separate and pure, because money follows from the answer. Networks write names in capitals, without accents, in another
//! order, with a middle name more or an initial; none of that is another person. Invariants: the answer is the same whichever
//! of the two is asked about the other; case, accents and order never change it; nothing in common is never a match.

/// More words than anybody's name has: what is longer is no name.
const WORDS_MAX: usize = 12;

/// Whether two names can be one person's: every word of the shorter one is in the longer one, each once, in full or as an
/// initial; at least two words agree where the longer one has two, and at least one of them in full.
pub fn agree(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (words(ours), words(theirs));
    let (short, mut long) = if ours.len() <= theirs.len() { (ours, theirs) } else { (theirs, ours) };
    if short.is_empty() || long.len() > WORDS_MAX {
        return false;
    }
    let needed = long.len().min(2);
    if short.len() < needed {
        return false;
    }
    // What agrees in full first, so that an initial does not take a word away from its equal.
    let mut left = Vec::new();
    let mut in_full = 0;
    for word in short {
        match long.iter().position(|other| *other == word) {
            Some(place) => {
                in_full += usize::from(!is_initial(&long.swap_remove(place)));
            }
            None => left.push(word),
        }
    }
    // Whole words need an initial on the other side; initials take what is left.
    left.sort_by_key(|word| is_initial(word));
    for word in left {
        let fits =
            |other: &String| (is_initial(other) || is_initial(&word)) && other.chars().next() == word.chars().next();
        match long.iter().position(fits) {
            Some(place) => {
                long.swap_remove(place);
            }
            None => return false,
        }
    }
    in_full > 0
}

fn is_initial(word: &str) -> bool {
    word.chars().count() == 1
}

/// Words in lower case without accents. Apostrophes join, everything else that is no letter parts.
fn words(name: &str) -> Vec<String> {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            '\'' | '\u{2019}' | '\u{02bc}' | '`' => {}
            // Accents that stand apart from their letter.
            '\u{0300}'..='\u{036f}' => {}
            c => match without_accent(c) {
                Some(letters) => plain.push_str(letters),
                None if c.is_alphabetic() => plain.push(c),
                None => plain.push(' '),
            },
        }
    }
    plain.split_whitespace().map(str::to_owned).collect()
}

/// The letters of names in Rwanda and around it that have accents, as the networks write them.
const fn without_accent(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' => "a",
        'ç' | 'ć' | 'č' => "c",
        'è' | 'é' | 'ê' | 'ë' | 'ē' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'ī' => "i",
        'ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' => "o",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' => "u",
        'ý' | 'ÿ' => "y",
        'œ' => "oe",
        'æ' => "ae",
        'ß' => "ss",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn one_person_is_recognised_however_the_network_writes_the_name() {
        for (ours, theirs) in [
            ("Keza Uwase", "KEZA UWASE"),
            ("Keza Uwase", "UWASE KEZA"),
            ("Keza Uwase", "Uwase Keza Marie"),
            ("Jean-Claude Niyonzima", "NIYONZIMA JEAN CLAUDE"),
            ("Jean Claude Niyonzima", "Niyonzima J. Claude"),
            ("Aimée Uwimana", "AIMEE UWIMANA"),
            ("Aime\u{301}e Uwimana", "Aimee Uwimana"),
            ("Ange N'Guessan", "NGUESSAN ANGE"),
            ("Keza", "keza"),
            ("J Jean", "Jean J"),
            ("Eric K", "Eric Kamanzi"),
        ] {
            assert!(agree(ours, theirs), "{ours} / {theirs}");
        }
    }

    #[test]
    fn another_person_is_not() {
        for (ours, theirs) in [
            ("Keza Uwase", "Eric Kamanzi"),
            ("Keza Uwase", "Keza Kamanzi"),
            ("Keza Uwase", "Keza"),
            ("Keza Uwase", "K U"),
            ("Keza Uwase", ""),
            ("", ""),
            ("...", "---"),
            ("Keza Keza", "Keza Uwase"),
            ("Eric K", "Eric Habimana"),
        ] {
            assert!(!agree(ours, theirs), "{ours} / {theirs}");
        }
    }

    fn name() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-zéèçô]{2,9}", 2..5)
    }

    proptest! {
        #[test]
        fn case_and_order_never_matter(words in name().prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle()))) {
            let (there, shuffled) = (words.0.join(" "), words.1.join("-").to_uppercase());
            prop_assert!(agree(&there, &shuffled), "{there} / {shuffled}");
        }

        #[test]
        fn a_word_more_or_an_initial_is_the_same_person(words in name(), more in "[a-z]{2,9}", which in any::<prop::sample::Index>()) {
            let whole = words.join(" ");
            let longer = [more, whole.clone()].join(" ");
            prop_assert!(agree(&whole, &longer), "{whole} / {longer}");
            let mut shortened = words.clone();
            let which = which.index(words.len());
            shortened[which] = shortened[which].chars().take(1).collect();
            prop_assert!(agree(&whole, &shortened.join(" ")), "{whole} / {shortened:?}");
        }

        #[test]
        fn whoever_is_asked_about_whom_the_answer_is_the_same(a in "[a-c é'-]{0,12}", b in "[a-c é'-]{0,12}") {
            prop_assert_eq!(agree(&a, &b), agree(&b, &a));
        }

        #[test]
        fn no_text_whatever_makes_it_panic(a in any::<String>(), b in any::<String>()) {
            agree(&a, &b);
        }

        #[test]
        fn words_that_nobody_shares_are_two_people(a in prop::collection::vec("[a-m]{2,6}", 1..4), b in prop::collection::vec("[n-z]{2,6}", 1..4)) {
            prop_assert!(!agree(&a.join(" "), &b.join(" ")));
        }
    }
}
