//! Privacy (law 058/2021): consent, export, erasure, restriction, retention, breaches, residency.

pub mod breaches;
