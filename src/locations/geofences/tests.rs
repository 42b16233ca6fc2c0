//! Tests.

use super::*;
use crate::time::Span;

/// Numbers for tests.
pub(crate) fn fences() -> FencesConfig {
    let rules = Rules { enter_fixes: 3, exit_fixes: 3, exit_margin_m: 30.0, dwell: Span::from_secs(60) };
    FencesConfig { rules, events_waiting_max: 100, drivers_max: 10 }
}
