//! `idle`: what a signed-in connection that says nothing holds of the server's memory, and whether pings make it grow.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::outcome::Outcome;
use crate::apps::Manners;
use crate::args;
use crate::generator::fleet::{Pace, Pinging};
use crate::generator::pace::{OnTime, Ticks};
use crate::generator::ping::Dialect;
use crate::measure::figures::rounded;
use crate::measure::machine::Machine;
use crate::measure::memory::{self, Memory};
use crate::play::Stop;
use crate::report::Progress;
use crate::town::{self, Plan, Town};

/// How long memory is left to settle before it is read.
const SETTLE: Duration = Duration::from_secs(3);

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Connections.
    pub connections: usize,
    /// Resident memory that each added, bytes: the figure of the target.
    pub bytes_per_connection: f64,
    /// Memory that is nobody else's that each added, bytes.
    pub private_bytes_per_connection: f64,
    /// Memory of the kernel that each added, both ends, bytes.
    pub kernel_bytes_per_connection: f64,
    /// The server without anybody.
    pub before: Memory,
    /// With everybody, silent.
    pub idle: Memory,
    /// What an hour-long habit of pinging adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinging: Option<Growth>,
    /// Keys of this measurement that the server does not know.
    pub unknown_keys: Vec<&'static str>,
}

/// Memory under pings.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// How long.
    pub minutes: f64,
    /// Pings sent.
    pub pings: u64,
    /// Resident memory that each connection added since the first minute, bytes.
    pub bytes_per_connection: f64,
    /// Resident memory at the end of each minute, bytes.
    pub resident: Vec<u64>,
    /// How well the generator kept its schedule.
    pub on_time: OnTime,
}

/// Connects drivers to a fresh town and reads its memory.
///
/// # Errors
/// When connections fail.
pub async fn measured(town: &Town, connections: usize, minutes: u64, dialect: Dialect) -> Result<Figures, Stop> {
    let pid = town.server.pid().ok_or_else(|| Stop::Failed("the server is not running".to_owned()))?;
    let reading = || memory::read(pid).ok_or_else(|| Stop::Failed("the server's memory cannot be read".to_owned()));
    tokio::time::sleep(SETTLE).await;
    let before = reading()?;
    let stage = town.stage(dialect, 0..connections, 0, Manners::default())?;
    let mut stage = town::gathered(stage).await?;
    stage = stage.play_for(SETTLE).await.map_err(Stop::Failed)?;
    let idle = reading()?;
    let mut pinging = None;
    if minutes > 0 {
        let pace = Pace::Even(Ticks::new(Instant::now(), connections as f64, connections));
        stage.pinging = Some(Pinging::new(pace, &Town::homes(connections), dialect, 0));
        let mut resident = Vec::new();
        for _ in 0..minutes {
            stage = stage.play_for(Duration::from_secs(60)).await.map_err(Stop::Failed)?;
            resident.push(reading()?.resident);
        }
        let Some(pings) = &stage.pinging else { return Err(Stop::Failed("nobody pings".to_owned())) };
        let (first, last) = (resident.first().copied().unwrap_or(0), resident.last().copied().unwrap_or(0));
        pinging = Some(Growth {
            minutes: minutes as f64,
            pings: pings.sent.load(std::sync::atomic::Ordering::Relaxed),
            bytes_per_connection: rounded(memory::each(first, last, connections)),
            resident,
            on_time: pings.kept.report(),
        });
    }
    stage.fleet.hang_up();
    Ok(Figures {
        connections,
        bytes_per_connection: rounded(memory::each(before.resident, idle.resident, connections)),
        private_bytes_per_connection: rounded(memory::each(before.private, idle.private, connections)),
        kernel_bytes_per_connection: rounded(memory::each(before.kernel_slab, idle.kernel_slab, connections)),
        before,
        idle,
        pinging,
        unknown_keys: town.unknown_keys.clone(),
    })
}

/// Plays the scenario.
///
/// # Errors
/// When the server does not start or connections fail.
pub async fn run(args: &args::Idle, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let plan = Plan { program: &args.common.server, drivers: args.connections, riders: 0, settings: Vec::new() };
    let town = Town::found(&plan, progress).await?;
    let dialect = if args.binary { Dialect::Binary } else { Dialect::Json };
    progress.say("connecting");
    let figures = measured(&town, args.connections, args.minutes, dialect).await?;
    town.server.stop().await?;
    Outcome::new("idle", machine, &figures)
}
