//! What the platform says to people: one text for each key and language.
//!
//! Separate and pure, so that the texts can be read, reviewed by native speakers and checked as a table: every key has
//! all languages, and all languages of a key have the same placeholders. Texts avoid letters outside of the SMS alphabet
//! (GSM-7): one such letter would cut an SMS from 160 characters to 70.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::notifications::{Language, terms};
use crate::time::Span;

/// Values for the placeholders of a text, by name.
pub type Params = BTreeMap<String, String>;

/// Longest value put into a text; a longer one is cut.
const VALUE_CHARS_MAX: usize = 120;

/// Names a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// The sign-in code. `code`, `min`.
    OtpCode,
    /// The code for a new password. `code`, `min`.
    PasswordResetCode,
    /// The code for a new number, to the old one and to the new one. `code`, `min`.
    PhoneChangeCode,
    /// To the old number: the account has another now.
    PhoneChanged,
    /// To the rider: who comes. `name`, `plate`, `eta`.
    DriverFound,
    /// To the rider: the driver waits. `plate`.
    DriverArrived,
    /// To the rider: the number the driver needs to start. `pin`.
    TripPin,
    /// To a rider without an app: who comes, and the number the driver needs to start. `name`, `plate`, `eta`, `pin`.
    WhoComes,
    /// To a rider without an app: what calling off costs. `fee`.
    CancelFee,
    /// To the rider: what the ride cost. `fare`.
    TripCompleted,
    /// To the rider: nobody was found.
    NoDrivers,
    /// To the driver: the rider cancelled. `ref`.
    CancelledByRider,
    /// To the rider: the driver cancelled. `ref`.
    CancelledByDriver,
    /// To the rider: a scheduled ride is near. `time`.
    RideReminder,
    /// To the receiver of a parcel: who brings it, and the number to give for it. `name`, `driver`, `plate`, `eta`, `pin`.
    ParcelComing,
    /// To the rider: the receiver has the parcel. `fare`.
    ParcelDelivered,
    /// To the driver: the papers were approved.
    AccountApproved,
    /// To the driver: the papers were not accepted. `reason`.
    AccountRejected,
    /// To the driver: no rides until further notice. `reason`.
    AccountSuspended,
    /// To the driver: the suspension is over.
    AccountRestored,
    /// To the driver: a paper is to be handed in once more. `paper`, `cause`, `words` (with a blank before them, or nothing).
    PaperAskedAgain,
    /// To the driver: a paper's last day is near. `paper`, `day`.
    PaperExpires,
    /// To the driver: no rides, since a paper's last day has passed. `paper`.
    PaperExpired,
    /// To the driver: the appeal was right. `reason`.
    AppealGranted,
    /// To the driver: it stays as it is. `reason`.
    AppealRefused,
    /// To the rider: the wallet asks for the code. `amount`, `wallet`.
    PaymentRequested,
    /// To the rider: the wallet has paid. `amount`, `ref`.
    PaymentReceived,
    /// To the rider: the wallet has not paid. `ref`.
    PaymentFailed,
    /// To the driver: money is in the wallet. `amount`, `wallet`.
    PayoutSent,
    /// To the driver: it did not arrive and is on the account again. `amount`, `wallet`.
    PayoutFailed,
    /// To the rider: money is given back. `amount`, `ref`.
    RefundApproved,
}

struct Texts {
    rw: &'static str,
    en: &'static str,
    fr: &'static str,
}

const ACCOUNT_APPROVED: Texts = Texts {
    rw: "Konti yawe yemejwe. Ushobora kwakira ingendo.",
    en: "Your account is approved. You can take trips.",
    fr: "Votre compte est validé. Vous pouvez prendre des courses.",
};

const ACCOUNT_REJECTED: Texts = Texts {
    rw: "Ibyangombwa byawe ntibyemewe: {reason}",
    en: "Your papers were not accepted: {reason}",
    fr: "Vos documents ne sont pas acceptés : {reason}",
};

const ACCOUNT_SUSPENDED: Texts = Texts {
    rw: "Konti yawe yahagaritswe by'agateganyo: {reason}",
    en: "Your account is suspended: {reason}",
    fr: "Votre compte est suspendu : {reason}",
};

const ACCOUNT_RESTORED: Texts = Texts {
    rw: "Konti yawe yongeye gukora.",
    en: "Your account is active again.",
    fr: "Votre compte est de nouveau actif.",
};

const PAPER_ASKED_AGAIN: Texts = Texts {
    rw: "Ongera wohereze {paper}: {cause}.{words}",
    en: "Please send your {paper} again: {cause}.{words}",
    fr: "Renvoyez ce document, {paper} : {cause}.{words}",
};

const PAPER_EXPIRES: Texts = Texts {
    rw: "Icyangombwa cyawe ({paper}) kirangira ku itariki ya {day}. Ohereza igishya mbere yaho.",
    en: "Your {paper} is good until {day}. Send the new one before then.",
    fr: "Votre document ({paper}) est valable jusqu'au {day}. Envoyez le nouveau avant.",
};

const PAPER_EXPIRED: Texts = Texts {
    rw: "Icyangombwa cyawe ({paper}) cyarangiye. Ntushobora kwakira ingendo kugeza wohereje igishya.",
    en: "Your {paper} has expired. No trips until you send the new one.",
    fr: "Votre document ({paper}) a expiré. Plus de courses avant l'envoi du nouveau.",
};

const APPEAL_GRANTED: Texts = Texts {
    rw: "Ubujurire bwawe bwemewe: {reason}",
    en: "Your appeal was granted: {reason}",
    fr: "Votre recours est accepté : {reason}",
};

const APPEAL_REFUSED: Texts = Texts {
    rw: "Ubujurire bwawe ntibwemewe: {reason}",
    en: "Your appeal was refused: {reason}",
    fr: "Votre recours est refusé : {reason}",
};

const PAYMENT_REQUESTED: Texts = Texts {
    rw: "Reba kuri telefoni yawe wemeze kwishyura {amount} Frw ({wallet}).",
    en: "Approve {amount} Frw on your phone ({wallet}).",
    fr: "Validez {amount} Frw sur votre téléphone ({wallet}).",
};

const PAYMENT_RECEIVED: Texts = Texts {
    rw: "Twakiriye {amount} Frw wishyuye ku rugendo {ref}. Murakoze.",
    en: "{amount} Frw received for {ref}. Thank you.",
    fr: "{amount} Frw payés pour {ref}. Merci.",
};

const PAYMENT_FAILED: Texts = Texts {
    rw: "Kwishyura urugendo {ref} ntibyakunze. Ongera ugerageze cyangwa wishyure mu ntoki.",
    en: "Payment for {ref} failed. Try again or pay cash.",
    fr: "Échec du paiement de {ref}. Réessayez ou payez en espèces.",
};

const OTP_CODE: Texts = Texts {
    rw: "Kode yawe ya boda ni {code}. Irangira nyuma y'iminota {min}. Ntuyihe undi muntu.",
    en: "Your boda code is {code}. Valid {min} min. Never share it.",
    fr: "Votre code boda est {code}. Valable {min} min. Ne le partagez jamais.",
};

const PASSWORD_RESET_CODE: Texts = Texts {
    rw: "Kode yo guhindura ijambobanga rya boda ni {code}. Irangira nyuma y'iminota {min}. Ntuyihe undi muntu.",
    en: "Your code for a new boda password is {code}. Valid {min} min. Never share it.",
    fr: "Code pour un nouveau mot de passe boda : {code}. Valable {min} min. Ne le partagez jamais.",
};

const PHONE_CHANGE_CODE: Texts = Texts {
    rw: "Kode yo guhindura nimero ya konti ya boda ni {code}. Irangira nyuma y'iminota {min}. Ntuyihe undi muntu.",
    en: "Your code to change the number of your boda account is {code}. Valid {min} min. Never share it.",
    fr: "Code pour changer le numéro de votre compte boda : {code}. Valable {min} min. Ne le partagez jamais.",
};

const PHONE_CHANGED: Texts = Texts {
    rw: "Konti yawe ya boda ubu ifite indi nimero. Niba atari wowe wabikoze, twandikire vuba.",
    en: "Your boda account has another number now. If this was not you, contact support at once.",
    fr: "Votre compte boda a maintenant un autre numéro. Si ce n'est pas vous, contactez-nous vite.",
};

const PAYOUT_SENT: Texts = Texts {
    rw: "Twohereje {amount} Frw kuri {wallet}.",
    en: "{amount} Frw sent to {wallet}.",
    fr: "{amount} Frw envoyés sur {wallet}.",
};

const PAYOUT_FAILED: Texts = Texts {
    rw: "{amount} Frw ntiyageze kuri {wallet}. Yasubijwe kuri konti yawe. Reba nimero wishyurirwaho.",
    en: "{amount} Frw did not arrive on {wallet} and is back on your account. Check your payout wallet.",
    fr: "{amount} Frw pas arrivés sur {wallet}, remis sur votre compte. Vérifiez votre numéro de paiement.",
};

const REFUND_APPROVED: Texts = Texts {
    rw: "Kugarurirwa {amount} Frw ku rugendo {ref} byemejwe.",
    en: "Refund of {amount} Frw approved for {ref}.",
    fr: "Remboursement de {amount} Frw approuvé pour {ref}.",
};

impl Key {
    /// Every key.
    pub const ALL: [Self; 31] = [
        Self::OtpCode,
        Self::PasswordResetCode,
        Self::PhoneChangeCode,
        Self::PhoneChanged,
        Self::DriverFound,
        Self::DriverArrived,
        Self::TripPin,
        Self::WhoComes,
        Self::CancelFee,
        Self::TripCompleted,
        Self::NoDrivers,
        Self::CancelledByRider,
        Self::CancelledByDriver,
        Self::RideReminder,
        Self::ParcelComing,
        Self::ParcelDelivered,
        Self::AccountApproved,
        Self::AccountRejected,
        Self::AccountSuspended,
        Self::AccountRestored,
        Self::PaperAskedAgain,
        Self::PaperExpires,
        Self::PaperExpired,
        Self::AppealGranted,
        Self::AppealRefused,
        Self::PaymentRequested,
        Self::PaymentReceived,
        Self::PaymentFailed,
        Self::PayoutSent,
        Self::PayoutFailed,
        Self::RefundApproved,
    ];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtpCode => "otp_code",
            Self::PasswordResetCode => "password_reset_code",
            Self::PhoneChangeCode => "phone_change_code",
            Self::PhoneChanged => "phone_changed",
            Self::DriverFound => "driver_found",
            Self::DriverArrived => "driver_arrived",
            Self::TripPin => "trip_pin",
            Self::WhoComes => "who_comes",
            Self::CancelFee => "cancel_fee",
            Self::TripCompleted => "trip_completed",
            Self::NoDrivers => "no_drivers",
            Self::CancelledByRider => "cancelled_by_rider",
            Self::CancelledByDriver => "cancelled_by_driver",
            Self::RideReminder => "ride_reminder",
            Self::ParcelComing => "parcel_coming",
            Self::ParcelDelivered => "parcel_delivered",
            Self::AccountApproved => "account_approved",
            Self::AccountRejected => "account_rejected",
            Self::AccountSuspended => "account_suspended",
            Self::AccountRestored => "account_restored",
            Self::PaperAskedAgain => "paper_asked_again",
            Self::PaperExpires => "paper_expires",
            Self::PaperExpired => "paper_expired",
            Self::AppealGranted => "appeal_granted",
            Self::AppealRefused => "appeal_refused",
            Self::PaymentRequested => "payment_requested",
            Self::PaymentReceived => "payment_received",
            Self::PaymentFailed => "payment_failed",
            Self::PayoutSent => "payout_sent",
            Self::PayoutFailed => "payout_failed",
            Self::RefundApproved => "refund_approved",
        }
    }

    /// Whether a rendered text of this key opens something: such a text is sent and never stored.
    pub const fn holds_secret(self) -> bool {
        matches!(
            self,
            Self::OtpCode
                | Self::PasswordResetCode
                | Self::PhoneChangeCode
                | Self::TripPin
                | Self::WhoComes
                | Self::ParcelComing
        )
    }

    /// How long the text is worth sending: "your driver has arrived" half an hour later does harm.
    pub const fn useful_for(self) -> Span {
        match self {
            Self::OtpCode | Self::PasswordResetCode | Self::PhoneChangeCode => Span::from_minutes(5),
            Self::DriverFound
            | Self::DriverArrived
            | Self::TripPin
            | Self::WhoComes
            | Self::NoDrivers
            | Self::CancelledByRider
            | Self::CancelledByDriver
            | Self::PaymentRequested => Span::from_minutes(10),
            Self::RideReminder => Span::from_minutes(30),
            // As long as a ride takes: without it the parcel is not handed over.
            Self::ParcelComing | Self::ParcelDelivered | Self::TripCompleted | Self::CancelFee => {
                Span::from_minutes(60)
            }
            Self::PhoneChanged
            | Self::AccountApproved
            | Self::AccountRejected
            | Self::AccountSuspended
            | Self::AccountRestored
            | Self::PaperAskedAgain
            | Self::PaperExpires
            | Self::PaperExpired
            | Self::AppealGranted
            | Self::AppealRefused
            | Self::PaymentReceived
            | Self::PaymentFailed
            | Self::PayoutSent
            | Self::PayoutFailed
            | Self::RefundApproved => Span::from_minutes(24 * 60),
        }
    }

    const fn texts(self) -> Texts {
        match self {
            Self::OtpCode => OTP_CODE,
            Self::PasswordResetCode => PASSWORD_RESET_CODE,
            Self::PhoneChangeCode => PHONE_CHANGE_CODE,
            Self::PhoneChanged => PHONE_CHANGED,
            Self::PayoutSent => PAYOUT_SENT,
            Self::PayoutFailed => PAYOUT_FAILED,
            Self::RefundApproved => REFUND_APPROVED,
            Self::DriverFound => Texts {
                rw: "Umumotari {name} ({plate}) ari mu nzira. Azahagera nyuma y'iminota {eta}.",
                en: "{name} ({plate}) is coming. Arrival in {eta} min.",
                fr: "{name} ({plate}) est en route. Arrivée dans {eta} min.",
            },
            Self::DriverArrived => Texts {
                rw: "Umumotari yahageze. Banza ugenzure plaque {plate}.",
                en: "Your rider has arrived. Check plate {plate}.",
                fr: "Votre motard est là. Vérifiez la plaque {plate}.",
            },
            Self::TripPin => Texts {
                rw: "PIN y'urugendo ni {pin}. Yivuge ari uko mugiye guhaguruka.",
                en: "Trip PIN: {pin}. Give it only when you start.",
                fr: "Code PIN de la course : {pin}. A donner au départ seulement.",
            },
            Self::TripCompleted => Texts {
                rw: "Urugendo rwarangiye. Igiciro: {fare} Frw.",
                en: "Trip finished. Fare: {fare} Frw.",
                fr: "Course terminée. Prix : {fare} Frw.",
            },
            Self::WhoComes => Texts {
                rw: "Umumotari {name} ({plate}) ari mu nzira, iminota {eta}. PIN y'urugendo ni {pin}. Yivuge ari uko mugiye guhaguruka.",
                en: "{name} ({plate}) is coming, {eta} min. Trip PIN: {pin}. Give it only when you start.",
                fr: "{name} ({plate}) est en route, {eta} min. Code PIN de la course : {pin}. A donner au départ seulement.",
            },
            Self::CancelFee => Texts {
                rw: "Amafaranga yo guhagarika urugendo ni {fee} Frw.",
                en: "Cancellation fee: {fee} Frw.",
                fr: "Frais d'annulation : {fee} Frw.",
            },
            Self::NoDrivers => Texts {
                rw: "Nta mumotari uboneka hafi. Ongera ugerageze mu minota mike.",
                en: "No rider available nearby. Try again in a few minutes.",
                fr: "Aucun motard disponible. Réessayez dans quelques minutes.",
            },
            Self::CancelledByRider => Texts {
                rw: "Urugendo {ref} rwahagaritswe n'umugenzi.",
                en: "The passenger cancelled trip {ref}.",
                fr: "Course {ref} annulée par le passager.",
            },
            Self::CancelledByDriver => Texts {
                rw: "Urugendo {ref} rwahagaritswe n'umumotari. Turimo gushaka undi.",
                en: "The rider cancelled trip {ref}. We look for another.",
                fr: "Course {ref} annulée par le motard. Nous en cherchons un autre.",
            },
            Self::RideReminder => Texts {
                rw: "Wibuke urugendo rwawe rwa saa {time}. Turagushakira umumotari mbere yaho.",
                en: "Your ride is booked for {time}. We look for a driver shortly before.",
                fr: "Votre course est prévue à {time}. Nous cherchons un motard peu avant.",
            },
            Self::ParcelComing => Texts {
                rw: "Umuzigo wawe uturutse kuri {name} uraje: {driver} ({plate}), iminota {eta}. PIN {pin}: yivuge ari uko uwakiriye.",
                en: "Your parcel from {name} is coming: {driver} ({plate}), {eta} min. PIN {pin}: say it only when you hold the parcel.",
                fr: "Votre colis de {name} arrive : {driver} ({plate}), {eta} min. PIN {pin} : à dire en recevant le colis.",
            },
            Self::ParcelDelivered => Texts {
                rw: "Umuzigo wawe wageze kuri nyirawo. Igiciro: {fare} Frw.",
                en: "Your parcel was handed over. Fare: {fare} Frw.",
                fr: "Votre colis a été remis. Prix : {fare} Frw.",
            },
            Self::AccountApproved => ACCOUNT_APPROVED,
            Self::AccountRejected => ACCOUNT_REJECTED,
            Self::AccountSuspended => ACCOUNT_SUSPENDED,
            Self::AccountRestored => ACCOUNT_RESTORED,
            Self::PaperAskedAgain => PAPER_ASKED_AGAIN,
            Self::PaperExpires => PAPER_EXPIRES,
            Self::PaperExpired => PAPER_EXPIRED,
            Self::AppealGranted => APPEAL_GRANTED,
            Self::AppealRefused => APPEAL_REFUSED,
            Self::PaymentRequested => PAYMENT_REQUESTED,
            Self::PaymentReceived => PAYMENT_RECEIVED,
            Self::PaymentFailed => PAYMENT_FAILED,
        }
    }

    const fn text(self, language: Language) -> &'static str {
        let texts = self.texts();
        match language {
            Language::Rw => texts.rw,
            Language::En => texts.en,
            Language::Fr => texts.fr,
        }
    }
}

/// A text needs a value that was not given.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text {key} needs a value for {name}", key = key.as_str())]
pub struct MissingValue {
    key: Key,
    name: &'static str,
}

/// The text of `key` in `language` with its placeholders filled in. Values are cut to a length that fits a message and
/// lose their control characters; they are never read as templates themselves.
///
/// # Errors
/// [`MissingValue`] when a placeholder has no value.
pub fn render(key: Key, language: Language, params: &Params) -> Result<String, MissingValue> {
    let mut rendered = String::with_capacity(160);
    for piece in pieces(key.text(language)) {
        match piece {
            Piece::Words(words) => rendered.push_str(words),
            Piece::Placeholder(name) => {
                let value = params.get(name).ok_or(MissingValue { key, name })?;
                let value = terms::translated(name, value, language).unwrap_or(value);
                rendered.extend(value.chars().filter(|c| !c.is_control()).take(VALUE_CHARS_MAX));
            }
        }
    }
    Ok(rendered)
}

enum Piece {
    Words(&'static str),
    Placeholder(&'static str),
}

fn pieces(text: &'static str) -> impl Iterator<Item = Piece> {
    text.split('{').enumerate().flat_map(|(index, part)| match part.split_once('}').filter(|_| index > 0) {
        Some((name, words)) => [Some(Piece::Placeholder(name)), Some(Piece::Words(words))].into_iter().flatten(),
        None => [Some(Piece::Words(part)), None].into_iter().flatten(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The SMS alphabet that fits 160 characters into one message, extension table included.
    const GSM_7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
                         abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€";

    /// Texts that need a letter outside of the alphabet. None so far; a new one is listed here on purpose.
    const OUTSIDE_GSM_7: &[(Key, Language)] = &[];

    fn placeholders(text: &'static str) -> BTreeSet<&'static str> {
        pieces(text)
            .filter_map(|piece| match piece {
                Piece::Placeholder(name) => Some(name),
                Piece::Words(_) => None,
            })
            .collect()
    }

    #[test]
    fn every_key_says_the_same_in_every_language() {
        for key in Key::ALL {
            let expected = placeholders(key.text(Language::En));
            for language in Language::ALL {
                assert!(!key.text(language).is_empty(), "{key:?} {language:?}");
                assert_eq!(placeholders(key.text(language)), expected, "{key:?} {language:?}");
            }
        }
    }

    #[test]
    fn every_text_fits_the_sms_alphabet_or_is_a_listed_exception() {
        for key in Key::ALL {
            for language in Language::ALL {
                let fits = key.text(language).chars().all(|c| GSM_7.contains(c));
                assert_ne!(fits, OUTSIDE_GSM_7.contains(&(key, language)), "{key:?} {language:?}");
            }
        }
    }

    #[test]
    fn names_of_keys_are_the_same_on_the_wire_and_in_the_database() {
        let mut names = BTreeSet::new();
        for key in Key::ALL {
            assert_eq!(serde_json::to_value(key).expect("a name"), key.as_str());
            names.insert(key.as_str());
        }
        assert_eq!(names.len(), Key::ALL.len());
    }

    #[test]
    fn placeholders_are_filled_and_values_are_only_values() {
        let params = Params::from([("name".into(), "Keza{pin}\n".into()), ("plate".into(), "RC123B".into())]);
        let missing = render(Key::DriverFound, Language::En, &params).expect_err("no eta");
        assert_eq!(missing.to_string(), "the text driver_found needs a value for eta");
        let params = Params::from_iter(params.into_iter().chain([("eta".to_owned(), "4".to_owned())]));
        let text = render(Key::DriverFound, Language::Fr, &params).expect("all values are there");
        assert_eq!(text, "Keza{pin} (RC123B) est en route. Arrivée dans 4 min.");
    }

    #[test]
    fn a_long_value_is_cut() {
        let params = Params::from([("reason".to_owned(), "x".repeat(10_000))]);
        let text = render(Key::AccountSuspended, Language::Rw, &params).expect("a value is there");
        assert!(text.chars().count() < 200, "{}", text.len());
    }
}
