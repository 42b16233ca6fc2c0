//! Double-entry postings: pure arithmetic, no database.
//!
//! Separate because the one rule of a ledger, that every transaction sums to zero, is kept here by construction: a
//! [`Posting`] can only be made of [`Transfer`]s, and a transfer takes from one account exactly what it gives another.
//! Debits are positive, credits negative. The database checks the sum again when a transaction commits.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::ids::{DriverId, UserId};
use crate::money::Francs;

/// An account of the ledger. See the table in the module documentation of [`super`] for what each one means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Fares in the driver's own hands (debit: collected; credit: settled with the platform).
    DriverCash(DriverId),
    /// What rides earned the driver, commission deducted (credit: earned; debit: paid out or netted).
    DriverPayable(DriverId),
    /// What the platform owes a rider (credit: given; debit: ridden for or paid back).
    RiderCredit(UserId),
    /// Our collection account at MTN (debit: collected).
    MtnCollection,
    /// Our disbursement account at MTN (credit: paid out).
    MtnDisbursement,
    /// Our collection account at Airtel (debit: collected).
    AirtelCollection,
    /// Our disbursement account at Airtel (credit: paid out).
    AirtelDisbursement,
    /// Our account at the card gateway (debit: collected; credit: given back).
    CardCollection,
    /// What the platform earned of rides, without tax (credit).
    CommissionIncome,
    /// What drivers paid for payouts at once (credit).
    PayoutFeeIncome,
    /// What is owed to the tax authority (credit).
    TaxPayable,
    /// What providers kept, as their statements say (debit).
    ProviderFees,
    /// What the platform paid of rides (debit).
    Promotions,
    /// What was given or taken by decision of two people (debit: given).
    Adjustments,
    /// Money that nobody can place yet (debit: missing; credit: too much).
    Suspense,
    /// Refunds that a provider was asked for (credit until it says).
    RefundsInFlight,
    /// Payouts that are asked for (credit until the provider says).
    PayoutsInFlight,
}

impl Account {
    /// The kind of account, without its owner.
    pub const fn kind(self) -> Kind {
        match self {
            Self::DriverCash(_) => Kind::DriverCash,
            Self::DriverPayable(_) => Kind::DriverPayable,
            Self::RiderCredit(_) => Kind::RiderCredit,
            Self::MtnCollection => Kind::MtnCollection,
            Self::MtnDisbursement => Kind::MtnDisbursement,
            Self::AirtelCollection => Kind::AirtelCollection,
            Self::AirtelDisbursement => Kind::AirtelDisbursement,
            Self::CardCollection => Kind::CardCollection,
            Self::CommissionIncome => Kind::CommissionIncome,
            Self::PayoutFeeIncome => Kind::PayoutFeeIncome,
            Self::TaxPayable => Kind::TaxPayable,
            Self::ProviderFees => Kind::ProviderFees,
            Self::Promotions => Kind::Promotions,
            Self::Adjustments => Kind::Adjustments,
            Self::Suspense => Kind::Suspense,
            Self::RefundsInFlight => Kind::RefundsInFlight,
            Self::PayoutsInFlight => Kind::PayoutsInFlight,
        }
    }

    /// The person whose account it is; `None` for the house's own.
    pub const fn owner(self) -> Option<Uuid> {
        match self {
            Self::DriverCash(driver) | Self::DriverPayable(driver) => Some(driver.0),
            Self::RiderCredit(rider) => Some(rider.0),
            _ => None,
        }
    }
}

/// A kind of account: one line of the trial balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// See [`Account::DriverCash`].
    DriverCash,
    /// See [`Account::DriverPayable`].
    DriverPayable,
    /// See [`Account::RiderCredit`].
    RiderCredit,
    /// See [`Account::MtnCollection`].
    MtnCollection,
    /// See [`Account::MtnDisbursement`].
    MtnDisbursement,
    /// See [`Account::AirtelCollection`].
    AirtelCollection,
    /// See [`Account::AirtelDisbursement`].
    AirtelDisbursement,
    /// See [`Account::CardCollection`].
    CardCollection,
    /// See [`Account::CommissionIncome`].
    CommissionIncome,
    /// See [`Account::PayoutFeeIncome`].
    PayoutFeeIncome,
    /// See [`Account::TaxPayable`].
    TaxPayable,
    /// See [`Account::ProviderFees`].
    ProviderFees,
    /// See [`Account::Promotions`].
    Promotions,
    /// See [`Account::Adjustments`].
    Adjustments,
    /// See [`Account::Suspense`].
    Suspense,
    /// See [`Account::RefundsInFlight`].
    RefundsInFlight,
    /// See [`Account::PayoutsInFlight`].
    PayoutsInFlight,
}

impl Kind {
    /// Every kind, in the order of a trial balance.
    pub const ALL: [Self; 17] = [
        Self::DriverCash,
        Self::DriverPayable,
        Self::RiderCredit,
        Self::MtnCollection,
        Self::MtnDisbursement,
        Self::AirtelCollection,
        Self::AirtelDisbursement,
        Self::CardCollection,
        Self::CommissionIncome,
        Self::PayoutFeeIncome,
        Self::TaxPayable,
        Self::ProviderFees,
        Self::Promotions,
        Self::Adjustments,
        Self::Suspense,
        Self::RefundsInFlight,
        Self::PayoutsInFlight,
    ];

    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DriverCash => "driver_cash",
            Self::DriverPayable => "driver_payable",
            Self::RiderCredit => "rider_credit",
            Self::MtnCollection => "mtn_collection",
            Self::MtnDisbursement => "mtn_disbursement",
            Self::AirtelCollection => "airtel_collection",
            Self::AirtelDisbursement => "airtel_disbursement",
            Self::CardCollection => "card_collection",
            Self::CommissionIncome => "commission_income",
            Self::PayoutFeeIncome => "payout_fee_income",
            Self::TaxPayable => "tax_payable",
            Self::ProviderFees => "provider_fees",
            Self::Promotions => "promotions",
            Self::Adjustments => "adjustments",
            Self::Suspense => "suspense",
            Self::RefundsInFlight => "refunds_in_flight",
            Self::PayoutsInFlight => "payouts_in_flight",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One movement of money between two accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The account that is debited: where the value goes.
    pub debit: Account,
    /// The account that is credited: where it comes from.
    pub credit: Account,
    /// How much; not negative.
    pub amount: Francs,
}

/// One line of a posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which account.
    pub account: Account,
    /// Debit positive, credit negative, never zero.
    pub amount: Francs,
}

/// What is written into the ledger as one transaction: at least two entries whose sum is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    entries: Vec<Entry>,
}

/// Transfers that make no posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostingError {
    /// A reversal is a transfer in the other direction, never a negative one.
    #[error("an amount of {0} is negative")]
    Negative(Francs),
    /// An amount, or the sum on one account, is beyond what a ledger line can hold.
    #[error("the amounts do not fit a ledger line")]
    TooLarge,
    /// Nothing moves: there is nothing to write down.
    #[error("no account changes")]
    Empty,
}

/// What a transaction is on a person's statement, by what caused it: one word of docs/PAYMENTS.md for each kind of line.
pub fn word(cause: &str) -> &'static str {
    let mut parts = cause.split(':');
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
    match (first, last) {
        ("ride" | "intent", "cash") => "cash_fare",
        ("attempt", "capture") => "wallet_fare",
        ("intent", "credit") => "paid_by_credit",
        ("intent", "promotion") => "paid_by_promotion",
        ("payout", "hold") => "payout",
        ("payout", "void") => "payout_returned",
        ("payout", "netting") => "cash_commission_netted",
        ("refund", "void") => "refund_returned",
        ("refund", _) => "refund",
        ("adjustment", _) => "adjustment",
        ("case" | "correction", _) => "correction",
        ("referral", _) => "referral",
        _ => "other",
    }
}

impl Posting {
    /// The posting that these transfers come to: one entry for each account that changes, in the order of accounts (so
    /// that two postings always take their accounts in the same order).
    ///
    /// # Errors
    /// [`PostingError`]; [`PostingError::Empty`] also when the transfers cancel each other out.
    pub fn new(transfers: &[Transfer]) -> Result<Self, PostingError> {
        let mut changes: BTreeMap<Account, Francs> = BTreeMap::new();
        for transfer in transfers {
            if transfer.amount < Francs::ZERO {
                return Err(PostingError::Negative(transfer.amount));
            }
            let credited = transfer.amount.checked_neg().ok_or(PostingError::TooLarge)?;
            for (account, amount) in [(transfer.debit, transfer.amount), (transfer.credit, credited)] {
                let change = changes.entry(account).or_default();
                *change = change.checked_add(amount).ok_or(PostingError::TooLarge)?;
            }
        }
        let entries: Vec<_> = changes
            .into_iter()
            .filter(|(_, amount)| *amount != Francs::ZERO)
            .map(|(account, amount)| Entry { account, amount })
            .collect();
        if entries.is_empty() { Err(PostingError::Empty) } else { Ok(Self { entries }) }
    }

    /// A ride paid in cash: the driver holds the fare, has earned it less the commission, and the commission is ours.
    ///
    /// # Errors
    /// [`PostingError`]; [`PostingError::Negative`] also when the commission is more than the fare.
    pub fn cash_ride(driver: DriverId, fare: Francs, commission: Francs) -> Result<Self, PostingError> {
        let earned = fare.checked_sub(commission).ok_or(PostingError::TooLarge)?;
        let cash = Account::DriverCash(driver);
        Self::new(&[
            Transfer { debit: cash, credit: Account::DriverPayable(driver), amount: earned },
            Transfer { debit: cash, credit: Account::CommissionIncome, amount: commission },
        ])
    }

    /// The lines, in the order of accounts.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

#[cfg(test)]
mod arithmetic {
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
    use uuid::Uuid;

    use super::*;

    fn driver(number: u128) -> DriverId {
        DriverId(Uuid::from_u128(number))
    }

    fn lines(posting: &Posting) -> Vec<(Kind, i64)> {
        posting.entries().iter().map(|entry| (entry.account.kind(), entry.amount.amount())).collect()
    }

    #[test]
    fn a_cash_ride_leaves_the_fare_with_the_driver_and_the_commission_owed() {
        let posting = Posting::cash_ride(driver(1), Francs(1_186), Francs(107)).expect("a posting");
        assert_eq!(
            lines(&posting),
            [(Kind::DriverCash, 1_186), (Kind::DriverPayable, -1_079), (Kind::CommissionIncome, -107)]
        );
        let owed: i64 = posting.entries()[..2].iter().map(|entry| entry.amount.amount()).sum();
        assert_eq!(owed, 107);
    }

    #[test]
    fn an_account_that_does_not_change_has_no_line() {
        let free = Posting::cash_ride(driver(1), Francs(400), Francs::ZERO).expect("a posting");
        assert_eq!(lines(&free), [(Kind::DriverCash, 400), (Kind::DriverPayable, -400)]);
        let all = Posting::cash_ride(driver(1), Francs(400), Francs(400)).expect("a posting");
        assert_eq!(lines(&all), [(Kind::DriverCash, 400), (Kind::CommissionIncome, -400)]);
    }

    #[test]
    fn what_moves_nothing_or_backwards_or_too_much_is_no_posting() {
        let check = |fare, commission| Posting::cash_ride(driver(1), Francs(fare), Francs(commission));
        assert_eq!(check(0, 0), Err(PostingError::Empty));
        assert_eq!(check(100, 101), Err(PostingError::Negative(Francs(-1))));
        assert_eq!(check(100, -1), Err(PostingError::Negative(Francs(-1))));
        assert_eq!(check(i64::MIN, 1), Err(PostingError::TooLarge));
        let same = Account::CommissionIncome;
        let circle = Transfer { debit: same, credit: same, amount: Francs(5) };
        assert_eq!(Posting::new(&[circle]), Err(PostingError::Empty));
    }

    #[test]
    fn every_kind_of_account_has_its_own_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::from_name("cash"), None);
    }

    fn accounts() -> impl Strategy<Value = Account> {
        (0_u8..3, 0_u128..4).prop_map(|(kind, owner)| match kind {
            0 => Account::DriverCash(driver(owner)),
            1 => Account::DriverPayable(driver(owner)),
            _ => Account::CommissionIncome,
        })
    }

    proptest! {
        #[test]
        fn whatever_is_moved_a_posting_sums_to_zero(
            moves in prop::collection::vec((accounts(), accounts(), any::<i64>()), 0..12)
        ) {
            let transfers: Vec<_> = moves
                .into_iter()
                .map(|(debit, credit, amount)| Transfer { debit, credit, amount: Francs(amount) })
                .collect();
            if let Ok(posting) = Posting::new(&transfers) {
                let sum: i128 = posting.entries().iter().map(|entry| i128::from(entry.amount.amount())).sum();
                prop_assert_eq!(sum, 0);
                prop_assert!(posting.entries().len() >= 2);
                prop_assert!(posting.entries().iter().all(|entry| entry.amount != Francs::ZERO));
                prop_assert!(posting.entries().is_sorted_by(|a, b| a.account < b.account));
            }
        }

        #[test]
        fn a_driver_owes_exactly_the_commission_of_cash_rides(fare in 1_i64..1_000_000, share in 0_i64..=10_000) {
            let commission = fare * share / 10_000;
            let posting = Posting::cash_ride(driver(1), Francs(fare), Francs(commission)).expect("a posting");
            let mine = posting.entries().iter().filter(|entry| entry.account.owner().is_some());
            prop_assert_eq!(mine.map(|entry| entry.amount.amount()).sum::<i64>(), commission);
        }
    }
}
