//! `boda`: a city of motorcycle taxis in one process.
//!
//! The `mod` lines below are the plan of the house. Each paragraph is a floor; a module imports only from modules
//! listed above it in this file. `tests/architecture` reads this file and fails on an import that points down.

// Values: pure, no IO.
pub mod ids;
pub mod money;
pub mod phone;
pub mod redact;
pub mod time;

// The city in memory: pure, no IO.
pub mod geo;
pub mod index;
pub mod road;
pub mod gazetteer;
pub mod atlas;
pub mod fares;
pub mod matching;
pub mod dispatch;
pub mod demand;

// The machine room: IO, knows no service.
pub mod error;
pub mod clock;
pub mod telemetry;
pub mod vault;
pub mod db;
pub mod bus;
pub mod jobs;
pub mod web;
pub mod storage;
pub mod personal;
pub mod audit;
pub mod realtime;

// Services: one folder each.
pub mod notifications;
pub mod auth;
pub mod drivers;
pub mod maps;
pub mod locations;
pub mod steering;
pub mod pricing;
pub mod payments;
pub mod rides;
pub mod safety;
pub mod analytics;
pub mod government;
pub mod privacy;

// Assembly.
pub mod sandbox;
pub mod simulation;
pub mod config;
pub mod app;
pub mod cli;
