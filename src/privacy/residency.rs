//! Where people's data lies (art. 50): in Rwanda, or abroad with a certificate of the authority. Pure.
//!
//! Separate because the rule is asked at the start, of the configuration, before anything is stored: `config` names every
//! place with its region, and a place that may not hold what it holds keeps the program from starting.

use chrono::NaiveDate;

/// The region in which no certificate is asked for.
pub const RWANDA: &str = "RW";

/// An authorisation of NCSA to keep personal data abroad (art. 48, 50).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its number.
    pub id: String,
    /// The last day on which it is good.
    pub expires_on: NaiveDate,
}

/// A store, a backup, a log sink or a third party that has people's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is called in the configuration: `database`.
    pub name: &'static str,
    /// Which data it has.
    pub holds: &'static str,
    /// Two letters of the country (ISO 3166).
    pub region: String,
    /// What allows it abroad.
    pub certificate: Option<Certificate>,
}

impl Place {
    /// Whether it asks for no certificate.
    pub fn is_in_rwanda(&self) -> bool {
        self.region == RWANDA
    }

    /// The certificate for a reader.
    pub fn certificate_text(&self) -> String {
        match &self.certificate {
            Some(Certificate { id, expires_on }) => format!("{id}, until {expires_on}"),
            None if self.is_in_rwanda() => "not needed".to_owned(),
            None => "none".to_owned(),
        }
    }

    /// Why people's data may not lie there on this day; `None` when it may.
    pub fn objection(&self, today: NaiveDate) -> Option<String> {
        if self.is_in_rwanda() {
            return None;
        }
        let holds = format!("{:?} is not {RWANDA}, and it holds {}", self.region, self.holds);
        match &self.certificate {
            None => Some(format!(
                "{holds}: personal data may be kept abroad only with a certificate of NCSA (law 058/2021, art. 50). Name \
                 it in residency.certificate_id and residency.certificate_expires_on, or keep the data in Rwanda"
            )),
            Some(Certificate { id, expires_on }) if *expires_on < today => {
                Some(format!("{holds}: the certificate {id} expired on {expires_on}"))
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn data_lies_in_rwanda_or_abroad_with_a_certificate_that_is_good() {
        let today = day("2026-11-26");
        let certified = |until: &str| Some(Certificate { id: "NCSA-7".into(), expires_on: day(until) });
        for (region, certificate, expected) in [
            ("RW", None, None),
            ("RW", certified("2020-01-01"), None),
            ("IE", certified("2026-11-26"), None),
            ("IE", None, Some("only with a certificate")),
            ("IE", certified("2026-11-25"), Some("the certificate NCSA-7 expired on 2026-11-25")),
            ("", None, Some("\"\" is not RW")),
        ] {
            let place = Place { name: "database", holds: "everything", region: region.into(), certificate };
            let objection = place.objection(today);
            match expected {
                None => assert_eq!(objection, None, "{region}"),
                Some(text) => assert!(objection.as_ref().is_some_and(|said| said.contains(text)), "{objection:?}"),
            }
        }
    }
}
