//! The register of processing (art. 17): what is done with people's data, why, who gets it, where it goes. Pure.
//!
//! Separate because the authority asks for exactly this, and a person who asks for their data is told the same. It is
//! generated, so that it cannot fall behind the program: `GET /admin/privacy/register`, `boda privacy register`, and
//! docs/PRIVACY.md, which a test compares.

use std::fmt::Write;

use serde_json::{Value, json};

use super::residency::Place;
use super::retention::{self, Periods};

/// Who we are to the authority and to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// The controller's name.
    pub name: String,
    /// The controller's number with the authority (NCSA), once registered.
    pub registration: Option<String>,
    /// How the data protection officer is reached.
    pub officer_contact: String,
    /// Where people's data lies, and who else gets some.
    pub places: Vec<Place>,
}

impl Organisation {
    /// As told to people.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "registration": self.registration,
            "data_protection_officer": self.officer_contact,
            "authority": "National Cyber Security Authority (NCSA), dpp@ncsa.gov.rw",
        })
    }
}

/// One thing that is done with people's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Short name.
    pub name: &'static str,
    /// What for.
    pub purpose: &'static str,
    /// What it rests on.
    pub ground: &'static str,
    /// Of whom.
    pub people: &'static str,
    /// Which data.
    pub data: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Who gets some.
    pub recipients: &'static str,
    /// Classes of the retention table.
    pub classes: &'static str,
}

/// What people can do about their data, and how.
pub const RIGHTS: [&str; 8] = [
    "see and copy everything (art. 18, 20): POST /api/v1/me/export",
    "correct it (art. 24): PATCH /api/v1/me; drivers' papers: PUT /api/v1/drivers/me",
    "say yes or no to a purpose, and object (art. 8, 19): PUT /api/v1/me/consents/{purpose}",
    "have it kept but not used (art. 22): PUT /api/v1/me/restriction",
    "have it erased (art. 23): POST /api/v1/me/erasure",
    "ask why a decision was made by a program (art. 21): the data protection officer",
    "all of these on paper or by telephone: the data protection officer answers within 30 days",
    "appeal to the authority (NCSA) within 30 days of our answer",
];

/// Everything that is done with people's data.
pub const ACTIVITIES: [Activity; 10] = [
    Activity {
        name: "accounts",
        purpose: "signing in, greeting and reaching people",
        ground: "contract",
        people: "riders, drivers, agents, operators, officials",
        data: "name, telephone, language, optional email, birthday, gender, district; devices and addresses of sign-ins",
        source: "the person; an agent for a guest",
        recipients: "the SMS gateway (telephone and text)",
        classes: "sign_in_codes, sessions",
    },
    Activity {
        name: "rides",
        purpose: "bringing people and parcels from place to place",
        ground: "contract",
        people: "riders, drivers, people named as sender, receiver or at a stop",
        data: "places, times, fares, notes, contacts, ratings",
        source: "the rider, the driver's app",
        recipients: "the other party of the ride (first name; telephone while it is live)",
        classes: "rides, contacts, quotes, comments",
    },
    Activity {
        name: "dispatch",
        purpose: "finding the driver for a ride; prices where riders outnumber drivers",
        ground: "contract",
        people: "riders, drivers",
        data: "positions, standing, wishes, who avoids whom",
        source: "apps of drivers and riders",
        recipients: "nobody",
        classes: "decisions, positions",
    },
    Activity {
        name: "position history",
        purpose: "settling complaints, fares by the way ridden, learning riding times without whose they are",
        ground: "contract; legitimate interest",
        people: "drivers on shift",
        data: "positions",
        source: "the driver's app",
        recipients: "nobody",
        classes: "positions, zone_events",
    },
    Activity {
        name: "hints",
        purpose: "showing drivers where rides are missing",
        ground: "legitimate interest; objection by PUT /me/consents/hints",
        people: "drivers",
        data: "position",
        source: "the driver's app",
        recipients: "nobody",
        classes: "positions",
    },
    Activity {
        name: "papers of drivers",
        purpose: "letting only those drive who may",
        ground: "law: RURA's licensing of passenger transport",
        people: "drivers",
        data: "licence, plate, insurance, inspection, national id, photo",
        source: "the driver; the registers of licences and vehicles",
        recipients: "RURA and the police (plate and masked numbers, whole ones in a case; no telephone); \
                     the registers of licences and vehicles (number, name)",
        classes: "papers, shifts",
    },
    Activity {
        name: "money",
        purpose: "accounting for fares and commission",
        ground: "law: tax; contract",
        people: "riders, drivers",
        data: "amounts by id",
        source: "the ride",
        recipients: "the tax authority on request",
        classes: "ledger",
    },
    Activity {
        name: "messages",
        purpose: "telling people about their rides and accounts",
        ground: "contract",
        people: "riders, drivers",
        data: "telephone, text",
        source: "the ride",
        recipients: "the SMS gateway",
        classes: "notifications, sms_records",
    },
    Activity {
        name: "safety",
        purpose: "looking into accidents, theft and harassment",
        ground: "legitimate interest; vital interest",
        people: "who reports, who is concerned",
        data: "what happened, where",
        source: "who reports",
        recipients: "RURA and RTDA: kind, gravity and time, no words; \
                     the police in a case also words, place, ride and who reported",
        classes: "incidents",
    },
    Activity {
        name: "privacy and audit",
        purpose: "proving consent, answering requests, finding misuse",
        ground: "law: law 058/2021, art. 6, 17, 38",
        people: "everybody",
        data: "what was said yes or no to, what was asked for, who looked at what",
        source: "the program",
        recipients: "the authority (NCSA) on request",
        classes: "consents, exports, audit",
    },
];

/// The activities as JSON.
pub fn activities_json() -> Value {
    let row = |one: &Activity| {
        json!({"name": one.name, "purpose": one.purpose, "ground": one.ground, "people": one.people, "data": one.data,
               "source": one.source, "recipients": one.recipients, "classes": one.classes})
    };
    ACTIVITIES.iter().map(row).collect()
}

/// Where data leaves Rwanda, and on which certificate; empty when it does not.
pub fn transfers_json(organisation: &Organisation) -> Value {
    let abroad = organisation.places.iter().filter(|place| !place.is_in_rwanda());
    abroad
        .map(|place| json!({"to": place.name, "region": place.region, "certificate": place.certificate_text()}))
        .collect()
}

/// The register whole.
pub fn json(organisation: &Organisation, periods: &Periods) -> Value {
    let places = organisation.places.iter();
    let places = places.map(|place| json!({"name": place.name, "holds": place.holds, "region": place.region}));
    json!({
        "controller": organisation.json(),
        "activities": activities_json(),
        "retention": retention::table_json(periods),
        "places": places.collect::<Vec<_>>(),
        "transfers_abroad": transfers_json(organisation),
        "rights": RIGHTS,
    })
}

/// The activities as a table for docs/PRIVACY.md.
pub fn activities_markdown() -> String {
    let mut table = String::from(
        "| Activity | Purpose | Ground | People | Data | From | Recipients | Classes |\n|---|---|---|---|---|---|---|---|\n",
    );
    for one in &ACTIVITIES {
        let Activity { name, purpose, ground, people, data, source, recipients, classes } = one;
        let _ = writeln!(
            table,
            "| {name} | {purpose} | {ground} | {people} | {data} | {source} | {recipients} | {classes} |"
        );
    }
    table
}

/// Where data lies and who else gets some, as a table.
pub fn places_markdown(organisation: &Organisation) -> String {
    let mut table = String::from("| Place | Holds | Region | Certificate |\n|---|---|---|---|\n");
    for place in &organisation.places {
        let _ =
            writeln!(table, "| {} | {} | {} | {} |", place.name, place.holds, place.region, place.certificate_text());
    }
    table
}

/// The register whole, to be printed and handed over.
pub fn markdown(organisation: &Organisation, periods: &Periods) -> String {
    let registration = organisation.registration.as_deref().unwrap_or("not registered yet");
    let rights: String = RIGHTS.iter().map(|right| format!("- {right}\n")).collect();
    format!(
        "# Register of processing\n\n- Controller: {} ({registration})\n- Data protection officer: {}\n\n## Activities\n\n{}\n\
         ## Retention\n\n{}\n## Places and transfers\n\n{}\n## Rights\n\n{rights}",
        organisation.name,
        organisation.officer_contact,
        activities_markdown(),
        retention::table_markdown(periods),
        places_markdown(organisation),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::retention::Class;

    #[test]
    fn activities_name_classes_that_there_are_and_leave_none_out() {
        let named: std::collections::BTreeSet<_> = ACTIVITIES.iter().flat_map(|one| one.classes.split(", ")).collect();
        let known: std::collections::BTreeSet<_> = Class::ALL.iter().map(|class| class.as_str()).collect();
        assert_eq!(named, known);
    }
}
