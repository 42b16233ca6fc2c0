//! How long each class of data is kept, why, and what happens then: one table.
//!
//! Separate because three readers must never disagree: the daily job (`super::sweep`), the list that a person is given
//! with an export, and docs/PRIVACY.md, which a test writes from here and compares. Classes that a service forgets by itself
//! (positions by day, sign-in codes by the hour) stand here too, with who forgets them; the job leaves them alone. Pure.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::time::Span;

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// How long the classes are kept whose time is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// Sign-in codes, after they lapsed.
    pub sign_in_codes: Span,
    /// Sessions, after they ended.
    pub sessions: Span,
    /// Positions of drivers.
    pub positions: Span,
    /// Zones that drivers entered.
    pub zone_events: Span,
    /// What dispatch weighed.
    pub decisions: Span,
    /// Contacts named in rides, after the ride.
    pub contacts: Span,
    /// Quotes nobody booked.
    pub quotes: Span,
    /// Texts that people were told.
    pub notifications: Span,
    /// That an SMS was sent.
    pub sms_records: Span,
    /// Places and words of rides.
    pub rides: Span,
    /// Words of ratings.
    pub comments: Span,
    /// Words and places of incidents that are closed.
    pub incidents: Span,
    /// Shifts.
    pub shifts: Span,
    /// Files of exports.
    pub exports: Span,
    /// Papers of drivers, after the contract.
    pub papers: Span,
    /// Ledger.
    pub ledger: Span,
    /// Consents and requests.
    pub consents: Span,
    /// Audit log.
    pub audit: Span,
}

/// A class of data with one time and one ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Challenges of sign-in codes.
    SignInCodes,
    /// Devices that were signed in.
    Sessions,
    /// Where drivers were.
    Positions,
    /// Zones that drivers entered and left.
    ZoneEvents,
    /// Which drivers were weighed for a ride.
    Decisions,
    /// People without an account who are named in a ride.
    Contacts,
    /// Quotes nobody booked.
    Quotes,
    /// What people were told.
    Notifications,
    /// That an SMS was sent.
    SmsRecords,
    /// Places, addresses, notes of rides.
    Rides,
    /// Words of ratings.
    Comments,
    /// Words and places of incidents.
    Incidents,
    /// When drivers were on duty.
    Shifts,
    /// Files of exports.
    Exports,
    /// Licence, insurance and other papers of drivers.
    Papers,
    /// Fares, commissions, payouts.
    Ledger,
    /// What people consented to and asked for.
    Consents,
    /// Who looked at or changed what.
    Audit,
}

/// Who makes it happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The daily job.
    DailyJob,
    /// The service that owns the table, by itself, under the name of its own sweep.
    Service(&'static str),
    /// Nobody yet: no such data is old enough before that year, and it is to be archived by hand.
    ByHand,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What is kept.
    pub what: &'static str,
    /// Counted from when.
    pub from: &'static str,
    /// Why it may be kept so long.
    pub ground: &'static str,
    /// What happens then.
    pub then: &'static str,
    /// Who makes it happen.
    pub keeper: Keeper,
}

impl Class {
    /// Every class, as the table lists them.
    pub const ALL: [Self; 18] = [
        Self::SignInCodes,
        Self::Sessions,
        Self::Positions,
        Self::ZoneEvents,
        Self::Decisions,
        Self::Contacts,
        Self::Quotes,
        Self::Notifications,
        Self::SmsRecords,
        Self::Rides,
        Self::Comments,
        Self::Incidents,
        Self::Shifts,
        Self::Exports,
        Self::Papers,
        Self::Ledger,
        Self::Consents,
        Self::Audit,
    ];

    /// The word in metrics and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignInCodes => "sign_in_codes",
            Self::Sessions => "sessions",
            Self::Positions => "positions",
            Self::ZoneEvents => "zone_events",
            Self::Decisions => "decisions",
            Self::Contacts => "contacts",
            Self::Quotes => "quotes",
            Self::Notifications => "notifications",
            Self::SmsRecords => "sms_records",
            Self::Rides => "rides",
            Self::Comments => "comments",
            Self::Incidents => "incidents",
            Self::Shifts => "shifts",
            Self::Exports => "exports",
            Self::Papers => "papers",
            Self::Ledger => "ledger",
            Self::Consents => "consents",
            Self::Audit => "audit",
        }
    }

    /// How long.
    pub const fn period(self, periods: &Periods) -> Span {
        match self {
            Self::SignInCodes => periods.sign_in_codes,
            Self::Sessions => periods.sessions,
            Self::Positions => periods.positions,
            Self::ZoneEvents => periods.zone_events,
            Self::Decisions => periods.decisions,
            Self::Contacts => periods.contacts,
            Self::Quotes => periods.quotes,
            Self::Notifications => periods.notifications,
            Self::SmsRecords => periods.sms_records,
            Self::Rides => periods.rides,
            Self::Comments => periods.comments,
            Self::Incidents => periods.incidents,
            Self::Shifts => periods.shifts,
            Self::Exports => periods.exports,
            Self::Papers => periods.papers,
            Self::Ledger => periods.ledger,
            Self::Consents => periods.consents,
            Self::Audit => periods.audit,
        }
    }

    /// What, why, and what then.
    #[expect(clippy::too_many_lines, reason = "a table: each arm is one of its rows")]
    pub const fn rule(self) -> Rule {
        match self {
            Self::SignInCodes => Rule {
                what: "sign-in codes: who asked, when, guesses",
                from: "the code lapsed",
                ground: "contract; security, art. 38",
                then: "deleted",
                keeper: Keeper::Service("auth"),
            },
            Self::Sessions => Rule {
                what: "sessions: device, app, address",
                from: "the session ended",
                ground: "contract; security, art. 38",
                then: "deleted",
                keeper: Keeper::Service("auth"),
            },
            Self::Positions => Rule {
                what: "positions of drivers on shift",
                from: "the end of the day",
                ground: "contract; evidence of rides, art. 52",
                then: "the day is dropped; what a legal hold keeps is copied away first",
                keeper: Keeper::Service("locations"),
            },
            Self::ZoneEvents => Rule {
                what: "zones that drivers entered and left",
                from: "the event",
                ground: "contract",
                then: "deleted",
                keeper: Keeper::Service("locations"),
            },
            Self::Decisions => Rule {
                what: "which drivers were weighed for a ride, and how",
                from: "the decision",
                ground: "explaining automated decisions, art. 21",
                then: "deleted",
                keeper: Keeper::Service("rides"),
            },
            Self::Contacts => Rule {
                what: "names and telephones of senders, receivers and who waits at a stop",
                from: "the ride ended",
                ground: "contract",
                then: "erased from the ride",
                keeper: Keeper::Service("rides"),
            },
            Self::Quotes => Rule {
                what: "quotes nobody booked",
                from: "the quote lapsed",
                ground: "steps before a contract",
                then: "deleted",
                keeper: Keeper::Service("rides"),
            },
            Self::Notifications => Rule {
                what: "texts of notices and SMS",
                from: "sent",
                ground: "contract",
                then: "notices deleted, texts of SMS erased",
                keeper: Keeper::DailyJob,
            },
            Self::SmsRecords => Rule {
                what: "that an SMS was sent, and which",
                from: "sent",
                ground: "evidence, art. 52",
                then: "deleted",
                keeper: Keeper::DailyJob,
            },
            Self::Rides => Rule {
                what: "rides: places, addresses, landmarks, notes, stops, parcels",
                from: "the ride ended",
                ground: "contract; claims, art. 52",
                then: "places rounded to a kilometre, words erased; fare and times stay as long as the ledger",
                keeper: Keeper::DailyJob,
            },
            Self::Comments => Rule {
                what: "words of ratings",
                from: "given",
                ground: "legitimate interest: quality of rides",
                then: "erased; the stars stay",
                keeper: Keeper::DailyJob,
            },
            Self::Incidents => Rule {
                what: "words and places of incidents",
                from: "resolved or closed",
                ground: "safety; claims, art. 52",
                then: "erased; kind, gravity and time stay",
                keeper: Keeper::DailyJob,
            },
            Self::Shifts => Rule {
                what: "shifts of drivers",
                from: "the shift ended",
                ground: "transport regulation",
                then: "deleted",
                keeper: Keeper::DailyJob,
            },
            Self::Exports => Rule {
                what: "files of exports",
                from: "made",
                ground: "rights of access and portability, art. 18 and 20",
                then: "key destroyed, file deleted",
                keeper: Keeper::DailyJob,
            },
            Self::Papers => Rule {
                what: "licence, insurance and other papers of drivers, with their files",
                from: "the account was closed",
                ground: "transport regulation; art. 52",
                then: "erased, keys of files destroyed; at once when the person asks to be forgotten",
                keeper: Keeper::DailyJob,
            },
            Self::Ledger => Rule {
                what: "ledger, fares and times of rides",
                from: "the end of the year",
                ground: "tax and anti-money-laundering law",
                then: "archived by pseudonym",
                keeper: Keeper::ByHand,
            },
            Self::Consents => Rule {
                what: "consents with their words; requests about data",
                from: "given or taken back",
                ground: "proof, art. 6",
                then: "archived by pseudonym",
                keeper: Keeper::ByHand,
            },
            Self::Audit => Rule {
                what: "audit log",
                from: "the act",
                ground: "security, art. 38; evidence, art. 52",
                then: "archived",
                keeper: Keeper::ByHand,
            },
        }
    }
}

/// A length of time as people say it.
pub fn in_words(span: Span) -> String {
    match (span.as_millis() / DAY_MS, span.as_secs() / 3_600) {
        (0, hours) => format!("{hours} hours"),
        (1, _) => "1 day".to_owned(),
        (days, _) if days % 365 == 0 && days > 365 => format!("{} years", days / 365),
        (365, _) => "1 year".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

/// The table as it goes into an export and the register.
pub fn table_json(periods: &Periods) -> Value {
    let row = |class: Class| {
        let rule = class.rule();
        json!({"class": class.as_str(), "what": rule.what, "kept": in_words(class.period(periods)), "from": rule.from,
               "ground": rule.ground, "then": rule.then})
    };
    Class::ALL.into_iter().map(row).collect()
}

/// The table as it stands in docs/PRIVACY.md.
pub fn table_markdown(periods: &Periods) -> String {
    let mut table =
        String::from("| Class | Data | Kept | From | Ground | Then | By |\n|---|---|---|---|---|---|---|\n");
    for class in Class::ALL {
        let Rule { what, from, ground, then, keeper } = class.rule();
        let kept = in_words(class.period(periods));
        let by = match keeper {
            Keeper::DailyJob => "daily job".to_owned(),
            Keeper::Service(name) => format!("`{name}`"),
            Keeper::ByHand => "by hand".to_owned(),
        };
        let _ = writeln!(table, "| `{}` | {what} | {kept} | {from} | {ground} | {then} | {by} |", class.as_str());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        for (hours, expected) in [
            (6, "6 hours"),
            (24, "1 day"),
            (720, "30 days"),
            (8_760, "1 year"),
            (43_800, "5 years"),
            (87_600, "10 years"),
        ] {
            assert_eq!(in_words(Span::from_minutes(60 * hours)), expected);
        }
    }

    #[test]
    fn every_class_is_in_the_table_once() {
        let names: std::collections::BTreeSet<_> = Class::ALL.iter().map(|class| class.as_str()).collect();
        assert_eq!(names.len(), Class::ALL.len());
    }
}
