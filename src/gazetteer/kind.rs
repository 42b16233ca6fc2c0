//! What kind of thing a place is, and how likely somebody means it.
//!
//! Separate because this is the one list that importer, search and API share: OpenStreetMap's many keys and values come down
//! to a few words that a rider's app can draw a picture for.

/// A kind of place. Its number is written to map files: new ones go to the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Kind {
    /// Anything that is none of the others.
    Other,
    /// A street with a name.
    Street,
    /// An airport or its terminal.
    Airport,
    /// A bus park.
    BusStation,
    /// A bus stop or a taxi rank.
    BusStop,
    /// A city or a town.
    Town,
    /// A part of a town.
    Neighbourhood,
    /// A village or a hamlet.
    Village,
    /// A market.
    Market,
    /// A hospital, a clinic, a pharmacy.
    Health,
    /// A school or a university.
    School,
    /// A hotel or a guest house.
    Hotel,
    /// A restaurant, a café, a bar.
    Food,
    /// A bank or an exchange.
    Bank,
    /// A filling station.
    Fuel,
    /// A church, a mosque, a temple.
    Worship,
    /// A public office, the police, an embassy.
    Government,
    /// A shop or a mall.
    Shop,
    /// A stadium, a park, a museum.
    Leisure,
    /// An office or a factory.
    Office,
    /// A building or a house by its name or number.
    Building,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 21] = [
        Self::Other,
        Self::Street,
        Self::Airport,
        Self::BusStation,
        Self::BusStop,
        Self::Town,
        Self::Neighbourhood,
        Self::Village,
        Self::Market,
        Self::Health,
        Self::School,
        Self::Hotel,
        Self::Food,
        Self::Bank,
        Self::Fuel,
        Self::Worship,
        Self::Government,
        Self::Shop,
        Self::Leisure,
        Self::Office,
        Self::Building,
    ];

    /// As clients read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Street => "street",
            Self::Airport => "airport",
            Self::BusStation => "bus_station",
            Self::BusStop => "bus_stop",
            Self::Town => "town",
            Self::Neighbourhood => "neighbourhood",
            Self::Village => "village",
            Self::Market => "market",
            Self::Health => "health",
            Self::School => "school",
            Self::Hotel => "hotel",
            Self::Food => "food",
            Self::Bank => "bank",
            Self::Fuel => "fuel",
            Self::Worship => "worship",
            Self::Government => "government",
            Self::Shop => "shop",
            Self::Leisure => "leisure",
            Self::Office => "office",
            Self::Building => "building",
        }
    }

    /// How likely it is meant when nothing more is known, 0 to 255: people ride to a bus park more often than to a house.
    pub const fn importance(self) -> u8 {
        match self {
            Self::Airport => 250,
            Self::BusStation => 230,
            Self::Town => 220,
            Self::Market => 200,
            Self::Neighbourhood => 190,
            Self::Health => 160,
            Self::Village | Self::Leisure => 150,
            Self::Government => 130,
            Self::School | Self::Hotel | Self::Street => 120,
            Self::BusStop | Self::Worship => 100,
            Self::Bank | Self::Fuel | Self::Shop => 90,
            Self::Food | Self::Office => 80,
            Self::Other => 40,
            Self::Building => 20,
        }
    }

    /// The kind of an OpenStreetMap tag: by its value, else by its key.
    pub fn of_osm(key: &str, value: &str) -> Self {
        match Self::of_word(value) {
            Self::Other => Self::of_word(key),
            kind => kind,
        }
    }

    /// The kind of a word of OpenStreetMap, a value or (where the value is `yes`) a key; the words of different keys are
    /// different enough to do without the key.
    pub fn of_word(word: &str) -> Self {
        match word {
            "aerodrome" | "terminal" | "aeroway" => Self::Airport,
            "bus_station" => Self::BusStation,
            "bus_stop" | "public_transport" | "platform" | "stop_position" | "station" | "taxi" => Self::BusStop,
            "city" | "town" => Self::Town,
            "suburb" | "quarter" | "neighbourhood" | "square" | "locality" => Self::Neighbourhood,
            "village" | "hamlet" | "isolated_dwelling" => Self::Village,
            "marketplace" => Self::Market,
            "hospital" | "clinic" | "doctors" | "dentist" | "pharmacy" | "healthcare" | "health_post" => Self::Health,
            "school" | "university" | "college" | "kindergarten" | "library" => Self::School,
            "hotel" | "guest_house" | "hostel" | "motel" | "apartment" => Self::Hotel,
            "restaurant" | "cafe" | "bar" | "pub" | "fast_food" | "nightclub" => Self::Food,
            "bank" | "atm" | "bureau_de_change" => Self::Bank,
            "fuel" => Self::Fuel,
            "place_of_worship" | "church" | "mosque" => Self::Worship,
            "police" | "townhall" | "courthouse" | "embassy" | "post_office" | "government" | "diplomatic" => {
                Self::Government
            }
            "shop" | "supermarket" | "mall" | "convenience" | "clothes" | "hairdresser" | "bakery" | "kiosk" => {
                Self::Shop
            }
            "leisure" | "tourism" | "historic" | "museum" | "attraction" | "park" | "stadium" | "pitch" | "garden"
            | "sports_centre" | "theatre" | "cinema" | "community_centre" | "conference_centre" => Self::Leisure,
            "office" | "company" | "ngo" | "industrial" | "craft" | "insurance" => Self::Office,
            "building" | "house" | "apartments" | "residential" | "detached" | "commercial" => Self::Building,
            _ => Self::Other,
        }
    }

    /// By its number in a map file.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its number in a map file.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_and_words_are_told_apart() {
        for (number, kind) in (0_u8..).zip(Kind::ALL) {
            assert_eq!((Kind::from_number(number), kind.number()), (Some(kind), number));
            assert_eq!(Kind::ALL.iter().filter(|other| other.as_str() == kind.as_str()).count(), 1, "{kind:?}");
        }
        assert_eq!(Kind::from_number(Kind::ALL.len() as u8), None);
    }
}
