//! Rules of the wire, by HTTP.
