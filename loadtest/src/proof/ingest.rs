//! `ingest`: what one ping costs, at a town's pace or as fast as the server takes them.
//!
//! The engine and the reference points are loaded by the same generator with the same frames from the same number of
//! connections, and asked afterwards how many pings they have: a server that loses some is not fast.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::outcome::Outcome;
use super::sharing::{Bill, Meter};
use crate::apps::Manners;
use crate::args::{self, Against};
use crate::generator::fleet::{Fleet, Pace, Phones, Pinging};
use crate::generator::pace::{OnTime, Ticks};
use crate::generator::ping::Dialect;
use crate::generator::stage::Stage;
use crate::generator::strangers::Strangers;
use crate::measure::family;
use crate::measure::figures::{Latency, Rounds};
use crate::measure::machine::Machine;
use crate::play::Stop;
use crate::reference::process::{Kind, Reference};
use crate::report::Progress;
use crate::town::{self, Plan, Town};

/// Frames in one write when the server is to be saturated: as a phone sends after a tunnel, and enough to make it busy.
const BURST: usize = 16;
/// Before the measured stretch, so that buffers have grown and caches are warm.
const WARM_UP: Duration = Duration::from_secs(2);
/// A server that says nothing new for so long has said all.
const QUIET_FOR: Duration = Duration::from_secs(3);
/// Longest wait for a saturated server to take what is on the wire.
const DRAIN_WITHIN: Duration = Duration::from_secs(15);

/// The load of a round.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Connections, a driver each.
    pub connections: usize,
    /// Pings a second over all of them; none is as many as the server takes.
    pub rate: Option<f64>,
    /// How long it is measured.
    pub time: Duration,
    /// In which dialect.
    pub dialect: Dialect,
    /// Every so many pings ask for an acknowledgement; 0 is none.
    pub ack_every: u64,
}

/// Who is loaded.
#[derive(Debug)]
pub enum Contender {
    /// The engine.
    Engine(Box<Town>),
    /// A reference point.
    Reference(Box<Reference>),
}

/// One round.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Processor time of all processes on the server's side for each ping, microseconds.
    pub us_per_ping: f64,
    /// Pings in the measured stretch.
    pub pings: u64,
    /// Pings sent in the whole round, warm-up included.
    pub sent: u64,
    /// Pings the server says it stored of those.
    pub stored: u64,
    /// Pings the server says it refused of those.
    pub refused: u64,
    /// Wake-ups of the server's side for each ping.
    pub server_switches_per_ping: f64,
    /// Wake-ups of the generator for each ping.
    pub generator_switches_per_ping: f64,
    /// What the stretch cost.
    pub bill: Bill,
    /// How well the generator kept its schedule.
    pub on_time: OnTime,
    /// Intended moment of a ping to its acknowledgement, where asked for.
    pub ack_ms: Latency,
    /// Errors that the phones were told.
    pub errors: Vec<String>,
}

impl Contender {
    /// The processes on its side, as of now.
    fn pids(&self) -> Vec<u32> {
        family::with_descendants(&match self {
            Self::Engine(town) => town.server.pids(),
            Self::Reference(reference) => reference.pids(),
        })
    }

    /// Pings stored and refused so far.
    async fn counts(&mut self) -> Result<(u64, u64), Stop> {
        match self {
            Self::Engine(town) => {
                let page = town.metrics().await?;
                Ok((page.sum("boda_pings_total") as u64, page.sum("boda_pings_refused_total") as u64))
            }
            Self::Reference(reference) => Ok((reference.count().await.map_err(Stop::Failed)?, 0)),
        }
    }

    /// Connects everybody, loads, hangs up.
    ///
    /// # Errors
    /// When connections fail or the server does not tell its counts.
    pub async fn round(&mut self, load: &Load) -> Result<Round, Stop> {
        let homes = Town::homes(load.connections);
        let pinging = Pinging::new(Pace::Flood { burst: BURST, next: 0 }, &homes, load.dialect, load.ack_every);
        let (before, round) = match self {
            Self::Engine(town) => {
                let stage = town.stage(load.dialect, 0..load.connections, 0, Manners::default())?;
                let mut stage = town::gathered(stage).await?;
                stage.pinging = Some(pinging);
                let before = self.counts().await?;
                let (stage, mut round) = loaded(stage, self, load).await?;
                round.ack_ms = Latency::from(&stage.phones.told.ack);
                let told = stage.phones.told;
                let kinds = told.errors.snapshot().into_iter().chain(told.losses.snapshot());
                round.errors = kinds.map(|(name, count)| format!("{name}: {count}")).collect();
                (before, round)
            }
            Self::Reference(reference) => {
                let fleet = Fleet::new(reference.address(), load.connections).map_err(Stop::Failed)?;
                let mut stage = Stage { fleet, phones: Strangers::default(), pinging: None };
                stage.fleet.dial(0..load.connections);
                let (all, give_up) = (load.connections, Instant::now() + Duration::from_secs(60));
                let over = move |phones: &Strangers, now| phones.open + phones.lost.len() == all || now > give_up;
                let mut stage = stage.play(over).await.map_err(Stop::Failed)?;
                stage.pinging = Some(pinging);
                let before = self.counts().await?;
                let (stage, mut round) = loaded(stage, self, load).await?;
                round.errors = stage.phones.lost;
                (before, round)
            }
        };
        let (stored, refused) = drained(self, before.0 + before.1 + round.sent).await?;
        // Ends of connections are worked off before the next round counts.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(Round { stored: stored - before.0, refused: refused - before.1, ..round })
    }
}

/// Loads an open stage and hangs up.
async fn loaded<P: Phones + Send + 'static>(
    mut stage: Stage<P>,
    contender: &mut Contender,
    load: &Load,
) -> Result<(Stage<P>, Round), Stop> {
    let pids = contender.pids();
    let Some(pinging) = &mut stage.pinging else { return Err(Stop::Failed("nobody pings".to_owned())) };
    let sent = pinging.sent.clone();
    let (warm_up, pace) = match load.rate {
        Some(rate) => (WARM_UP, Pace::Even(Ticks::new(Instant::now(), rate, load.connections))),
        None => (Duration::ZERO, Pace::Flood { burst: BURST, next: 0 }),
    };
    pinging.pace = pace;
    let before = contender.counts().await?;
    let playing = tokio::spawn(stage.play_for(warm_up + load.time));
    tokio::time::sleep(warm_up).await;
    let (meter, from) = (Meter::start(pids), sent.load(Ordering::Relaxed));
    let played = playing.await.map_err(|err| Stop::Failed(err.to_string()))?;
    let mut stage = played.map_err(Stop::Failed)?;
    let pinging = stage.pinging.take().ok_or_else(|| Stop::Failed("nobody pings".to_owned()))?;
    let (bill, pings) = match load.rate {
        Some(_) => (meter.stop(), sent.load(Ordering::Relaxed) - from),
        None => {
            // What the kernel did not take yet goes out, and what is on the wire is worked off, on the same bill.
            stage = stage.play_for(Duration::from_millis(300)).await.map_err(Stop::Failed)?;
            let (stored, _) = drained(contender, before.0 + before.1 + sent.load(Ordering::Relaxed)).await?;
            (meter.stop(), stored - before.0)
        }
    };
    if load.rate.is_some() {
        stage = stage.play_for(Duration::from_millis(300)).await.map_err(Stop::Failed)?;
    }
    stage.fleet.hang_up();
    let (server, generator) = bill.switches_each(pings);
    let round = Round {
        us_per_ping: bill.us_each(pings),
        pings,
        sent: sent.load(Ordering::Relaxed),
        stored: 0,
        refused: 0,
        server_switches_per_ping: server,
        generator_switches_per_ping: generator,
        bill,
        on_time: pinging.kept.report(),
        ack_ms: Latency::default(),
        errors: Vec::new(),
    };
    Ok((stage, round))
}

/// Waits until the server says that it stored or refused `wanted` pings, or says nothing new for a while: counters may be
/// published a second late. Returns what is stored and refused.
async fn drained(contender: &mut Contender, wanted: u64) -> Result<(u64, u64), Stop> {
    let give_up = Instant::now() + DRAIN_WITHIN;
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let (stored, refused) = contender.counts().await?;
        let all = stored + refused;
        if all != last {
            (last, since) = (all, Instant::now());
        }
        if all >= wanted || since.elapsed() > QUIET_FOR || Instant::now() > give_up {
            return Ok((stored, refused));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Rounds of one contender, summed up.
#[derive(Clone, Debug, Serialize)]
pub struct Rows {
    /// What each round's ping cost, microseconds.
    pub us_per_ping: Rounds,
    /// Wake-ups of the server's side for each ping.
    pub server_switches_per_ping: Rounds,
    /// Wake-ups of the generator for each ping.
    pub generator_switches_per_ping: Rounds,
    /// Late sends, percent of all.
    pub late_percent: Rounds,
    /// True when the generator was late too often in any round.
    pub void: bool,
    /// Pings sent and neither stored nor refused, over all rounds.
    pub lost: u64,
    /// The rounds.
    pub rounds: Vec<Round>,
}

impl Rows {
    /// Of rounds in the order they were made.
    pub fn of(rounds: Vec<Round>) -> Self {
        let each = |figure: fn(&Round) -> f64| Rounds::of(rounds.iter().map(figure).collect());
        Self {
            us_per_ping: each(|round| round.us_per_ping),
            server_switches_per_ping: each(|round| round.server_switches_per_ping),
            generator_switches_per_ping: each(|round| round.generator_switches_per_ping),
            late_percent: each(|round| round.on_time.late_percent),
            void: rounds.iter().any(|round| round.on_time.void),
            lost: rounds.iter().map(|round| round.sent.saturating_sub(round.stored + round.refused)).sum(),
            rounds,
        }
    }
}

#[derive(Serialize)]
struct Figures {
    against: &'static str,
    dialect: Dialect,
    connections: usize,
    rate_per_s: Option<f64>,
    coalesce_ms: Option<u64>,
    pings_per_cpu_s: f64,
    #[serde(flatten)]
    rows: Rows,
}

/// Plays the scenario.
///
/// # Errors
/// When a server does not start or connections fail.
pub async fn run(args: &args::Ingest, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let (mut contender, against) = contender(args, progress).await?;
    let load = Load {
        connections: args.connections,
        rate: (!args.saturated).then_some(args.rate),
        time: Duration::from_secs(args.seconds),
        dialect: if args.binary { Dialect::Binary } else { Dialect::Json },
        ack_every: args.ack_every,
    };
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        progress.say(&format!("round {number} of {}", args.rounds));
        rounds.push(contender.round(&load).await?);
    }
    if let Contender::Engine(town) = contender {
        town.server.stop().await?;
    }
    let rows = Rows::of(rounds);
    let figures = Figures {
        against,
        dialect: load.dialect,
        connections: load.connections,
        rate_per_s: load.rate,
        coalesce_ms: args.coalesce_ms,
        pings_per_cpu_s: if rows.us_per_ping.min > 0.0 { (1e6 / rows.us_per_ping.min).round() } else { 0.0 },
        rows,
    };
    Outcome::new("ingest", machine, &figures)
}

async fn contender(args: &args::Ingest, progress: Progress) -> Result<(Contender, &'static str), Stop> {
    let reference = |kind| async move {
        Reference::start(kind).await.map(|it| Contender::Reference(Box::new(it))).map_err(Stop::Failed)
    };
    Ok(match args.against {
        Against::Textbook => (reference(Kind::Textbook).await?, "textbook"),
        Against::Floor => (reference(Kind::Floor).await?, "floor"),
        Against::Engine => {
            let plan = Plan {
                program: &args.common.server,
                drivers: args.connections,
                riders: 0,
                settings: settings(args.coalesce_ms, args.saturated),
            };
            (Contender::Engine(Box::new(Town::found(&plan, progress).await?)), "engine")
        }
    })
}

/// Settings of an engine that is to be loaded.
pub fn settings(coalesce_ms: Option<u64>, is_flooded: bool) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    if let Some(coalesce_ms) = coalesce_ms {
        settings.push(("sockets.coalesce_ms", coalesce_ms.to_string()));
        // Pings of a driver who has just connected do not wait either; a working day is longer than a round.
        settings.push(("sockets.prompt_for_s", "1".to_owned()));
    }
    if is_flooded {
        // The bound for each socket would answer first.
        settings.push(("sockets.frames_per_s", "10000".to_owned()));
        settings.push(("sockets.frames_burst_max", "100000".to_owned()));
    }
    settings
}
