//! What is kept of a person after an erasure, on which ground, and until when: pure.
//!
//! Article 52 lets data be kept where a law, a tax or evidence asks for it. All of it is kept under the id, which is the
//! pseudonym: nothing that is left says whose it is.

use serde::Serialize;
use utoipa::ToSchema;

use super::retention::{Class, Periods};
use crate::time::Timestamp;

/// One thing that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Kept {
    /// What.
    #[schema(value_type = String, example = "rides: who by pseudonym, when, how far, fare, where to the kilometre")]
    pub what: &'static str,
    /// Why it may be kept.
    #[schema(value_type = String)]
    pub ground: &'static str,
    /// When the last of it goes, counted from now; null where it goes with something else.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// What is kept after an erasure that is done at `now`.
pub fn after_erasure(periods: &Periods, now: Timestamp) -> Vec<Kept> {
    let until = |class: Class| Some(now + class.period(periods));
    vec![
        Kept {
            what: "rides: who by pseudonym, when, how far, fare, where to the kilometre; their timeline and offers",
            ground: "tax law and transport regulation; art. 52",
            until: until(Class::Ledger),
        },
        Kept {
            what: "stars given and received, without words",
            ground: "the other party's rating is theirs; art. 52",
            until: until(Class::Rides),
        },
        Kept {
            what: "ledger: amounts by pseudonym",
            ground: "tax and anti-money-laundering law; art. 52",
            until: until(Class::Ledger),
        },
        Kept {
            what: "incidents: kind, gravity, state, without words and place",
            ground: "safety reports that the regulator asks for; art. 52",
            until: until(Class::Incidents),
        },
        Kept {
            what: "what you consented to and when, with the words that were shown",
            ground: "proof of consent, art. 6",
            until: until(Class::Consents),
        },
        Kept {
            what: "audit log: ids and times of who looked at or changed what, with the reasons that operators typed; acts of operators and agents by pseudonym",
            ground: "security of processing, art. 38; evidence, art. 52",
            until: until(Class::Audit),
        },
        Kept {
            what: "that you asked for this, when it was done, and this list",
            ground: "proof of erasure, art. 23",
            until: until(Class::Consents),
        },
    ]
}
