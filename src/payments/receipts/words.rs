//! What a receipt says, in three languages. Separate so that a native reviewer finds all of it on one page.

use crate::notifications::Language;

/// A word or sentence of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The heading.
    Receipt,
    /// That the revenue authority knows nothing of it.
    NotFiscal,
    /// Who sold.
    Seller,
    /// Who drove.
    Driver,
    /// The plate.
    Plate,
    /// The ride's name.
    Ride,
    /// When it was booked, began and ended.
    Booked,
    /// See above.
    Started,
    /// See above.
    Ended,
    /// From where.
    From,
    /// To where.
    To,
    /// How far.
    Distance,
    /// The price of the ride.
    Fare,
    /// The platform's fee.
    ServiceFee,
    /// The fee of a ride that was called off.
    CancellationFee,
    /// More, for the driver.
    Tip,
    /// All of it.
    Total,
    /// What is paid.
    Paid,
    /// What is not.
    Due,
    /// How it was paid.
    Cash,
    /// See above.
    Mtn,
    /// See above.
    Airtel,
    /// See above.
    Card,
    /// See above.
    Credit,
    /// See above.
    Promotion,
    /// What was paid beyond what was owed.
    ToCredit,
    /// What went back.
    Refund,
    /// The heading of the tax table.
    Tax,
    /// Its columns.
    Letter,
    /// See above.
    Amount,
    /// The provider's name of a payment.
    Reference,
    /// When the receipt was written.
    Issued,
}

impl Word {
    /// Every word.
    pub const ALL: [Self; 32] = [
        Self::Receipt,
        Self::NotFiscal,
        Self::Seller,
        Self::Driver,
        Self::Plate,
        Self::Ride,
        Self::Booked,
        Self::Started,
        Self::Ended,
        Self::From,
        Self::To,
        Self::Distance,
        Self::Fare,
        Self::ServiceFee,
        Self::CancellationFee,
        Self::Tip,
        Self::Total,
        Self::Paid,
        Self::Due,
        Self::Cash,
        Self::Mtn,
        Self::Airtel,
        Self::Card,
        Self::Credit,
        Self::Promotion,
        Self::ToCredit,
        Self::Refund,
        Self::Tax,
        Self::Letter,
        Self::Amount,
        Self::Reference,
        Self::Issued,
    ];

    /// In a language.
    pub const fn in_language(self, language: Language) -> &'static str {
        let [rw, en, fr] = self.all();
        match language {
            Language::Rw => rw,
            Language::En => en,
            Language::Fr => fr,
        }
    }

    /// Kinyarwanda, English, French.
    const fn all(self) -> [&'static str; 3] {
        match self {
            Self::Receipt => ["Inyemezabwishyu", "Receipt", "Reçu"],
            Self::NotFiscal => [
                "IYI SI INYEMEZABUGUZI YA EBM.",
                "THIS IS NOT A FISCAL RECEIPT.",
                "CECI N'EST PAS UNE FACTURE FISCALE (EBM).",
            ],
            Self::Seller => ["Ugurishije", "Seller", "Vendeur"],
            Self::Driver => ["Umumotari", "Driver", "Motard"],
            Self::Plate => ["Plaque", "Plate", "Plaque"],
            Self::Ride => ["Urugendo", "Ride", "Course"],
            Self::Booked => ["Rwasabwe", "Booked", "Commandée"],
            Self::Started => ["Rwatangiye", "Started", "Commencée"],
            Self::Ended => ["Rwarangiye", "Ended", "Terminée"],
            Self::From => ["Kuva", "From", "De"],
            Self::To => ["Kugera", "To", "A"],
            Self::Distance => ["Intera", "Distance", "Distance"],
            Self::Fare => ["Igiciro cy'urugendo", "Fare", "Prix de la course"],
            Self::ServiceFee => ["Amafaranga ya serivisi", "Service fee", "Frais de service"],
            Self::CancellationFee => ["Amafaranga yo guhagarika urugendo", "Cancellation fee", "Frais d'annulation"],
            Self::Tip => ["Ishimwe ry'umumotari", "Tip", "Pourboire"],
            Self::Total => ["Byose hamwe", "Total", "Total"],
            Self::Paid => ["Byishyuwe", "Paid", "Payé"],
            Self::Due => ["Ibitarishyurwa", "Still due", "Reste à payer"],
            Self::Cash => ["Mu ntoki", "Cash", "Espèces"],
            Self::Mtn => ["MTN MoMo", "MTN MoMo", "MTN MoMo"],
            Self::Airtel => ["Airtel Money", "Airtel Money", "Airtel Money"],
            Self::Card => ["Ikarita", "Card", "Carte"],
            Self::Credit => ["Amafaranga wari ubikijwe", "Credit", "Crédit"],
            Self::Promotion => ["Byishyuwe na promosiyo", "Paid by promotion", "Payé par la promotion"],
            Self::ToCredit => ["Yabitswe kuri konti yawe", "Kept as your credit", "Gardé comme crédit"],
            Self::Refund => ["Ayagaruwe", "Refund", "Remboursement"],
            Self::Tax => ["Imisoro", "Taxes", "Taxes"],
            Self::Letter => ["Inyuguti", "Letter", "Lettre"],
            Self::Amount => ["Amafaranga", "Amount", "Montant"],
            Self::Reference => ["Nimero", "Reference", "Référence"],
            Self::Issued => ["Yanditswe", "Issued", "Etabli"],
        }
    }
}

/// The word for a tender; the database knows no others.
pub fn of_tender(tender: &str) -> Word {
    match tender {
        "mtn" => Word::Mtn,
        "airtel" => Word::Airtel,
        "card" => Word::Card,
        "credit" => Word::Credit,
        "promotion" => Word::Promotion,
        _ => Word::Cash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_in_every_language() {
        for word in Word::ALL {
            for language in Language::ALL {
                assert!(!word.in_language(language).is_empty(), "{word:?} in {}", language.as_str());
            }
        }
    }
}
