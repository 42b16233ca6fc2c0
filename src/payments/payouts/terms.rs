//! What a payout costs, and why there may be none now.
//!
//! Separate and pure: what the driver is shown before and what is done afterwards are one computation.

use chrono::{Datelike as _, Days, NaiveDate};

use crate::error::Error;
use crate::money::{BasisPoints, Francs, divide_half_up};
use crate::payments::methods::PayoutWallet;
use crate::time::{Span, Timestamp};

/// Bounds and prices.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The least that is taken out at once.
    pub amount_min: Francs,
    /// The most.
    pub amount_max: Francs,
    /// Of a payout at once: what it costs whatever the amount.
    pub fee: Francs,
    /// And of the amount.
    pub fee_share: BasisPoints,
    /// The tax in that fee, on top of the fee without it.
    pub tax: BasisPoints,
    /// Payouts at once of a driver in a day of Kigali.
    pub a_day_max: i64,
    /// From this on two admins have to say yes.
    pub approval_from: Francs,
    /// Less than this is not sent by the week.
    pub weekly_min: Francs,
}

/// Why a payout was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayoutKind {
    /// The driver wanted it now.
    Instant,
    /// It was Monday.
    Weekly,
}

impl PayoutKind {
    /// The name in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Weekly => "weekly",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Instant, Self::Weekly].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How a driver's accounts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    /// What the platform owes of rides.
    pub payable: Francs,
    /// Fares in the driver's hands.
    pub cash: Francs,
}

impl Owed {
    /// What is settled against cash before anything is paid.
    pub fn netted(self) -> Francs {
        self.cash.max(Francs::ZERO)
    }

    /// What can be taken out; nothing when the driver owes.
    pub fn available(self) -> Francs {
        self.payable.checked_sub(self.netted()).unwrap_or(Francs::ZERO).max(Francs::ZERO)
    }
}

/// What is made of an amount that leaves the driver's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// What the driver receives.
    pub net: Francs,
    /// What it costs, its tax included.
    pub fee: Francs,
    /// The tax in the fee.
    pub tax: Francs,
}

impl Config {
    /// What an amount comes to.
    pub fn parts(&self, amount: Francs, kind: PayoutKind) -> Parts {
        let fee = match kind {
            PayoutKind::Weekly => Francs::ZERO,
            PayoutKind::Instant => Francs(self.fee.amount().saturating_add(self.fee_share.of(amount).amount())),
        };
        let gross = i128::from(BasisPoints::WHOLE.0) + i128::from(self.tax.0);
        let tax = divide_half_up(i128::from(fee.amount()) * i128::from(self.tax.0), gross);
        Parts { net: Francs(amount.amount().saturating_sub(fee.amount())), fee, tax: Francs(tax) }
    }
}

/// Why there is no payout now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// No wallet was given.
    NoWallet,
    /// It was changed and is held.
    Held(Timestamp),
    /// The provider has not said that it is active.
    NotVerified,
    /// Its holder has another name, or the name is not known.
    NameDiffers,
    /// The last payout to it came back.
    Flagged,
    /// Less than the least, or nothing after the fee.
    TooLittle(Francs),
    /// More than the most.
    TooMuch(Francs),
    /// More than there is.
    Balance(Francs),
    /// Enough for a day.
    TooMany(i64),
}

impl WhyNot {
    /// For programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoWallet => "no_payout_wallet",
            Self::Held(_) => "wallet_on_hold",
            Self::NotVerified => "wallet_not_verified",
            Self::NameDiffers => "wallet_name_differs",
            Self::Flagged => "wallet_flagged",
            Self::TooLittle(_) => "amount_too_small",
            Self::TooMuch(_) => "amount_too_large",
            Self::Balance(_) => "balance_too_low",
            Self::TooMany(_) => "too_many_payouts",
        }
    }

    /// For people.
    pub fn text(self) -> String {
        match self {
            Self::NoWallet => "say first where you are to be paid, with PUT /drivers/me/payout-wallet".into(),
            Self::Held(until) => format!("the wallet was changed; nothing is paid to it before {until}"),
            Self::NotVerified => "the provider has not confirmed the wallet yet; give it anew".into(),
            Self::NameDiffers => "the wallet's holder has another name than your account; contact support".into(),
            Self::Flagged => "the last payout to this wallet came back; give it anew, or another one".into(),
            Self::TooLittle(least) => format!("the least is {least}"),
            Self::TooMuch(most) => format!("the most is {most}"),
            Self::Balance(available) => format!("{available} can be taken out now"),
            Self::TooMany(most) => format!("{most} payouts in a day are the most; try again tomorrow"),
        }
    }
}

impl From<WhyNot> for Error {
    fn from(why: WhyNot) -> Self {
        Self::conflict(why.code(), why.text())
    }
}

/// Why nothing can be paid to a wallet now.
///
/// # Errors
/// The reason.
pub fn judge_wallet(wallet: Option<&PayoutWallet>, now: Timestamp) -> Result<(), WhyNot> {
    let wallet = wallet.ok_or(WhyNot::NoWallet)?;
    if wallet.flagged.is_some() {
        Err(WhyNot::Flagged)
    } else if wallet.verified_at.is_none() {
        Err(WhyNot::NotVerified)
    } else if wallet.name_matches != Some(true) {
        Err(WhyNot::NameDiffers)
    } else if wallet.held_until > now {
        Err(WhyNot::Held(wallet.held_until))
    } else {
        Ok(())
    }
}

/// Why an amount cannot be taken out at once by a driver who had `today` such payouts.
///
/// # Errors
/// The reason.
pub fn judge_amount(config: &Config, amount: Francs, owed: Owed, today: i64) -> Result<Parts, WhyNot> {
    let parts = config.parts(amount, PayoutKind::Instant);
    if amount < config.amount_min || parts.net <= Francs::ZERO {
        Err(WhyNot::TooLittle(config.amount_min))
    } else if amount > config.amount_max {
        Err(WhyNot::TooMuch(config.amount_max))
    } else if amount > owed.available() {
        Err(WhyNot::Balance(owed.available()))
    } else if today >= config.a_day_max {
        Err(WhyNot::TooMany(config.a_day_max))
    } else {
        Ok(parts)
    }
}

/// The Monday whose settlement is the last that was due: each is due at 04:00 in Kigali.
pub fn week_of(as_of: Timestamp) -> NaiveDate {
    let day = (as_of - Span::from_minutes(4 * 60)).kigali_day();
    day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::db::fixture::{at, day};

    const CONFIG: Config = Config {
        amount_min: Francs(500),
        amount_max: Francs(500_000),
        fee: Francs(100),
        fee_share: BasisPoints(100),
        tax: BasisPoints(1_800),
        a_day_max: 3,
        approval_from: Francs(200_000),
        weekly_min: Francs(500),
    };

    #[test]
    fn a_week_is_due_on_monday_at_four_in_kigali() {
        // 2026-11-23 is a Monday; 04:00 in Kigali is 02:00 UTC.
        for (now, week) in [
            ("2026-11-23T01:59:59Z", day(2026, 11, 16)),
            ("2026-11-23T02:00:00Z", day(2026, 11, 23)),
            ("2026-11-26T09:00:00Z", day(2026, 11, 23)),
            ("2026-11-29T21:59:59Z", day(2026, 11, 23)),
            ("2026-11-29T23:30:00Z", day(2026, 11, 23)),
        ] {
            assert_eq!(week_of(at(now)), week, "{now}");
        }
    }

    #[test]
    fn what_cannot_be_taken_out_is_refused_with_the_reason() {
        let owed = |payable, cash| Owed { payable: Francs(payable), cash: Francs(cash) };
        for (amount, owed, today, why) in [
            (499, owed(10_000, 0), 0, WhyNot::TooLittle(Francs(500))),
            (0, owed(10_000, 0), 0, WhyNot::TooLittle(Francs(500))),
            (-5, owed(10_000, 0), 0, WhyNot::TooLittle(Francs(500))),
            (500_001, owed(900_000, 0), 0, WhyNot::TooMuch(Francs(500_000))),
            (i64::MAX, owed(900_000, 0), 0, WhyNot::TooMuch(Francs(500_000))),
            (1_001, owed(2_000, 1_000), 0, WhyNot::Balance(Francs(1_000))),
            (1_000, owed(2_000, 3_000), 0, WhyNot::Balance(Francs(0))),
            (1_000, owed(2_000, 1_000), 3, WhyNot::TooMany(3)),
        ] {
            assert_eq!(judge_amount(&CONFIG, Francs(amount), owed, today), Err(why), "{amount}");
        }
        let parts = judge_amount(&CONFIG, Francs(1_000), owed(2_000, 1_000), 2).expect("can be taken out");
        assert_eq!(parts, Parts { net: Francs(890), fee: Francs(110), tax: Francs(17) });
    }

    proptest! {
        #[test]
        fn net_and_fee_are_the_amount(amount in 1_i64..1_000_000_000) {
            for kind in [PayoutKind::Instant, PayoutKind::Weekly] {
                let parts = CONFIG.parts(Francs(amount), kind);
                prop_assert_eq!(parts.net.amount() + parts.fee.amount(), amount);
                prop_assert!(parts.tax >= Francs::ZERO && parts.tax <= parts.fee);
            }
        }
    }
}
