//! Lines of a provider's statement against the orders that we know: pure.
//!
//! Separate because every class of difference must be found whatever the order of lines. Invariants: every line has exactly
//! one finding; every order that should be in the statement and is not has one; the answer depends on the lines and orders
//! as sets only.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::money::Francs;
use crate::payments::providers::{AttemptId, Operation, StatementLine};

/// How an order stands in our own books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The money moved.
    Succeeded,
    /// It did not.
    Failed,
    /// Nobody knows yet.
    Open,
}

/// An order that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub id: AttemptId,
    /// What was asked.
    pub operation: Operation,
    /// How much was asked.
    pub amount: Francs,
    /// How it stands.
    pub fate: Fate,
    /// The provider's name of it.
    pub provider_reference: Option<String>,
    /// Whether the statement must have it: it succeeded in the time that the statement is about.
    pub is_expected: bool,
}

/// What became of comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReconciliationClass)]
pub enum Class {
    /// Both say the same.
    Matched,
    /// Money moved there that we do not know of.
    MissingHere,
    /// We booked money that the statement does not have.
    MissingThere,
    /// Another amount, or another kind of movement.
    AmountDiffers,
    /// One says that the money moved, the other that it did not.
    StatusDiffers,
    /// A line twice, or an order carried out twice.
    Duplicate,
    /// A line about money that did not move, and nobody says that it did.
    NoMoneyMoved,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Matched,
        Self::MissingHere,
        Self::MissingThere,
        Self::AmountDiffers,
        Self::StatusDiffers,
        Self::Duplicate,
        Self::NoMoneyMoved,
    ];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::MissingHere => "missing_here",
            Self::MissingThere => "missing_there",
            Self::AmountDiffers => "amount_differs",
            Self::StatusDiffers => "status_differs",
            Self::Duplicate => "duplicate",
            Self::NoMoneyMoved => "no_money_moved",
        }
    }
}

/// A line, an order, or both, and what is to be said of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub class: Class,
    /// Which line, by its place in what was given.
    pub line: Option<usize>,
    /// Which order.
    pub attempt: Option<AttemptId>,
    /// Of a duplicate: whether the same transaction stands there twice, so that no money moved twice.
    pub is_repeated_line: bool,
}

/// The order that a line names by our own reference, written with or without dashes.
pub fn our_reference(line: &StatementLine) -> Option<AttemptId> {
    line.our_reference.as_deref().and_then(|text| Uuid::parse_str(text.trim()).ok()).map(AttemptId)
}

/// Compares. `known` are the orders that the lines name, by either reference, and those that the statement must have.
pub fn compare(lines: &[StatementLine], known: &[Known]) -> Vec<Finding> {
    let by_id: BTreeMap<_, _> = known.iter().map(|order| (order.id, order)).collect();
    let by_reference: BTreeMap<_, _> =
        known.iter().filter_map(|order| Some((order.provider_reference.as_deref()?, order))).collect();
    let mut order_of: BTreeMap<AttemptId, Vec<usize>> = BTreeMap::new();
    let mut strangers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        let found = our_reference(line).and_then(|id| by_id.get(&id).copied());
        match found.or_else(|| by_reference.get(line.provider_reference.as_str()).copied()) {
            Some(order) => order_of.entry(order.id).or_default().push(place),
            None => strangers.entry(&line.provider_reference).or_default().push(place),
        }
    }
    let mut findings = Vec::with_capacity(lines.len());
    let finding = |class, line, attempt, is_repeated_line| Finding { class, line, attempt, is_repeated_line };
    for (id, mut places) in order_of {
        let order = by_id[&id];
        // The line that fits best speaks for the order; which one that is must not depend on the order of lines.
        places.sort_by_key(|place| {
            let line = &lines[*place];
            (!line.is_successful, !fits(line, order), rank(line))
        });
        let mut seen: Vec<&str> = Vec::new();
        for (nth, place) in places.into_iter().enumerate() {
            let line = &lines[place];
            let is_repeat = seen.contains(&line.provider_reference.as_str());
            seen.push(&line.provider_reference);
            let class = match nth {
                _ if is_repeat => Class::Duplicate,
                0 => alone(line, order),
                _ if line.is_successful => Class::Duplicate,
                _ => Class::NoMoneyMoved,
            };
            findings.push(finding(class, Some(place), Some(id), is_repeat));
        }
    }
    for mut places in strangers.into_values() {
        places.sort_by_key(|place| (!lines[*place].is_successful, rank(&lines[*place])));
        for (nth, place) in places.into_iter().enumerate() {
            let class = match (nth, lines[place].is_successful) {
                (0, true) => Class::MissingHere,
                (0, false) => Class::NoMoneyMoved,
                _ => Class::Duplicate,
            };
            findings.push(finding(class, Some(place), None, nth > 0));
        }
    }
    let named: BTreeSet<_> = findings.iter().filter_map(|found| found.attempt).collect();
    let absent = known.iter().filter(|order| order.is_expected && !named.contains(&order.id));
    let mut absent: Vec<_> = absent.map(|order| order.id).collect();
    absent.sort_unstable();
    findings.extend(absent.into_iter().map(|id| finding(Class::MissingThere, None, Some(id), false)));
    findings
}

fn fits(line: &StatementLine, order: &Known) -> bool {
    line.amount == order.amount && line.operation == order.operation
}

fn alone(line: &StatementLine, order: &Known) -> Class {
    match (line.is_successful, order.fate) {
        (true, Fate::Succeeded) if fits(line, order) => Class::Matched,
        (true, Fate::Succeeded) => Class::AmountDiffers,
        (true, _) | (false, Fate::Succeeded) => Class::StatusDiffers,
        (false, Fate::Failed | Fate::Open) => Class::Matched,
    }
}

/// Any order of lines that is the same whatever order they came in.
fn rank(line: &StatementLine) -> (i64, String, i64, i64) {
    (line.at.as_millis(), line.provider_reference.clone(), line.amount.amount(), line.fee.amount())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::time::Timestamp;

    fn id(number: u128) -> AttemptId {
        AttemptId(Uuid::from_u128(number + 1))
    }

    fn known(number: u128, fate: Fate) -> Known {
        let (amount, provider_reference) = (Francs(1_000), Some(format!("P{number}")));
        Known {
            id: id(number),
            operation: Operation::Collection,
            amount,
            fate,
            provider_reference,
            is_expected: fate == Fate::Succeeded,
        }
    }

    fn line(provider_reference: &str, ours: Option<u128>, amount: i64, is_successful: bool) -> StatementLine {
        StatementLine {
            provider_reference: provider_reference.into(),
            our_reference: ours.map(|number| id(number).0.simple().to_string()),
            operation: Operation::Collection,
            amount: Francs(amount),
            fee: Francs(10),
            is_successful,
            at: Timestamp::from_millis(1_790_000_000_000),
        }
    }

    fn classes(lines: &[StatementLine], known: &[Known]) -> Vec<(Class, Option<usize>)> {
        let mut found: Vec<_> = compare(lines, known).into_iter().map(|found| (found.class, found.line)).collect();
        found.sort_by_key(|found| found.1.unwrap_or(usize::MAX));
        found
    }

    #[test]
    fn every_class_is_found() {
        let orders = [
            known(0, Fate::Succeeded),
            known(1, Fate::Succeeded),
            known(2, Fate::Succeeded),
            known(3, Fate::Failed),
            known(4, Fate::Open),
            known(5, Fate::Succeeded),
            known(6, Fate::Failed),
            known(7, Fate::Succeeded),
        ];
        let lines = [
            line("P0", Some(0), 1_000, true),
            line("P1", Some(1), 999, true),
            line("X", None, 500, true),
            line("P3", Some(3), 1_000, true),
            line("other", Some(4), 1_000, true),
            line("P5", Some(5), 1_000, true),
            line("Q5", Some(5), 1_000, true),
            line("P5", Some(5), 1_000, true),
            line("P6", Some(6), 1_000, false),
            line("P7", None, 1_000, false),
            line("Y", None, 500, false),
        ];
        assert_eq!(
            classes(&lines, &orders),
            [
                (Class::Matched, Some(0)),
                (Class::AmountDiffers, Some(1)),
                (Class::MissingHere, Some(2)),
                (Class::StatusDiffers, Some(3)),
                (Class::StatusDiffers, Some(4)),
                (Class::Matched, Some(5)),
                (Class::Duplicate, Some(6)),
                (Class::Duplicate, Some(7)),
                (Class::Matched, Some(8)),
                (Class::StatusDiffers, Some(9)),
                (Class::NoMoneyMoved, Some(10)),
                (Class::MissingThere, None),
            ]
        );
        let repeated: Vec<_> = compare(&lines, &orders).into_iter().filter(|found| found.is_repeated_line).collect();
        assert_eq!(repeated.len(), 1, "the same transaction twice; the other moved money twice: {repeated:?}");
    }

    #[test]
    fn a_payment_of_another_kind_is_not_the_one_we_asked_for() {
        let back = StatementLine { operation: Operation::Refund, ..line("P0", Some(0), 1_000, true) };
        assert_eq!(classes(&[back], &[known(0, Fate::Succeeded)]), [(Class::AmountDiffers, Some(0))]);
    }

    fn some_line() -> impl Strategy<Value = StatementLine> {
        (0_u128..6, prop::option::of(0_u128..8), prop::sample::select(vec![999_i64, 1_000]), any::<bool>())
            .prop_map(|(theirs, ours, amount, moved)| line(&format!("P{theirs}"), ours, amount, moved))
    }

    fn some_known() -> impl Strategy<Value = Vec<Known>> {
        let fate = prop::sample::select(vec![Fate::Succeeded, Fate::Failed, Fate::Open]);
        prop::collection::vec(prop::option::of(fate), 6).prop_map(|fates| {
            fates.into_iter().zip(0_u128..).filter_map(|(fate, number)| Some(known(number, fate?))).collect()
        })
    }

    proptest! {
        #[test]
        fn the_order_of_lines_and_orders_does_not_matter(
            (lines, shuffled) in prop::collection::vec(some_line(), 0..14)
                .prop_flat_map(|lines| (proptest::prelude::Just(lines.clone()), proptest::prelude::Just(lines).prop_shuffle())),
            orders in some_known(),
        ) {
            let said = |lines: &[StatementLine], orders: &[Known]| {
                let mut said: Vec<_> = compare(lines, orders)
                    .into_iter()
                    .map(|found| {
                        let line = found.line.map(|place| (rank(&lines[place]), lines[place].is_successful));
                        (found.class, found.attempt, line)
                    })
                    .collect();
                said.sort();
                said
            };
            let mut turned = orders.clone();
            turned.reverse();
            prop_assert_eq!(said(&lines, &orders), said(&shuffled, &turned));
        }

        #[test]
        fn every_line_is_judged_once_and_every_expected_order_is_seen(
            lines in prop::collection::vec(some_line(), 0..14), orders in some_known(),
        ) {
            let found = compare(&lines, &orders);
            let mut places: Vec<_> = found.iter().filter_map(|found| found.line).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..lines.len()).collect::<Vec<_>>());
            for order in &orders {
                let of: Vec<_> = found.iter().filter(|found| found.attempt == Some(order.id)).collect();
                prop_assert!(of.iter().filter(|found| found.class == Class::Matched).count() <= 1);
                prop_assert!(!order.is_expected || !of.is_empty());
            }
        }
    }
}
