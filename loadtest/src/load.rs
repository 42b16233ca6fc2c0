//! The engine of every scenario: brings the crowd to life, books on schedule, drains, and asks for the truth.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::driver;
use crate::people::Person;
use crate::rider::{self, Job};
use crate::scene::Scene;
use crate::schedule::Demand;

/// Longest wait until every driver is on shift and every rider at home.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for live rides to end after the last booking.
// Just after a restart only the drivers who are back can be asked, so a pickup may lie across the whole city: two and a
// half minutes of riding, and then the ride itself.
const DRAIN_WITHIN: Duration = Duration::from_secs(240);
/// Longest wait for the phones to be put away.
const HOME_WITHIN: Duration = Duration::from_secs(20);

/// The crowd, alive: tasks of drivers and riders, and who is at home.
#[derive(Debug)]
pub struct Crowd {
    scene: Arc<Scene>,
    drivers: usize,
    jobs: Vec<mpsc::Sender<Job>>,
    home: mpsc::UnboundedReceiver<usize>,
    free: Vec<usize>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Crowd {
    /// Switches all phones on and waits until everybody is ready. The error says how many were not.
    pub async fn gather(
        scene: Arc<Scene>,
        drivers: &[Arc<Person>],
        riders: &[Arc<Person>],
        seed: u64,
    ) -> Result<Self, String> {
        let mut seeds = SmallRng::seed_from_u64(seed);
        let (stop, stopped) = watch::channel(false);
        let (tell_home, home) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for person in drivers {
            let phase = person.index as f64 / drivers.len() as f64;
            tasks.spawn(driver::work(scene.clone(), person.clone(), seeds.random(), phase, stopped.clone()));
        }
        let mut jobs = Vec::with_capacity(riders.len());
        for person in riders {
            let (send, receive) = mpsc::channel(1);
            jobs.push(send);
            let (scene, person, home) = (scene.clone(), person.clone(), tell_home.clone());
            tasks.spawn(rider::live(scene, person, seeds.random(), receive, home, stopped.clone()));
        }
        let mut crowd = Self { scene, drivers: drivers.len(), jobs, home, free: Vec::new(), tasks, stop };
        let give_up = Instant::now() + READY_WITHIN;
        while !crowd.is_ready() {
            if Instant::now() > give_up {
                let online = crowd.scene.witness.counters.online.load(Ordering::Relaxed);
                return Err(format!(
                    "only {online} of {} drivers are on shift and {} of {} riders are connected after {} s: {:?}",
                    crowd.drivers,
                    crowd.free.len(),
                    crowd.jobs.len(),
                    READY_WITHIN.as_secs(),
                    crowd.scene.api.errors.snapshot(),
                ));
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(crowd)
    }

    /// Books on schedule, beginning now, until the demand ends or `enough` says so.
    pub async fn book(&mut self, demand: Demand, mut enough: watch::Receiver<bool>) {
        let counters = &self.scene.witness.counters;
        let start = Instant::now();
        for planned in demand {
            let intended = start + planned.at;
            tokio::select! {
                () = sleep_until(intended) => {}
                _ = enough.wait_for(|enough| *enough) => return,
            }
            counters.bookings_due.fetch_add(1, Ordering::Relaxed);
            while let Ok(rider) = self.home.try_recv() {
                self.free.push(rider);
            }
            let Some(rider) = self.free.pop() else {
                counters.bookings_without_rider.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            if self.jobs[rider].try_send(Job { intended, journey: planned.journey }).is_err() {
                counters.bookings_failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until every rider is at home again; true when that happened in time.
    pub async fn drain(&mut self) -> bool {
        let give_up = Instant::now() + DRAIN_WITHIN;
        while !self.all_home() {
            if Instant::now() > give_up {
                return false;
            }
            sleep(Duration::from_millis(100)).await;
        }
        true
    }

    /// Switches all phones off.
    pub async fn dismiss(mut self) {
        let _ = self.stop.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(HOME_WITHIN, all).await.is_err() {
            self.scene.api.errors.add("a phone could not be switched off");
            self.tasks.abort_all();
        }
    }

    fn is_ready(&mut self) -> bool {
        self.scene.witness.counters.online.load(Ordering::Relaxed) >= self.drivers && self.all_home()
    }

    fn all_home(&mut self) -> bool {
        while let Ok(rider) = self.home.try_recv() {
            self.free.push(rider);
        }
        self.free.len() >= self.jobs.len()
    }
}
