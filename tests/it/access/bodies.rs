//! What is sent in the access matrix: a body that gets as far as the question whose the thing is.
//!
//! A route without a line here is sent `{}`, which is enough where the role alone decides.

use serde_json::{Value, json};

use crate::city::Place;
use crate::people::fresh_phone;

/// The query of a route, with its question mark.
pub fn query(route: &str) -> &'static str {
    match route {
        "GET /drivers/nearby" | "GET /places/reverse" | "GET /stages" => "?lat=-1.95&lng=30.06",
        "GET /heatmap" => "?lat_min=-1.96&lat_max=-1.94&lng_min=30.05&lng_max=30.07",
        "GET /places" => "?q=nyabu",
        "GET /drivers/me/payout-quote" => "?amount_rwf=1000",
        "GET /admin/users" => "?phone=0788123456",
        "GET /admin/reconciliation" | "POST /admin/reconciliation/{provider}/statements" => "?day=2026-11-25",
        _ => "",
    }
}

/// The body of a route.
pub fn body(route: &str) -> Value {
    match route {
        "POST /auth/register" => json!({
            "phone": fresh_phone(), "first_name": "Yves", "last_name": "Gatete", "role": "customer",
        }),
        "POST /auth/code" => json!({"phone": fresh_phone()}),
        "POST /auth/verify" => json!({"phone": fresh_phone(), "code": "123456"}),
        "POST /auth/login" => json!({"phone": fresh_phone(), "password": "none of theirs"}),
        "POST /auth/second-factor"
        | "POST /me/second-factor/confirm"
        | "POST /me/second-factor/remove"
        | "POST /me/second-factor/recovery-codes" => json!({"code": "none of theirs"}),
        "POST /auth/password/reset" | "POST /me/phone" => json!({"phone": fresh_phone()}),
        "POST /auth/password/reset/confirm" => {
            json!({"phone": fresh_phone(), "code": "123456", "new_password": "none of theirs"})
        }
        "POST /me/phone/confirm" => json!({"phone": fresh_phone(), "old_code": "123456", "new_code": "123456"}),
        "POST /auth/partner/token" => {
            json!({"partner_id": "00000000-0000-4000-8000-000000000000", "secret": "none of theirs"})
        }
        "POST /riders/me/referral" => json!({"code": "NOBODYS"}),
        "POST /admin/promotions/{id}/end" => json!({"reason": "for the matrix"}),
        "POST /admin/partners" => json!({"name": "for the matrix", "scopes": ["places:read"]}),
        "POST /admin/partners/{id}/revoke" => json!({"reason": "for the matrix"}),
        "PUT /admin/users/{id}/phone" => json!({"phone": fresh_phone(), "reason": "for the matrix"}),
        "POST /auth/refresh" => json!({"refresh_token": "none of theirs"}),
        "POST /rides/{id}/payment" => json!({"method": "mtn_momo"}),
        "POST /rides/{id}/cancel" => json!({"reason": "other"}),
        "POST /agent/rides/{id}/cancel" => json!({"reason": "changed_mind"}),
        "POST /rides/{id}/fare-dispute" => json!({"reason": "other"}),
        "POST /rides/{id}/rating" => json!({"stars": 5}),
        "POST /rides/{id}/tip" => json!({"amount_rwf": 300}),
        "POST /rides/{id}/start" => json!({"pin": "0000"}),
        "POST /rides/{id}/reschedule" => json!({"pickup_at": "2027-01-27T07:30:00+02:00"}),
        "POST /offers/{offer_id}/decline" => json!({"reason": "too_far"}),
        "PUT /drivers/me/riders/{id}" | "PUT /riders/me/drivers/{id}" => json!({"relation": "blocked"}),
        "POST /rides/pair" => {
            let here = json!({"lat": -1.95, "lng": 30.06});
            json!({"code": "0000", "pickup": here, "destination": {"lat": -1.93, "lng": 30.08}})
        }
        "POST /safety/incidents" => json!({"kind": "accident", "severity": "low", "description": "we slid"}),
        "POST /admin/breaches/{id}/state" => json!({"state": "notified"}),
        "POST /admin/breaches/{id}/informing" => json!({"inform": "high_risk", "reason": "phones were readable"}),
        "POST /admin/breaches" | "PUT /admin/breaches/{id}" => json!({
            "aware_at": "2026-01-26T08:00:00Z", "nature": "a lost disk", "categories": ["phone"], "people": 1,
            "records": 1, "consequences": "none known", "measures": "it was encrypted", "plan": "none",
        }),
        "POST /admin/incidents/{id}/state" => json!({"state": "investigating"}),
        "POST /admin/drivers/{id}/reject" | "POST /admin/drivers/{id}/suspend" => json!({"reason": "for the matrix"}),
        "POST /admin/adjustments/{id}/reject"
        | "POST /admin/drivers/{id}/payout-wallet/accept"
        | "POST /admin/payouts/{id}/reject"
        | "POST /admin/refunds/{id}/reject" => json!({"reason": "for the matrix"}),
        "PUT /me/consents/{purpose}" => json!({"given": false}),
        "PUT /admin/privacy/people/{id}/consents/{purpose}" => json!({"given": false, "channel": "paper"}),
        "POST /admin/privacy/people/{id}/erasure"
        | "POST /admin/privacy/people/{id}/export"
        | "PUT /admin/privacy/people/{id}/restriction" => json!({"reason": "for the matrix"}),
        "POST /admin/privacy/holds" => {
            json!({"kind": "ride", "subject": uuid::Uuid::new_v4(), "reason": "for the matrix"})
        }
        "POST /admin/drivers/{id}/documents/{document_id}/decision" => json!({"decision": "approve"}),
        "POST /admin/money-cases/{id}/resolve" => json!({"resolution": "explained", "reason": "for the matrix"}),
        "POST /admin/driver-appeals/{id}/decision" => json!({"outcome": "refused", "reason": "for the matrix"}),
        _ => json!({}),
    }
}

/// A zone around a place.
pub fn zone(middle: Place) -> Value {
    let corners = [(-200.0, -200.0), (-200.0, 200.0), (200.0, 200.0), (200.0, -200.0), (-200.0, -200.0)];
    let ring = corners.map(|(north, east)| {
        let corner = middle.north(north).east(east);
        [corner.lng, corner.lat]
    });
    json!({
        "type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"name": "Ku isoko", "kind": "stage"},
    })
}
