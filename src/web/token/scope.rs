//! What a partner's program may do.
//!
//! Separate because scopes are for programs what roles are for people: an admin gives them one by one, and a route names
//! the one it asks for. All of them read; whoever books or pays is a person.

use std::fmt;

/// One thing that a partner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// Places by name, and the names of places.
    PlacesRead = 0,
    /// Where drivers are short, in cells.
    HeatmapRead = 1,
    /// Aggregates about the city, without anybody's name.
    ReportsRead = 2,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::PlacesRead, Self::HeatmapRead, Self::ReportsRead];

    /// The name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlacesRead => "places:read",
            Self::HeatmapRead => "heatmap:read",
            Self::ReportsRead => "reports:read",
        }
    }
}

/// A name that is no scope's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not places:read, heatmap:read or reports:read")]
pub struct UnknownScope;

/// Several scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// From names with blanks between them.
    ///
    /// # Errors
    /// When one of them is no scope's.
    pub fn parse(names: &str) -> Result<Self, UnknownScope> {
        let mut scopes = Self::default();
        for name in names.split_ascii_whitespace() {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or(UnknownScope)?;
            scopes.0 |= 1 << scope as u8;
        }
        Ok(scopes)
    }

    /// Whether it is among them.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The names, in the order of [`Scope::ALL`].
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.contains(*scope)).map(Scope::as_str).collect()
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        let scopes = Scopes::parse("reports:read  places:read").expect("two scopes");
        assert_eq!(scopes.to_string(), "places:read reports:read");
        assert!(scopes.contains(Scope::PlacesRead) && !scopes.contains(Scope::HeatmapRead));
        assert!(Scopes::parse("").expect("none").is_empty());
        assert_eq!(Scopes::parse("places:write"), Err(UnknownScope));
        for scope in Scope::ALL {
            assert_eq!(Scopes::parse(scope.as_str()).expect("a name").names(), [scope.as_str()]);
        }
    }
}
