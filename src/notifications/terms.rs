//! Values that are words themselves: kinds of papers, and why one is asked for again. Whoever causes a text names them by
//! their word on the wire; here they are said in the reader's language.
//!
//! Separate from the texts because one list serves many of them.

use crate::notifications::Language;

/// Word on the wire, and in Kinyarwanda, English and French, without letters outside of the SMS alphabet.
type Term = (&'static str, [&'static str; 3]);

const PAPERS: [Term; 9] = [
    ("licence", ["perimi", "driving licence", "permis de conduire"]),
    ("vehicle", ["moto", "motorcycle", "moto"]),
    ("authorisation", ["uruhushya rwa RURA", "RURA authorisation", "autorisation RURA"]),
    ("insurance", ["ubwishingizi", "insurance", "assurance"]),
    ("inspection", ["kontororo tekinike", "technical inspection", "visite technique"]),
    ("helmet", ["kasike", "helmets", "casques"]),
    ("cooperative", ["koperative", "cooperative", "coopérative"]),
    ("national_id", ["indangamuntu", "identity card", "carte d'identité"]),
    ("photo", ["ifoto", "photo", "photo"]),
];

const CAUSES: [Term; 8] = [
    ("unreadable", ["ntibisomeka", "it cannot be read", "il est illisible"]),
    ("wrong_document", ["si cyo cyangombwa", "it is another paper", "ce n'est pas le bon document"]),
    ("expired", ["cyarangiye", "it has expired", "il a expiré"]),
    ("does_not_match", ["amakuru ntahura", "it differs from what you typed", "il diffère de votre saisie"]),
    ("incomplete", ["ntikuzuye", "a page is missing", "il manque une page"]),
    (
        "electric_required",
        ["moto igomba kuba iy'amashanyarazi", "the motorcycle must be electric", "une moto électrique est obligatoire"],
    ),
    ("not_genuine", ["ntigisa n'icy'ukuri", "it does not look genuine", "il ne semble pas authentique"]),
    ("other", ["hari ikindi", "see below", "voir plus bas"]),
];

/// What a value of this name means in a language; `None` where values are said as they are.
pub fn translated(name: &str, value: &str, language: Language) -> Option<&'static str> {
    let terms: &[Term] = match name {
        "paper" => &PAPERS,
        "cause" => &CAUSES,
        _ => return None,
    };
    let (_, words) = terms.iter().find(|(word, _)| *word == value)?;
    Some(match language {
        Language::Rw => words[0],
        Language::En => words[1],
        Language::Fr => words[2],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_has_all_languages_in_the_sms_alphabet() {
        for (word, said) in PAPERS.iter().chain(&CAUSES) {
            for text in said {
                let fits = text.chars().all(|c| c.is_ascii() || "éèìòàùäöñü".contains(c));
                assert!(!text.is_empty() && fits, "{word}: {text}");
            }
        }
    }

    #[test]
    fn only_values_that_are_words_are_translated() {
        assert_eq!(translated("paper", "insurance", Language::Fr), Some("assurance"));
        assert_eq!(translated("paper", "poem", Language::Fr), None);
        assert_eq!(translated("reason", "insurance", Language::Fr), None);
    }
}
