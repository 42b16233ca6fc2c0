//! The report of a breach to NCSA as text (article 44): pure.

use std::fmt::Write as _;

use super::Breach;
use crate::privacy::register::Organisation;
use crate::time::Timestamp;

/// What the law names, in its order.
pub fn text(breach: &Breach, organisation: &Organisation, now: Timestamp) -> String {
    let known = &breach.known;
    let when = |at: Option<Timestamp>| at.map_or_else(|| "not yet".to_owned(), |at| at.to_string());
    let informing = breach.inform.as_ref().map_or_else(
        || "not decided yet".to_owned(),
        |(inform, reason)| format!("{} ({reason})", inform.as_str().replace('_', " ")),
    );
    let parts = [
        ("Controller", organisation.name.clone()),
        ("Number in the register", organisation.registration.clone().unwrap_or_else(|| "none yet".to_owned())),
        ("Known since", known.aware_at.to_string()),
        ("Notice to NCSA (due within 48 h)", when(breach.notified_at)),
        ("Nature of the breach", known.nature.clone()),
        ("Categories of data", known.categories.join(", ")),
        ("People concerned (about)", known.people.to_string()),
        ("Records concerned (about)", known.records.to_string()),
        ("Data protection officer", organisation.officer_contact.clone()),
        ("Likely consequences", known.consequences.clone()),
        ("Measures taken and proposed", known.measures.clone()),
        ("Informing the people concerned", informing),
        ("Plan to inform them", known.plan.clone()),
    ];
    let mut out = format!(
        "REPORT OF A BREACH OF PERSONAL DATA\nLaw 058/2021, articles 43 to 45\nReference {}\nAs of {now}\n",
        breach.id
    );
    for (number, (title, content)) in (1..).zip(parts) {
        // Writing into a text cannot fail.
        let _ = write!(out, "\n{number}. {title}\n{content}\n");
    }
    out
}
