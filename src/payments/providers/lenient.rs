//! Reading what providers write: fields that are missing, or of another type than the document says.
//!
//! Separate because both wallets do it alike: an amount is a text or a number, with a fraction or without; a reason is a text
//! or an object. Nothing here fails; what is not understood is not there.

use serde_json::Value;

use super::{AttemptId, FractionalAmount};
use crate::money::Francs;

/// Longest code that is kept.
const CODE_CHARS_MAX: usize = 64;

/// As many digits in a row may be a telephone.
const DIGITS_MAX: usize = 8;

/// `DP00800001007`.
const AIRTEL_CODE_LEN: usize = 13;

/// Longest name of a transaction that is kept.
const REFERENCE_CHARS_MAX: usize = 100;

/// A text at a path; numbers are told as texts.
pub fn text(value: &Value, path: &[&str]) -> Option<String> {
    let mut value = value;
    for name in path {
        value = value.get(name)?;
    }
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A name that a provider gave to a transaction.
pub fn reference(value: &Value, path: &[&str]) -> Option<String> {
    text(value, path).filter(|text| !text.trim().is_empty() && text.chars().count() <= REFERENCE_CHARS_MAX)
}

/// An amount at a path.
pub fn amount(value: &Value, path: &[&str]) -> Option<Result<Francs, FractionalAmount>> {
    text(value, path).map(|text| francs(&text))
}

/// Whole francs: `1500`, `1500.0`. What is no number is no whole number either.
pub fn francs(text: &str) -> Result<Francs, FractionalAmount> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = !whole.is_empty() && whole.strip_prefix('-').unwrap_or(whole).bytes().all(|c| c.is_ascii_digit());
    if !is_number || fraction.is_empty() || fraction.bytes().any(|c| c != b'0') {
        return Err(FractionalAmount);
    }
    whole.parse().map(Francs).map_err(|_| FractionalAmount)
}

/// A provider's code for our records: `unlisted` when it is not one, or might be somebody's number.
pub fn code(text: &str) -> String {
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    // Airtel's own codes are mostly digits, and longer than a telephone with a zero before it.
    let is_airtels = text.len() == AIRTEL_CODE_LEN && text.starts_with("DP0");
    let is_number = !is_airtels && text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() > DIGITS_MAX);
    if text.is_empty() || text.chars().count() > CODE_CHARS_MAX || !text.chars().all(is_code) || is_number {
        return "unlisted".to_owned();
    }
    text.to_owned()
}

/// One of our references, as text with or without dashes.
pub fn attempt(text: &str) -> Option<AttemptId> {
    text.trim().parse().ok().map(AttemptId)
}

/// What the payer reads: only what every provider takes, at most so many characters.
pub fn note(text: &str, is_taken: impl Fn(char) -> bool, chars_max: usize) -> String {
    let cleaned: String = text.chars().filter(|c| is_taken(*c)).take(chars_max).collect();
    let cleaned = cleaned.trim();
    if cleaned.is_empty() { "boda".to_owned() } else { cleaned.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_texts_or_numbers_and_whole() {
        for (value, expected) in [
            (json!("1500"), Some(Ok(Francs(1_500)))),
            (json!("5.0"), Some(Ok(Francs(5)))),
            (json!(" 5.00 "), Some(Ok(Francs(5)))),
            (json!(5), Some(Ok(Francs(5)))),
            (json!(5.0), Some(Ok(Francs(5)))),
            (json!("-5"), Some(Ok(Francs(-5)))),
            (json!("5.5"), Some(Err(FractionalAmount))),
            (json!("5."), Some(Err(FractionalAmount))),
            (json!("+5"), Some(Err(FractionalAmount))),
            (json!(""), Some(Err(FractionalAmount))),
            (json!("-"), Some(Err(FractionalAmount))),
            (json!("five"), Some(Err(FractionalAmount))),
            (json!("1e3"), Some(Err(FractionalAmount))),
            (json!("99999999999999999999"), Some(Err(FractionalAmount))),
            (json!(1e300), Some(Err(FractionalAmount))),
            (json!(null), None),
            (json!([5]), None),
            (json!(true), None),
        ] {
            assert_eq!(amount(&json!({"a": value}), &["a"]), expected, "{value}");
        }
    }

    #[test]
    fn a_code_is_never_a_number_of_somebody() {
        assert_eq!(code("PAYER_NOT_FOUND"), "PAYER_NOT_FOUND");
        assert_eq!(code("DP00800001099"), "DP00800001099");
        for hostile in ["", "250788000001", "x250788000001", "Keza Uwase", "a\nb", &"A".repeat(65)] {
            assert_eq!(code(hostile), "unlisted", "{hostile}");
        }
    }

    #[test]
    fn a_note_keeps_what_is_taken() {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-');
        assert_eq!(note("Trip 8842 - Keza's & é", plain, 160), "Trip 8842 - Kezas");
        assert_eq!(note("'&", plain, 160), "boda");
        assert_eq!(note(&"x".repeat(200), plain, 160).len(), 160);
    }

    proptest! {
        #[test]
        fn whole_amounts_survive_and_texts_do_no_harm(amount in any::<i64>(), text in ".{0,80}") {
            prop_assert_eq!(francs(&amount.to_string()), Ok(Francs(amount)));
            prop_assert_eq!(francs(&format!("{amount}.00")), Ok(Francs(amount)));
            let _ = (francs(&text), attempt(&text));
            prop_assert!(code(&text).len() <= CODE_CHARS_MAX);
        }
    }
}
