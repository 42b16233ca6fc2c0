//! What to do next, as a person is told.
//!
//! Separate from the rules, so that native speakers can read it as a table. These are shown in the app; what goes out by
//! SMS stands in `notifications`.

use super::Next;
use crate::notifications::Language;

impl Next {
    /// In the person's language.
    pub const fn words(self, language: Language) -> &'static str {
        let (rw, en, fr) = match self {
            Self::TellBirthday => {
                ("Andika itariki y'amavuko yawe.", "Tell us your date of birth.", "Indiquez votre date de naissance.")
            }
            Self::ComeBackOfAge => (
                "Ugomba kuba ufite nibura imyaka 18.",
                "You must be at least 18 years old.",
                "Vous devez avoir au moins 18 ans.",
            ),
            Self::SendPapers => (
                "Ohereza amakuru ya perimi, moto n'ubwishingizi.",
                "Send the details of your licence, motorcycle and insurance.",
                "Envoyez les informations du permis, de la moto et de l'assurance.",
            ),
            Self::SendData => (
                "Andika nimero n'itariki icyangombwa kizarangiriraho.",
                "Send the number and the last day of this paper.",
                "Envoyez le numéro et le dernier jour de validité de ce document.",
            ),
            Self::TellFirstAuthorisation => (
                "Andika itariki wahereweho uruhushya bwa mbere.",
                "Tell us the day of your first authorisation.",
                "Indiquez la date de votre première autorisation.",
            ),
            Self::SendFile => {
                ("Ohereza ifoto y'iki cyangombwa.", "Send a picture or scan of it.", "Envoyez une photo ou un scan.")
            }
            Self::SendAgain => (
                "Ongera wohereze iki cyangombwa.",
                "Send it again, as the reason says.",
                "Renvoyez-le en tenant compte du motif.",
            ),
            Self::Renew => (
                "Iki cyangombwa cyarangiye. Ohereza igishya.",
                "It has expired. Send the new one.",
                "Il a expiré. Envoyez le nouveau.",
            ),
            Self::GoElectric => (
                "Abamotari bashya muri Kigali bakoresha moto z'amashanyarazi.",
                "New drivers in Kigali must ride an electric motorcycle.",
                "Les nouveaux motards à Kigali doivent avoir une moto électrique.",
            ),
            Self::Wait => {
                ("Tegereza, turimo kubigenzura.", "Please wait, we are checking.", "Patientez, vérification en cours.")
            }
        };
        match language {
            Language::Rw => rw,
            Language::En => en,
            Language::Fr => fr,
        }
    }
}
