//! A register of licences and motorcycles, as docs/DRIVERS.md writes its wire down.
//!
//! It knows everybody. How it answers is in the number asked about, so that whoever rehearses can have each answer: the last
//! three digits of the number say it (of `RC 903 B` these are 903).
//!
//! | digits | answer |
//! |---|---|
//! | 901 | `expired` |
//! | 902 | `suspended` |
//! | 903 | `unknown` |
//! | 904 | `name_mismatch` |
//! | 905 | `valid`, after [`SLOW`] |
//! | 906 | 500 |
//! | 907 | 200 with half a JSON object |
//! | any other | `valid` |

use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

/// The key that the stand-in accepts.
pub const API_KEY: &str = "sandbox-authority-key";

/// Where its routes begin.
pub const PATH: &str = "/authority";

/// How long the slow answer takes.
pub const SLOW: Duration = Duration::from_secs(2);

pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/authority/v1/verifications", post(verify))
}

#[derive(Deserialize)]
struct Question {
    kind: String,
    number: String,
    first_name: String,
    last_name: String,
}

async fn verify(headers: HeaderMap, question: Result<Json<Question>, JsonRejection>) -> Response {
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if key.and_then(|value| value.strip_prefix("Bearer ")) != Some(API_KEY) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "unknown key"}))).into_response();
    }
    let Ok(Json(question)) = question else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "not a question"}))).into_response();
    };
    let is_named = !question.first_name.is_empty() && !question.last_name.is_empty();
    if !matches!(question.kind.as_str(), "licence" | "vehicle") || !is_named {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "not a question"}))).into_response();
    }
    let result = match last_digits(&question.number).as_str() {
        "901" => "expired",
        "902" => "suspended",
        "903" => "unknown",
        "904" => "name_mismatch",
        "905" => {
            tokio::time::sleep(SLOW).await;
            "valid"
        }
        "906" => return (StatusCode::INTERNAL_SERVER_ERROR, "the register is closed").into_response(),
        "907" => return ([(header::CONTENT_TYPE, "application/json")], "{\"result\":").into_response(),
        _ => "valid",
    };
    Json(json!({"result": result})).into_response()
}

/// The last three digits of a number, whatever stands between and behind them.
fn last_digits(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(3)..].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_three_digits_say_the_answer() {
        for (number, digits) in [("RC903B", "903"), ("1199480012345901", "901"), ("LT-12", "12"), ("", "")] {
            assert_eq!(last_digits(number), digits, "{number}");
        }
    }
}
