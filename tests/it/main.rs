//! Black-box tests of the whole house: the built program, a real PostgreSQL, real sockets, the sandbox as the outside
//! world.
//!
//! One binary, so that it is linked once. Most tests share a running server ([`house::shared`]) and stay out of each
//! other's way: every test has people of its own in a corner of the city of its own. A test that needs other settings,
//! or that stops, kills or breaks something, starts a house of its own. Needs `DATABASE_URL` of a PostgreSQL in which
//! databases can be made; `make test` provides it.

mod api;
mod app;
mod audit;
mod city;
mod database;
mod house;
mod patience;
mod paying;
mod paying_walk;
mod people;
mod pickups;
mod privacy;
mod process;
mod proxy;
mod raw;
mod redis;
mod walk;

mod access;
mod at_rest;
mod bad_input;
mod booking;
mod bus;
mod cancelling;
mod cli;
mod crashes;
mod demand;
mod decisions;
mod dispatching;
mod drivers;
mod edge;
mod encryption;
mod fares;
mod geofences;
mod history;
mod ledger;
mod machines;
mod maps;
mod money;
mod onboarding;
mod operations;
mod outages;
mod payouts;
mod people_of_rides;
mod products;
mod promotions;
mod random_input;
mod roads;
mod second_factor;
mod seeding;
mod signing_in;
mod sockets;
mod stages;
mod tracks;
mod whole_rides;
mod workers;
