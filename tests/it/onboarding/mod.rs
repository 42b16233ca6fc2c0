//! How somebody becomes a driver, stays one, and stops being one: every paper of the list, from outside.

mod files;
mod reviews;
mod walkthrough;

use serde_json::{Value, json};

use crate::api::Answer;
use crate::house::{House, Visit};
use crate::people::{Person, papers, text};

/// A house in which every paper is required, and an authority is asked.
fn complete() -> House {
    House::start(&[("drivers.papers_complete", "true"), ("authority.provider", "sandbox")])
}

/// A PDF of nothing.
fn pdf(inside: &str) -> Vec<u8> {
    format!(
        "%PDF-1.4\n1 0 obj\n<< /Type /Catalog {inside} >>\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"
    )
    .into_bytes()
}

/// A JPEG of these sides, with a place in it that nobody is to learn.
pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let length = u16::try_from(data.len() + 2).expect("short").to_be_bytes();
        [&[0xFF, marker], length.as_slice(), data].concat()
    };
    let frame = [&[8], height.to_be_bytes().as_slice(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    [
        vec![0xFF, 0xD8],
        segment(0xE1, b"Exif\0\0MM\0*GPS 1.9441S 30.0619E"),
        segment(0xDB, &[0; 65]),
        segment(0xC0, &frame),
        segment(0xDA, &[1, 1, 0, 0, 63, 0]),
        vec![0x12, 0x34, 0xFF, 0xD9],
    ]
    .concat()
}

/// Sends a file of a paper.
pub async fn send_file(person: &Person, kind: &str, content_type: &str, bytes: Vec<u8>) -> Answer {
    let path = format!("/drivers/me/documents/{kind}/file");
    let content_type = content_type.to_owned();
    person
        .api
        .send(reqwest::Method::PUT, &path, |request| request.header("content-type", content_type).body(bytes))
        .await
}

/// A driver with everything handed in; the last day of each paper.
async fn complete_applicant(house: &House) -> (Person, String) {
    let driver = Person::driver_without_papers(house).await;
    driver.api.patch("/me", &json!({"date_of_birth": "1994-07-01"})).await.expect(200);
    let mine = papers(house).await;
    let last_day = text(&mine["insurance_expires_on"]).to_owned();
    driver.api.put("/drivers/me", &mine).await.expect(200);
    let order: String = mine["licence_number"].as_str().map(|number| number[9..].to_owned()).expect("a text");
    for body in [
        json!({"kind": "national_id", "number": format!("119948{}078", order.chars().take(7).collect::<String>())}),
        json!({"kind": "authorisation", "number": format!("RURA-{order}"), "expires_on": last_day,
               "first_authorised_on": "2023-05-01"}),
        json!({"kind": "helmet", "number": "2", "confirmed": true}),
        json!({"kind": "cooperative", "number": "C-77", "issuer": "Ubumwe"}),
    ] {
        driver.api.post("/drivers/me/documents", &body).await.expect(201);
    }
    for kind in ["licence", "authorisation", "insurance", "inspection", "national_id"] {
        send_file(&driver, kind, "application/pdf", pdf("")).await.expect(200);
    }
    for kind in ["photo", "helmet"] {
        send_file(&driver, kind, "image/jpeg", jpeg(640, 480)).await.expect(200);
    }
    (driver, last_day)
}

/// How a requirement stands for the driver.
async fn step(driver: &Person, requirement: &str) -> Value {
    let shown = driver.api.get("/drivers/me/onboarding").await.expect(200);
    let items = shown["requirements"].as_array().expect("a list").clone();
    items.into_iter().find(|item| item["requirement"] == requirement).expect("every requirement is shown")
}

/// The driver's newest paper of a kind.
pub async fn paper(driver: &Person, kind: &str) -> Value {
    let shown = driver.api.get("/drivers/me/documents").await.expect(200);
    let items = shown["items"].as_array().expect("a list").clone();
    items.into_iter().find(|item| item["kind"] == kind).expect("it was handed in")
}

/// A reviewer's decision about a paper.
async fn decide(house: &House, driver: &Person, kind: &str, body: &Value) -> Answer {
    let id = text(&paper(driver, kind).await["id"]).to_owned();
    house.admin().await.api.post(&format!("/admin/drivers/{}/documents/{id}/decision", driver.id), body).await
}

/// For tests that share a house.
fn rehearsal() -> Visit {
    crate::house::shared()
}
