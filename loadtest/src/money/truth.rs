//! What left the wallets against what was written down: pure.
//!
//! Separate because it is the judge. A debit names our order by the reference that was
//! sent along (Airtel's without dashes).

use std::collections::{BTreeMap, BTreeSet};

use super::books::{Attempt, Capture};
use super::outside::Debit;

/// What is wrong, and how much was right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Debits of wallets.
    pub debits: u64,
    /// Intents for which more than one debit was made.
    pub double_charges: u64,
    /// Debits that are not exactly one capture of the same amount, and do not wait for a person either.
    pub unaccounted: u64,
    /// Captures of which no wallet knows.
    pub unfounded: u64,
    /// Debits of another amount than was asked for: a person looks at them.
    pub for_review: u64,
    /// The first that are wrong, in words.
    pub examples: Vec<String>,
}

const EXAMPLES_MAX: usize = 10;

fn plain(reference: &str) -> String {
    reference.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase()
}

/// Compares.
pub fn judge(debits: &[Debit], attempts: &[Attempt], captures: &[Capture]) -> Verdict {
    let mut verdict = Verdict::default();
    let attempts: BTreeMap<String, &Attempt> = attempts.iter().map(|attempt| (plain(&attempt.id), attempt)).collect();
    let mut captured: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for capture in captures {
        captured.entry(plain(&capture.attempt)).or_default().push(capture.amount);
    }
    let mut by_intent: BTreeMap<&str, u64> = BTreeMap::new();
    let mut founded = BTreeSet::new();
    let mut wrong = |text: String| {
        if verdict.examples.len() < EXAMPLES_MAX {
            verdict.examples.push(text);
        }
    };
    let (mut unaccounted, mut for_review) = (0, 0);
    for debit in debits {
        let name = plain(&debit.reference);
        let Some(attempt) = attempts.get(&name) else {
            unaccounted += 1;
            wrong(format!("the debit {} of {} francs is no order of ours", debit.reference, debit.moved));
            continue;
        };
        *by_intent.entry(attempt.intent.as_str()).or_default() += 1;
        match captured.get(&name).map(Vec::as_slice) {
            Some([amount]) if *amount == debit.moved => {
                founded.insert(name);
            }
            None if attempt.state == "integrity_failure" => for_review += 1,
            found => {
                unaccounted += 1;
                wrong(format!(
                    "the debit {} of {} francs ({}) is {found:?}",
                    debit.reference, debit.moved, attempt.state
                ));
            }
        }
    }
    let double_charges = by_intent.values().filter(|count| **count > 1).count() as u64;
    let unfounded = captured.keys().filter(|name| !founded.contains(*name)).count() as u64;
    for (intent, count) in by_intent.iter().filter(|(_, count)| **count > 1) {
        wrong(format!("the intent {intent} was debited {count} times"));
    }
    Verdict { debits: debits.len() as u64, double_charges, unaccounted, unfounded, for_review, ..verdict }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "7f000001-0000-4000-8000-000000000001";
    const B: &str = "7f000001-0000-4000-8000-000000000002";

    fn debit(reference: &str, moved: i64) -> Debit {
        Debit { reference: reference.to_owned(), moved, at_ms: None }
    }

    fn attempt(id: &str, intent: &str, state: &str) -> Attempt {
        let [id, provider, operation, intent, state] = [id, "mtn", "collection", intent, state].map(str::to_owned);
        Attempt { id, provider, operation, intent, state }
    }

    fn capture(id: &str, amount: i64) -> Capture {
        Capture { attempt: id.to_owned(), amount }
    }

    #[test]
    fn a_debit_with_its_capture_is_right_however_its_name_is_written() {
        let debits = [debit(A, 500), debit(&plain(B), 700)];
        let attempts = [attempt(A, "x", "succeeded"), attempt(B, "y", "succeeded")];
        let verdict = judge(&debits, &attempts, &[capture(A, 500), capture(B, 700)]);
        assert_eq!(verdict, Verdict { debits: 2, ..Verdict::default() });
    }

    #[test]
    fn what_is_wrong_is_counted() {
        let attempts = [attempt(A, "x", "succeeded"), attempt(B, "x", "failed")];
        let verdict = judge(&[debit(A, 500), debit(B, 500), debit("stranger", 1)], &attempts, &[capture(A, 500)]);
        assert_eq!((verdict.double_charges, verdict.unaccounted, verdict.unfounded), (1, 2, 0));
        let twice = judge(&[debit(A, 500)], &attempts, &[capture(A, 500), capture(A, 500)]);
        assert_eq!((twice.unaccounted, twice.unfounded), (1, 1));
        let other = judge(&[debit(A, 600)], &attempts, &[capture(A, 500)]);
        assert_eq!(other.unaccounted, 1);
        let invented = judge(&[], &attempts, &[capture(A, 500)]);
        assert_eq!((invented.debits, invented.unfounded), (0, 1));
        let looked_at = judge(&[debit(A, 600)], &[attempt(A, "x", "integrity_failure")], &[]);
        assert_eq!((looked_at.unaccounted, looked_at.for_review), (0, 1));
    }
}
