//! All SQL of this service: `consents`, `consent_texts`, `personal_exports`, `erasures`, `restrictions`, `legal_holds`.

pub mod consents;
pub mod erasures;
pub mod exports;
pub mod holds;
pub mod restrictions;
