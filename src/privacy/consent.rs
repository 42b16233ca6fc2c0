//! What a person can say yes or no to, and the words that ask: pure.
//!
//! Three kinds of ground carry everything that is done with people's data. A *contract* or a *law* is not asked about: it is
//! listed so that people see it. *Consent* (art. 6 to 8) must be given first and can be taken back at any time. A
//! *legitimate interest* holds until the person objects (art. 19). Texts are short, one matter each, in the three official
//! languages; what was said yes to is known by the hash of the words, so a change of a text here asks anew.

use std::fmt;

use ring::digest::{SHA256, digest};

use crate::notifications::Language;
use crate::time::Timestamp;

/// What is done with people's data and can be said yes or no to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// News and offers of the platform.
    Marketing,
    /// Ways of drivers and riders looked through for better products, beyond what rides need.
    ProductAnalytics,
    /// Name and telephone handed to a partner (insurer, lender) at the person's wish.
    PartnerSharing,
    /// Hints where rides are missing, worked out of where the person is.
    Hints,
}

/// What a purpose rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Nothing is done before a yes.
    Consent,
    /// Done until a no.
    LegitimateInterest,
}

impl Ground {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::LegitimateInterest => "legitimate_interest",
        }
    }
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Marketing, Self::ProductAnalytics, Self::PartnerSharing, Self::Hints];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::ProductAnalytics => "product_analytics",
            Self::PartnerSharing => "partner_sharing",
            Self::Hints => "hints",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == word)
    }

    /// What it rests on.
    pub const fn ground(self) -> Ground {
        match self {
            Self::Marketing | Self::ProductAnalytics | Self::PartnerSharing => Ground::Consent,
            Self::Hints => Ground::LegitimateInterest,
        }
    }

    /// The words that ask.
    pub const fn text(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Marketing, Language::Rw) => {
                "Nemeye ko boda inyoherereza amakuru n'ibiciro byihariye. Nshobora kubihagarika igihe cyose."
            }
            (Self::Marketing, Language::En) => {
                "I agree that boda sends me news and offers. I can take this back at any time."
            }
            (Self::Marketing, Language::Fr) => {
                "J'accepte que boda m'envoie des nouvelles et des offres. Je peux retirer cet accord à tout moment."
            }
            (Self::ProductAnalytics, Language::Rw) => {
                "Nemeye ko boda isesengura aho nyura kugira ngo inoze serivisi. Nshobora kubihagarika igihe cyose."
            }
            (Self::ProductAnalytics, Language::En) => {
                "I agree that boda studies where I ride to improve its services. I can take this back at any time."
            }
            (Self::ProductAnalytics, Language::Fr) => {
                "J'accepte que boda étudie mes trajets pour améliorer ses services. Je peux retirer cet accord à tout moment."
            }
            (Self::PartnerSharing, Language::Rw) => {
                "Nemeye ko boda iha abafatanyabikorwa bayo izina na telefone byanjye. Nshobora kubihagarika igihe cyose."
            }
            (Self::PartnerSharing, Language::En) => {
                "I agree that boda gives my name and telephone to its partners. I can take this back at any time."
            }
            (Self::PartnerSharing, Language::Fr) => {
                "J'accepte que boda donne mon nom et mon téléphone à ses partenaires. Je peux retirer cet accord à tout moment."
            }
            (Self::Hints, Language::Rw) => {
                "boda inyereka ahari abagenzi benshi, ishingiye ku ho ndi. Nshobora kubyanga igihe cyose."
            }
            (Self::Hints, Language::En) => {
                "boda shows me where riders wait, worked out of where I am. I can object at any time."
            }
            (Self::Hints, Language::Fr) => {
                "boda me montre où attendent des passagers, d'après ma position. Je peux m'y opposer à tout moment."
            }
        }
    }

    /// What taking it back means.
    pub const fn withdrawal(self) -> &'static str {
        match self {
            Self::Marketing => "no further news or offers are sent; messages about your rides go on",
            Self::ProductAnalytics => "your ways are not studied any more; reports count them without you",
            Self::PartnerSharing => "nothing further is handed over; we tell the partners to delete what they have",
            Self::Hints => "no hints are shown; offers of rides go on",
        }
    }

    /// The version of its words in a language.
    pub fn version(self, language: Language) -> Version {
        let text = [self.as_str(), language.as_str(), self.text(language)].join("\0");
        let mut version = [0; 32];
        version.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Version(version)
    }
}

/// SHA-256 of the words that were shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version(pub [u8; 32]);

impl Version {
    /// From its text of 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut version = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, digits) in version.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(version))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How somebody said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Themselves, signed in.
    App,
    /// To an agent or admin, on the telephone.
    Phone,
    /// In writing.
    Paper,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::App, Self::Phone, Self::Paper];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Phone => "phone",
            Self::Paper => "paper",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == word)
    }
}

/// What a person said last of a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Of what.
    pub purpose: Purpose,
    /// Yes or no.
    pub given: bool,
    /// The words that were shown.
    pub version: Version,
    /// In which language.
    pub language: Language,
    /// How.
    pub channel: Channel,
    /// When.
    pub at: Timestamp,
}

/// Whether a purpose may be followed, given what the person said last. A yes to words that were since changed is none; a no
/// stays one.
pub fn holds(purpose: Purpose, said: Option<&Said>) -> bool {
    match (purpose.ground(), said) {
        (Ground::Consent, None) => false,
        (Ground::Consent, Some(said)) => said.given && said.version == purpose.version(said.language),
        (Ground::LegitimateInterest, None) => true,
        (Ground::LegitimateInterest, Some(said)) => said.given,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: [Language; 3] = [Language::Rw, Language::En, Language::Fr];

    fn said(given: bool, version: Version) -> Said {
        let at = Timestamp::from_millis(1_790_000_000_000);
        Said { purpose: Purpose::Marketing, given, version, language: Language::En, channel: Channel::App, at }
    }

    #[test]
    fn every_text_has_a_version_of_its_own_that_can_be_written_and_read() {
        let mut versions = std::collections::BTreeSet::new();
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_word(purpose.as_str()), Some(purpose));
            for language in LANGUAGES {
                let version = purpose.version(language);
                assert_eq!(Version::parse(&version.to_string()), Some(version));
                versions.insert(version.to_string());
            }
        }
        assert_eq!(versions.len(), Purpose::ALL.len() * LANGUAGES.len());
        for bad in ["", "ab", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(Version::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn consent_needs_a_yes_to_the_words_of_today_and_interest_holds_until_a_no() {
        let today = Purpose::Marketing.version(Language::En);
        for (purpose, last, expected) in [
            (Purpose::Marketing, None, false),
            (Purpose::Marketing, Some(said(true, today)), true),
            (Purpose::Marketing, Some(said(false, today)), false),
            (Purpose::Marketing, Some(said(true, Version([7; 32]))), false),
            (Purpose::Hints, None, true),
            (Purpose::Hints, Some(said(false, Version([7; 32]))), false),
            (Purpose::Hints, Some(said(true, Version([7; 32]))), true),
        ] {
            assert_eq!(holds(purpose, last.as_ref()), expected, "{purpose:?} {last:?}");
        }
    }
}
