//! What everybody in the simulated city shares: the way to the server, the map, the rules, the counters.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::ids::UserId;
use crate::simulation::Config;
use crate::simulation::account::Session;
use crate::simulation::api::{Api, Call, Failure};
use crate::simulation::meeting::Meeting;
use crate::simulation::places::City;
use crate::simulation::routes::Routes;
use crate::simulation::tally::Tally;

/// The shared part of the simulated city.
pub struct World {
    /// How the city is to be.
    pub config: Config,
    /// The way to the server.
    pub api: Api,
    /// Where people are.
    pub city: City,
    /// How one gets from place to place.
    pub routes: Routes,
    /// Where PINs are told.
    pub meeting: Meeting,
    /// What has happened so far.
    pub tally: Tally,
    /// Turns of drivers at signing up: not everybody at once. Riders come one by one anyhow.
    pub sign_ups: Semaphore,
    /// The end of the city.
    pub shutdown: CancellationToken,
    /// The administrator, who approves drivers.
    pub admin: Mutex<Session>,
}

impl World {
    /// So many seconds of human time, at the speed of this city.
    pub fn pace(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds / self.config.speed_factor)
    }

    /// The administrator looks at a driver's papers and finds them good.
    pub async fn approve(&self, driver: UserId) -> Result<(), Failure> {
        let (path, body) = (format!("/admin/drivers/{driver}/approve"), json!({}));
        let token = self.admin_token().await?;
        let approved = match self.api.call::<IgnoredAny>(&Call::post(&path, &body).with_token(&token)).await {
            Err(failure) if failure.is_status(401) => {
                self.admin.lock().await.distrust();
                let token = self.admin_token().await?;
                self.api.call(&Call::post(&path, &body).with_token(&token)).await
            }
            other => other,
        };
        match approved {
            // Approved already, by an answer that was lost.
            Err(failure) if failure.is_status(409) => Ok(()),
            other => other.map(drop),
        }
    }

    async fn admin_token(&self) -> Result<String, Failure> {
        let mut admin = self.admin.lock().await;
        match admin.token(&self.api).await.map(str::to_owned) {
            Err(failure) if failure.is_status(401) => {
                *admin = self.config.admin.log_in(&self.api).await?;
                admin.token(&self.api).await.map(str::to_owned)
            }
            other => other,
        }
    }
}
