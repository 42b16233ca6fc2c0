//! Whom to call in an emergency: short numbers that work from any Rwandan telephone, in the three languages.
//!
//! Separate because it is data, and data that must be right: the numbers are the national ones of the emergency
//! services. It is compiled in, so that it is there when everything else is away.

/// What a number is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Police, and any danger.
    Police,
    /// Ambulance.
    Ambulance,
    /// Fire brigade.
    Fire,
    /// Traffic accidents.
    TrafficAccidents,
    /// Gender-based violence.
    GenderViolence,
    /// Children in danger.
    Children,
    /// Rescue on lakes and rivers.
    Marine,
}

impl Service {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Police => "police",
            Self::Ambulance => "ambulance",
            Self::Fire => "fire",
            Self::TrafficAccidents => "traffic_accidents",
            Self::GenderViolence => "gender_violence",
            Self::Children => "children",
            Self::Marine => "marine",
        }
    }
}

/// One number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// What it is for.
    pub service: Service,
    /// To be dialled as it stands, without a prefix.
    pub number: &'static str,
    /// Its name in Kinyarwanda.
    pub name_rw: &'static str,
    /// Its name in English.
    pub name_en: &'static str,
    /// Its name in French.
    pub name_fr: &'static str,
}

/// Every number, the most likely needed first.
pub const CONTACTS: &[Contact] = &[
    Contact {
        service: Service::Police,
        number: "112",
        name_rw: "Polisi y'u Rwanda",
        name_en: "Police and general emergency",
        name_fr: "Police et urgence générale",
    },
    Contact {
        service: Service::Ambulance,
        number: "912",
        name_rw: "Imbangukiragutabara",
        name_en: "Ambulance",
        name_fr: "Ambulance",
    },
    Contact {
        service: Service::Fire,
        number: "111",
        name_rw: "Kuzimya inkongi z'umuriro",
        name_en: "Fire brigade",
        name_fr: "Sapeurs-pompiers",
    },
    Contact {
        service: Service::TrafficAccidents,
        number: "113",
        name_rw: "Impanuka zo mu muhanda",
        name_en: "Traffic accidents",
        name_fr: "Accidents de la route",
    },
    Contact {
        service: Service::GenderViolence,
        number: "3512",
        name_rw: "Ihohoterwa rishingiye ku gitsina",
        name_en: "Gender-based violence",
        name_fr: "Violences basées sur le genre",
    },
    Contact {
        service: Service::Children,
        number: "116",
        name_rw: "Umurongo wo gutabariza abana",
        name_en: "Child helpline",
        name_fr: "Ligne d'assistance aux enfants",
    },
    Contact {
        service: Service::Marine,
        number: "110",
        name_rw: "Polisi yo mu mazi",
        name_en: "Marine police",
        name_fr: "Police lacustre",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_can_be_dialled_and_is_named_in_three_languages() {
        for contact in CONTACTS {
            assert!((3..=4).contains(&contact.number.len()), "{contact:?}");
            assert!(contact.number.bytes().all(|byte| byte.is_ascii_digit()), "{contact:?}");
            for name in [contact.name_rw, contact.name_en, contact.name_fr] {
                assert!(!name.is_empty(), "{contact:?}");
            }
        }
        let distinct: BTreeSet<_> = CONTACTS.iter().map(|contact| contact.number).collect();
        assert_eq!(distinct.len(), CONTACTS.len());
    }

    #[test]
    fn police_ambulance_and_fire_come_first() {
        let first: Vec<_> = CONTACTS[..3].iter().map(|contact| contact.number).collect();
        assert_eq!(first, ["112", "912", "111"]);
    }
}
