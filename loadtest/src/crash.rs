//! `crash`: the same load while the server is killed without warning and restarted, and all promises still checked.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::api::Outages;
use crate::args::Crash;
use crate::city::{CITY_MPS, pool};
use crate::load::Crowd;
use crate::play::{Cast, Host, Stop, enter, leave, settle};
use crate::report::{Progress, Quantiles, Report};
use crate::scene::Habits;
use crate::schedule;
use crate::server::Server;
use crate::witness::Latency;
use crate::world::{Disc, World};

/// Seconds of work between a recovery and the next kill.
const PAUSE_S: (f64, f64) = (2.0, 6.0);
/// Seconds of quiet load before the first kill and after the last.
const QUIET: Duration = Duration::from_secs(5);

/// Plays the scenario.
pub async fn run(args: &Crash, progress: Progress) -> Result<Report, Stop> {
    let mut host = Host::own(&args.common, progress).await?;
    let gate = enter(&mut host, Outages::Planned).await?;
    let disc = Disc::for_drivers(gate.info.service_area, args.drivers);
    let cast = Cast {
        drivers: args.drivers,
        riders: pool(args.rides_per_minute),
        world: World::Disc(disc),
        habits: Habits::usual(CITY_MPS, args.common.cancel_percent / 100.0),
    };
    let setting = settle(gate, cast, &host, progress).await?;
    let gathered = Crowd::gather(setting.scene.clone(), &setting.drivers, &setting.riders, args.common.seed).await;
    let mut crowd = gathered.map_err(Stop::Failed)?;
    progress.say(&format!("booking while the server is killed {} times", args.kills));
    let watching = progress.watch(setting.scene.clone());
    let demand = schedule::poisson(args.rides_per_minute, disc, args.common.seed);
    let (tell_enough, enough) = watch::channel(false);
    let begun = Instant::now();
    let killing = async {
        let recovery = match host.server() {
            Some(server) => kill_often(server, args).await,
            None => Err(Stop::Failed("only a server of our own may be killed".to_owned())),
        };
        // The bookings end with the kills, also when those went wrong.
        let _ = tell_enough.send(true);
        recovery
    };
    let (recovery, ()) = tokio::join!(killing, crowd.book(demand, enough));
    let recovery = recovery?;
    let seconds = begun.elapsed().as_secs_f64();
    if !crowd.drain().await {
        progress.say("some rides did not end in time");
    }
    progress.done(&watching);
    let costs = setting.costs(&host);
    crowd.dismiss().await;
    let begun = Report {
        scenario: "crash",
        seconds: (seconds * 10.0).round() / 10.0,
        kills: Some(recovery.count()),
        recovery_ms: Some(Quantiles::from(&recovery)),
        ..costs
    };
    let report = setting.report(&args.common, begun).await?;
    leave(host, &report).await?;
    Ok(report)
}

async fn kill_often(server: &mut Server, args: &Crash) -> Result<Latency, Stop> {
    let mut rng = SmallRng::seed_from_u64(args.common.seed ^ 0xdead);
    let mut recovery = Latency::new();
    sleep(QUIET).await;
    for _ in 0..args.kills {
        let pause_s = match args.seconds {
            Some(seconds) => seconds as f64 / f64::from(args.kills) * rng.random_range(0.5..1.5),
            None => rng.random_range(PAUSE_S.0..PAUSE_S.1),
        };
        sleep(Duration::from_secs_f64(pause_s)).await;
        recovery.record(server.kill_and_restart().await?);
    }
    sleep(QUIET).await;
    Ok(recovery)
}
