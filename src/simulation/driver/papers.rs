//! How a driver comes to be one: account, papers, approval.

use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Driver;
use crate::clock;
use crate::simulation::api::{Call, Failure};
use crate::simulation::backoff::Backoff;
use crate::time::Span;

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
        let person = &self.account.person;
        let (motorcycle, number) = (person.motorcycle(), person.paper_number());
        let in_days = |days: i64| (clock::now() + Span::from_minutes(days * 24 * 60)).kigali_day().to_string();
        let papers = json!({
            "licence_number": format!("RW-A-{number}"), "licence_category": "A", "licence_expires_on": in_days(1_200),
            "plate": motorcycle.plate, "vehicle_make": motorcycle.make, "vehicle_model": motorcycle.model,
            "vehicle_year": 2023, "vehicle_colour": motorcycle.colour, "fuel": motorcycle.fuel, "ride_types": ["boda"],
            "insurance_number": format!("INS-{number}"), "insurance_expires_on": in_days(300),
            "inspection_expires_on": in_days(150),
        });
        self.account.call::<IgnoredAny>(api, Call::put("/drivers/me", &papers)).await?;
        self.world.approve(self.account.user().ok_or(Failure::NoText)?).await
    }
}
