//! Airtel Money, as its customers see it: v1, and the signed v2 and v3.
//!
//! Separate because its rules are another's, byte for byte: nothing of the engine depends on them. Most of what goes wrong is
//! answered with HTTP 200.

mod account;
mod codes;
mod crypto;
mod gate;
mod order;
mod route;
mod standing;

use super::wire::{Call, Reply};
use super::world::{Shape, World};
use route::Route;
pub use standing::callback;

/// The app that exists from the beginning.
pub const CLIENT_ID: &str = "b0da0000-0000-4000-8000-0000000000a1";
/// Its secret.
pub const CLIENT_SECRET: &str = "sandbox-airtel-secret";
/// What authorises its payouts.
pub const PIN: &str = "4821";
/// What the hash of a callback is made with.
pub const CALLBACK_KEY: &str = "sandbox-airtel-callback-key";

/// What a call is, for faults and for the log, and whether it is an order.
pub fn name(call: &Call) -> (&'static str, bool) {
    match route::find(&call.method, &call.segments()) {
        Some(route) => (route.name(), route.is_order()),
        None => ("unknown", false),
    }
}

/// Answers a call.
pub fn answer(world: &World, call: &Call, _: Shape) -> Reply {
    let segments = call.segments();
    let Some(route) = route::find(&call.method, &segments) else {
        return Reply::json(
            404,
            &serde_json::json!({"status_message": "Resource not found", "status_code": "ROUTER005"}),
        );
    };
    let replied = match route {
        Route::Token => gate::mint(world, call),
        Route::Keys => gate::pass(world, call, codes::COLLECTION).map(|_| crypto::keys(world)),
        Route::Collect(version) => order::collect(world, call, version),
        Route::Refund(version) => order::refund(world, call, version),
        Route::Disburse(version) => order::disburse(world, call, version),
        Route::Collected(id) => standing::read(world, call, "payments", id),
        Route::Disbursed(id) => standing::read(world, call, "disbursements", id),
        Route::Kyc(msisdn) => account::kyc(world, call, msisdn),
        Route::Balance => account::balance(world, call),
        Route::Summary => account::summary(world, call),
    };
    replied.unwrap_or_else(|refusal| refusal)
}

#[cfg(test)]
mod tests;
