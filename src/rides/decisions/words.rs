//! What a driver is told who asks "why not me": one text for each cause and language.
//!
//! Separate and a table, as the notices are, so that native speakers can read and mend it. The Kinyarwanda is put
//! together from words of the language pack and awaits a native reviewer.

use super::round::Reason;
use super::why::Why;
use crate::notifications::Language;
use crate::time::Span;

struct Texts {
    rw: &'static str,
    en: &'static str,
    fr: &'static str,
}

/// In place of the number in a text.
const NUMBER: &str = "{n}";

/// The code of a cause: stable, for icons and for switching on.
pub const fn code(why: Why) -> &'static str {
    match why {
        Why::Nearer(_) => "nearer",
        Why::Queue => "queue",
        Why::WaitedLonger => "waited_longer",
        Why::Answers => "answers",
        Why::Favourite => "favourite",
        Why::Promised => "promised",
        Why::Place => "place",
        Why::BetterElsewhere => "better_elsewhere",
        // Who decided that the two do not meet is nobody's business.
        Why::Excluded(Reason::Avoided | Reason::OtherClass | Reason::Other) => "not_for_you",
        Why::Excluded(reason) => reason.as_str(),
    }
}

/// A cause in plain words.
pub fn text(why: Why, language: Language) -> String {
    let texts = texts(why);
    let text = match language {
        Language::Rw => texts.rw,
        Language::En => texts.en,
        Language::Fr => texts.fr,
    };
    text.replace(NUMBER, &number(why).to_string())
}

/// The number in the text: whole minutes from a minute on, seconds below.
fn number(why: Why) -> i64 {
    match why {
        Why::Nearer(by) if in_minutes(by) => (by.as_secs() + 30) / 60,
        Why::Nearer(by) => by.as_secs().max(1),
        _ => 0,
    }
}

const fn in_minutes(by: Span) -> bool {
    by.as_secs() >= 60
}

const fn texts(why: Why) -> Texts {
    match why {
        Why::Nearer(by) if in_minutes(by) => Texts {
            rw: "Undi mumotari yari hafi y'umugenzi kukurusha, ho iminota {n}.",
            en: "Another driver was {n} min nearer.",
            fr: "Un autre motard était plus près de {n} min.",
        },
        Why::Nearer(_) => Texts {
            rw: "Undi mumotari yari hafi y'umugenzi kukurusha, ho amasegonda {n}.",
            en: "Another driver was {n} s nearer.",
            fr: "Un autre motard était plus près de {n} s.",
        },
        Why::Queue => Texts {
            rw: "Undi mumotari yari imbere yawe ku murongo.",
            en: "Another driver was ahead of you in the queue of the stage.",
            fr: "Un autre motard était devant vous dans la file de la station.",
        },
        Why::WaitedLonger => Texts {
            rw: "Undi mumotari yari amaze igihe kirekire kukurusha ategereje urugendo.",
            en: "Another driver had waited longer for a ride.",
            fr: "Un autre motard attendait une course depuis plus longtemps.",
        },
        Why::Answers => Texts {
            rw: "Undi mumotari yemera ingendo nyinshi kukurusha.",
            en: "Another driver takes more of the rides that are offered.",
            fr: "Un autre motard accepte plus souvent les courses.",
        },
        Why::Favourite => Texts {
            rw: "Umugenzi yahisemo undi mumotari.",
            en: "The rider prefers another driver.",
            fr: "Le passager préfère un autre motard.",
        },
        Why::Promised => Texts {
            rw: "Urugendo rwari rwamaze guhabwa undi mumotari.",
            en: "The ride was with another driver already.",
            fr: "La course était déjà confiée à un autre motard.",
        },
        Why::Place => Texts {
            rw: "Wari ukenewe cyane aho wari uri.",
            en: "You were needed more where you were.",
            fr: "On avait plus besoin de vous là où vous étiez.",
        },
        Why::BetterElsewhere => Texts {
            rw: "Muri ako kanya hari urundi rugendo rwari rukubereye.",
            en: "Another ride suited you better at that moment.",
            fr: "Une autre course vous convenait mieux à ce moment.",
        },
        Why::Excluded(reason) => excluded(reason),
    }
}

const fn excluded(reason: Reason) -> Texts {
    match reason {
        Reason::Busy => Texts { rw: "Wari mu rundi rugendo.", en: "You were on a ride.", fr: "Vous étiez en course." },
        Reason::Offered => Texts {
            rw: "Wari ufite urundi rugendo wagombaga gusubiza.",
            en: "You had another ride to answer.",
            fr: "Vous aviez une autre course à accepter.",
        },
        Reason::Passed => Texts {
            rw: "Uru rugendo wararuhawe ntiwarwemera.",
            en: "You had this ride on offer and did not take it.",
            fr: "On vous a proposé cette course et vous ne l'avez pas prise.",
        },
        Reason::Lost => Texts {
            rw: "Telefoni yawe ntiyari kuri interineti.",
            en: "Your phone was not connected.",
            fr: "Votre téléphone n'était pas connecté.",
        },
        Reason::TooCostly => {
            Texts { rw: "Wari kure cyane.", en: "You were too far away.", fr: "Vous étiez trop loin." }
        }
        Reason::WrongDirection => Texts {
            rw: "Urugendo ntirwaganaga aho wahisemo.",
            en: "It did not lead where you want to go.",
            fr: "Elle n'allait pas dans votre direction.",
        },
        Reason::PickupTooFar => Texts {
            rw: "Umugenzi yari kure kurenza aho wahisemo.",
            en: "The rider was farther away than you wish.",
            fr: "Le passager était plus loin que votre limite.",
        },
        Reason::FareTooLow => Texts {
            rw: "Igiciro cyari munsi y'icyo wahisemo.",
            en: "The fare was lower than you wish.",
            fr: "Le prix était inférieur à votre minimum.",
        },
        Reason::FinishesTooLate => Texts {
            rw: "Wari kurangiza urugendo rwawe utinze.",
            en: "You would have finished your ride too late.",
            fr: "Vous auriez terminé votre course trop tard.",
        },
        Reason::OffShift => {
            Texts { rw: "Ntiwari ku kazi.", en: "You were not online.", fr: "Vous n'étiez pas en ligne." }
        }
        Reason::HasNext => Texts {
            rw: "Wari ufite urundi rugendo rukurikira.",
            en: "You had your next ride already.",
            fr: "Vous aviez déjà la course suivante.",
        },
        Reason::Queued => Texts {
            rw: "Umurongo waguhaye urundi rugendo.",
            en: "You got another ride as the first in the queue of the stage.",
            fr: "Premier de la file, vous avez eu une autre course.",
        },
        Reason::Avoided | Reason::OtherClass | Reason::Other => Texts {
            rw: "Uru rugendo ntirwari urwawe.",
            en: "This ride was not one for you.",
            fr: "Cette course n'était pas pour vous.",
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> Vec<Why> {
        let nearer = [5, 90].map(|seconds| Why::Nearer(Span::from_secs(seconds)));
        let others = [
            Why::Queue,
            Why::WaitedLonger,
            Why::Answers,
            Why::Favourite,
            Why::Promised,
            Why::Place,
            Why::BetterElsewhere,
        ];
        let excluded = Reason::ALL.map(Why::Excluded);
        nearer.into_iter().chain(others).chain(excluded).collect()
    }

    #[test]
    fn every_cause_has_words_in_every_language_with_the_same_number_in_them() {
        for why in all() {
            let texts = texts(why);
            let has_number = |text: &str| text.contains(NUMBER);
            assert_eq!(has_number(texts.en), matches!(why, Why::Nearer(_)), "{why:?}");
            for language in Language::ALL {
                let said = text(why, language);
                assert!(said.ends_with('.') && !said.contains('{'), "{why:?} {language:?}: {said}");
            }
            assert_eq!([texts.rw, texts.fr].map(has_number), [has_number(texts.en); 2], "{why:?}");
        }
    }

    #[test]
    fn minutes_are_rounded_and_below_one_it_is_seconds() {
        let said = |millis| text(Why::Nearer(Span::from_millis(millis)), Language::En);
        assert_eq!(said(125_000), "Another driver was 2 min nearer.");
        assert_eq!(said(59_999), "Another driver was 59 s nearer.");
        assert_eq!(said(60_000), "Another driver was 1 min nearer.");
        assert_eq!(said(200), "Another driver was 1 s nearer.");
    }

    #[test]
    fn that_two_people_are_not_to_meet_looks_like_any_other_ride_that_is_not_for_a_driver() {
        let (avoided, other) = (Why::Excluded(Reason::Avoided), Why::Excluded(Reason::OtherClass));
        assert_eq!(code(avoided), code(other));
        assert!(Language::ALL.iter().all(|language| text(avoided, *language) == text(other, *language)));
        let codes: BTreeSet<_> = all().into_iter().map(code).collect();
        assert_eq!(codes.len(), 8 + Reason::ALL.len() - 2, "apart from these no two causes share a code");
    }
}
