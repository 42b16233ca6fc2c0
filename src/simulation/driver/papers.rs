//! How a driver comes to be one: account, papers, approval.

use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::sleep;

use super::Driver;
use crate::clock;
use crate::simulation::api::{Call, Failure};
use crate::simulation::backoff::Backoff;

impl Driver {
    /// Registers, files the papers and has them approved, as often as it takes.
    pub(super) async fn become_driver(&mut self) {
        let mut backoff = Backoff::new();
        loop {
            let tried = {
                let world = self.world.clone();
                let _turn = world.sign_ups.acquire().await;
                self.file_papers().await
            };
            let Err(failure) = tried else { return };
            tracing::debug!(driver = self.account.person.index, error = %failure, "a simulated driver cannot sign up");
            let pause = backoff.pause(&mut self.dice);
            sleep(pause.max(failure.pause_min().unwrap_or_default())).await;
        }
    }

    async fn file_papers(&mut self) -> Result<(), Failure> {
        let api = &self.world.api;
        self.account.sign_in(api).await?;
        let known: Result<Value, _> = self.account.call(api, Call::get("/drivers/me")).await;
        if known.is_ok_and(|driver| driver["status"] == "approved") {
            return Ok(());
        }
        let papers = self.account.person.papers(clock::now());
        self.account.call::<IgnoredAny>(api, Call::put("/drivers/me", &papers)).await?;
        self.world.approve(self.account.user().ok_or(Failure::NoText)?).await
    }
}
