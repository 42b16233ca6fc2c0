//! The numbers of map matching, and what suits a motorcycle. Separate because every part of the matcher reads them.

use super::events::Patience;
use crate::time::Span;

/// Numbers of map matching.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// Standard deviation of a fix, in metres.
    pub sigma_m: f64,
    /// Of what does not grow less with more fixes: the map, and receivers that err for a while.
    pub map_sigma_m: f64,
    /// By how much a way and the straight line differ on average, in metres.
    pub beta_m: f64,
    /// On top of that, as a part of the straight line.
    pub beta_share: f64,
    /// Streets farther away than this are not considered.
    pub radius_m: f64,
    /// Directions of streets that are considered at each sample.
    pub candidates_max: usize,
    /// How much farther than one and a half straight lines a way may be.
    pub detour_m: f64,
    /// Back along a street by so many standard deviations is noise.
    pub hold_sigmas: f64,
    /// Fixes within this span are put together.
    pub group_span: Span,
    /// Unless they are this far apart, in metres.
    pub group_m: f64,
    /// A sample nearer than this to the last one is the same place, in metres.
    pub stand_m: f64,
    /// Nobody rides faster, in metres per second.
    pub speed_mps_max: f64,
    /// What a fix may be off on top of that.
    pub jump_m: f64,
    /// So many fixes in a row that agree with each other are believed, however far away.
    pub jump_fixes: u32,
    /// Without a sample for this long, the way is a gap.
    pub gap_max: Span,
    /// Without a sample for this far in a straight line, likewise.
    pub gap_m_max: f64,
    /// Samples in a row that fit no street before the way is a gap.
    pub misses_max: u32,
    /// Off the planned way.
    pub off_route: Patience,
    /// Against a one-way street.
    pub wrong_way: Patience,
}

impl Config {
    /// A phone on a motorcycle. Found with the traces of the tests: what suits
    /// noise of 20 m does no harm at 5 m.
    pub const MOTORCYCLE: Self = Self {
        sigma_m: 20.0,
        map_sigma_m: 5.0,
        beta_m: 5.0,
        beta_share: 0.05,
        radius_m: 90.0,
        candidates_max: 20,
        detour_m: 150.0,
        hold_sigmas: 5.0,
        group_span: Span::from_secs(5),
        group_m: 60.0,
        stand_m: 25.0,
        speed_mps_max: 40.0,
        jump_m: 120.0,
        jump_fixes: 4,
        gap_max: Span::from_secs(75),
        gap_m_max: 1_000.0,
        misses_max: 3,
        off_route: Patience { span: Span::from_secs(20), length_m: 100.0 },
        wrong_way: Patience { span: Span::from_secs(8), length_m: 60.0 },
    };
}
