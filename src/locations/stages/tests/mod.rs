//! Tests of stages: the rules against a model, the service against a real database.

mod queue;
mod service;
