//! The page at which a person pays: a form with two buttons, for no number of a card is wanted here.

use super::refused;
use crate::sandbox::wire::Reply;
use crate::sandbox::world::{End, State, Status};
use crate::time::Timestamp;

/// `GET /pay/{id}`
pub fn show(state: &State, id: &str) -> Result<Reply, Reply> {
    let order = state.book.named(id).ok_or_else(|| refused(404, "not_found", "There is no such page."))?;
    let body = match order.status {
        Status::Created | Status::Pending => format!(
            "<p class=amount>{} {}</p><form method=post action=\"/pay/{id}/complete\"><button>Pay</button></form>\
             <form method=post action=\"/pay/{id}/decline\"><button class=no>Decline</button></form>",
            order.amount, order.currency
        ),
        Status::Successful => {
            format!("<p class=amount>{} {}</p><p>Paid. You can go back.</p>", order.amount, order.currency)
        }
        Status::Failed(_) | Status::Cancelled => "<p>Not paid. You can go back and try again.</p>".to_owned(),
    };
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Card payment (sandbox)</title><style>body{{font:18px system-ui;max-width:22rem;margin:4rem auto;\
         padding:0 1rem;text-align:center}}.amount{{font-size:2rem}}button{{font:inherit;width:100%;padding:.8rem;margin:.3rem 0;\
         border:0;border-radius:.5rem;background:#0a7;color:#fff}}.no{{background:#777}}</style>\
         <h1>Sandbox card</h1>{body}<p><small>No money moves here.</small></p></html>"
    );
    Ok(Reply::html(200, page))
}

/// `POST /pay/{id}/complete` and `/decline`; a second press changes nothing.
pub fn decide(state: &mut State, id: &str, end: End, now: Timestamp) -> Result<Reply, Reply> {
    let order = state.book.named(id).ok_or_else(|| refused(404, "not_found", "There is no such page."))?;
    let number = order.number;
    state.finish(number, end, now);
    Ok(Reply::empty(303).with("location", format!("/pay/{id}")))
}
