//! MTN MoMo, as its customers see it: collection, disbursement, remittance; the sandbox in euros whose users provision
//! themselves, and `mtnrwanda` in francs with one account that exists.
//!
//! Separate because its rules are another's, byte for byte: nothing of the engine depends on them. Paths are taken in any
//! case and with or without a slash at the end, since public clients differ and the real one takes both.

mod account;
mod consent;
mod gate;
mod order;
mod route;
mod standing;
mod token;
pub mod users;

use super::wire::{Call, Reply};
use super::world::{Shape, World};
use route::Route;
use standing::Asked;
pub use standing::callback;

/// Subscription key of the collection product.
pub const COLLECTION_KEY: &str = "c0113c7100000000000000000000b0da";
/// Subscription key of the disbursement product.
pub const DISBURSEMENT_KEY: &str = "d15b0125e00000000000000000000b0d";
/// Subscription key of the remittance product.
pub const REMITTANCE_KEY: &str = "4e3177a0ce0000000000000000000b0d";
/// The API user of the account that exists from the beginning, in `mtnrwanda`.
pub const API_USER: &str = "b0da0000-0000-4000-8000-000000000001";
/// Its API key.
pub const API_KEY: &str = "b0da5a9db0c0ffee0000000000000001";

/// What a call is, for faults and for the log, and whether it is an order.
pub fn name(call: &Call) -> (&'static str, bool) {
    let segments = call.segments();
    match route::find(&call.method, &segments) {
        Some(route) => (route.name(), matches!(route, Route::Order(..))),
        None => ("unknown", false),
    }
}

/// Answers a call.
pub fn answer(world: &World, call: &Call, shape: Shape) -> Reply {
    let segments = call.segments();
    let Some(route) = route::find(&call.method, &segments) else {
        return gate::apim(404, "Resource not found");
    };
    world.with(|state, now| {
        let replied = match route {
            Route::CreateUser => users::create(state, call),
            Route::CreateKey(id) => users::create_key(state, call, id),
            Route::User(id) => users::read(state, call, id),
            Route::Token(product) => token::mint(state, call, product, now),
            Route::ConsentToken(product) => consent::mint(state, call, product, now),
            Route::Authorize(product) => consent::authorize(state, call, product, now),
            Route::UserInfo(product) => consent::user_info(state, call, product, now),
            Route::Order(product, kind) => order::take(state, call, product, kind, now),
            Route::Standing(product, kind, reference) => {
                standing::read(state, call, &Asked { product, kind, reference, shape }, now)
            }
            Route::Notify(product, reference) => order::notify(state, call, product, reference, now),
            Route::Cancel(product, kind, reference) => order::cancel(state, call, product, kind, reference, now),
            Route::Mandates(product, party) => standing::mandates(state, call, product, party, now),
            Route::Active(product, party) => account::active(state, call, product, party, now),
            Route::BasicInfo(product, party) => account::basic_info(state, call, product, party, now),
            Route::Balance(product, currency) => account::balance(state, call, product, currency, now),
        };
        replied.unwrap_or_else(|refusal| refusal)
    })
}

#[cfg(test)]
mod tests;
