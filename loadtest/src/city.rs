//! `city`: whole rides at a constant rate, or at the rhythm of real orders.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::Outages;
use crate::args::City;
use crate::load::Crowd;
use crate::orders::{self, TOWN_MPS, Window};
use crate::people::Login;
use crate::play::{Cast, Host, Stop, enter, leave, settle};
use crate::report::{Progress, Report};
use crate::scene::Habits;
use crate::schedule::{self, Demand};
use crate::world::{Area, Disc, World};

/// Speed in the synthetic city: brisk, so that a short run sees whole rides.
pub const CITY_MPS: f64 = 15.0;

/// What is booked and by how many riders.
struct Plan {
    demand: Demand,
    riders: usize,
    world: World,
    habits: Habits,
    orders: Option<orders::Choice>,
}

/// Plays the scenario.
pub async fn run(args: &City, progress: Progress) -> Result<Report, Stop> {
    // A file that is not there is told before anything is started.
    let file = args.orders.as_deref().map(orders::read).transpose().map_err(Stop::Usage)?;
    let mut host = match (&args.target, &args.admin_phone, &args.admin_password, &args.admin_second_factor) {
        (Some(url), Some(phone), Some(password), Some(secret)) => {
            let (phone, password, second_factor) = (phone.clone(), password.clone(), secret.clone());
            Host::Target { address: address(url)?, login: Login { phone, password, second_factor } }
        }
        _ => Host::own(&args.common, progress).await?,
    };
    let gate = enter(&mut host, Outages::Unexpected).await?;
    let plan = planned(args, file.as_deref(), gate.info.service_area)?;
    if let Some(orders) = &plan.orders {
        progress.say(&format!(
            "playing {} of {} orders (days {}-{}, {}), positions {}",
            orders.used, orders.in_file, orders.days.0, orders.days.1, orders.window, orders.positions
        ));
    }
    let cast = Cast { drivers: args.drivers, riders: plan.riders, world: plan.world, habits: plan.habits };
    let setting = settle(gate, cast, &host, progress).await?;
    let gathered = Crowd::gather(setting.scene.clone(), &setting.drivers, &setting.riders, args.common.seed).await;
    let mut crowd = gathered.map_err(Stop::Failed)?;
    progress.say(&format!("booking for {} s", args.seconds));
    let watching = progress.watch(setting.scene.clone());
    let (_never, enough) = watch::channel(false);
    let begun = Instant::now();
    crowd.book(plan.demand, enough).await;
    let seconds = begun.elapsed().as_secs_f64();
    if !crowd.drain().await {
        progress.say("some rides did not end in time");
    }
    progress.done(&watching);
    let costs = setting.costs(&host);
    crowd.dismiss().await;
    let begun = Report { scenario: "city", seconds: (seconds * 10.0).round() / 10.0, orders: plan.orders, ..costs };
    let report = setting.report(&args.common, begun).await?;
    leave(host, &report).await?;
    Ok(report)
}

fn planned(args: &City, file: Option<&[orders::Order]>, area: Area) -> Result<Plan, Stop> {
    let cancel = args.common.cancel_percent / 100.0;
    let Some(file) = file else {
        let disc = Disc::for_drivers(area, args.drivers);
        let demand = schedule::poisson(args.rides_per_minute, disc, args.common.seed);
        return Ok(Plan {
            demand: schedule::during(demand, Duration::from_secs(args.seconds)),
            riders: pool(args.rides_per_minute),
            world: World::Disc(disc),
            habits: Habits::usual(CITY_MPS, cancel),
            orders: None,
        });
    };
    let window = Window {
        from_s: args.orders_from,
        seconds: args.seconds,
        speedup: args.speedup,
        days: args.days,
        drivers: args.drivers,
    };
    let selection = orders::select(file, &window, &area).map_err(Stop::Usage)?;
    let choice = selection.choice.clone();
    Ok(Plan {
        // Compressed rides take less than half of that, and the peak does not last.
        riders: pool(choice.peak_per_minute / 2.0),
        world: World::Demand { area, pickups: selection.pickups() },
        habits: Habits::usual(TOWN_MPS * args.speedup, cancel),
        demand: selection.demand(),
        orders: Some(choice),
    })
}

/// Riders for a rate of bookings: each has one ride at a time, so the pool covers rides of a minute and a half.
pub fn pool(rides_per_minute: f64) -> usize {
    ((rides_per_minute * 1.5).ceil() as usize).max(50)
}

/// `host:port` of a target.
fn address(url: &str) -> Result<String, Stop> {
    let rest = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains('/') => {
            Ok(if rest.contains(':') { rest.to_owned() } else { format!("{rest}:80") })
        }
        _ => Err(Stop::Usage(format!("--target {url}: is not of the form http://HOST:PORT"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_http_address() {
        assert_eq!(address("http://127.0.0.1:8080/").expect("is one"), "127.0.0.1:8080");
        assert_eq!(address("http://boda.local").expect("is one"), "boda.local:80");
        for url in ["https://127.0.0.1:1", "127.0.0.1:1", "http://", "http://a/b"] {
            assert!(address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_pool_covers_the_rate() {
        assert_eq!((pool(300.0), pool(1.0)), (450, 50));
    }
}
