//! Prices come into force by two people, for a day that lies ahead, and on every server.

use chrono::NaiveDate;
use sqlx::PgPool;

use super::versions::Kind;
use super::*;
use crate::db::fixture;
use crate::fares::TariffBook;
use crate::ids::UserId;
use crate::time::Timestamp;

fn at(day: u32) -> Timestamp {
    Timestamp::start_of_kigali_day(NaiveDate::from_ymd_opt(2027, 3, day).expect("a day"))
}

fn tariff(name: &str, from: &str) -> Proposal {
    let book = TariffBook::rwanda_moto();
    let prices = TariffPrices { base_rwf: 450, ..TariffPrices::from(book.tariffs().last().expect("some")) };
    let text = |text: &str| text.to_owned();
    Proposal { name: text(name), valid_from: text(from), source: text("gazette 7"), content: Content::Tariff(prices) }
}

fn terms(name: &str, from: &str, commission: u32) -> Proposal {
    let numbers = TermsNumbers::of_commission(BasisPoints(commission));
    Proposal { content: Content::Terms { ride_type: "boda".to_owned(), numbers }, ..tariff(name, from) }
}

async fn admins(pool: &PgPool) -> (UserId, UserId) {
    (fixture::person(pool, 1, "admin").await, fixture::person(pool, 2, "admin").await)
}

/// The code of a refusal.
fn code<T: fmt::Debug>(result: Result<T, Error>) -> String {
    result.expect_err("refused").code().to_owned()
}

#[sqlx::test(migrations = "./migrations")]
async fn a_tariff_holds_when_another_admin_approved_it_from_its_day_on_and_everywhere(pool: PgPool) {
    let (alice, bob) = admins(&pool).await;
    let (here, elsewhere) = (Prices::for_tests(pool.clone()), Prices::for_tests(pool.clone()));
    let version = here.propose(tariff("RURA 2027-03-10", "2027-03-10"), alice, at(1)).await.expect("proposed");
    let base = |prices: &Prices, day| prices.book().tariffs().at(at(day)).map(|tariff| tariff.base.amount());
    assert_eq!(base(&here, 10), Some(400), "nobody approved it");
    assert_eq!(code(here.approve(Kind::Tariff, version.id, alice, at(2)).await), "four_eyes");
    assert_eq!(code(here.approve(Kind::Terms, version.id, bob, at(2)).await), "not_found");
    for _ in 0..2 {
        let approved = here.approve(Kind::Tariff, version.id, bob, at(2)).await.expect("approved");
        assert_eq!((approved.state, approved.approved), (State::Approved, Some((bob, at(2)))));
    }
    assert_eq!((base(&here, 9), base(&here, 10), base(&elsewhere, 10)), (Some(400), Some(450), Some(400)));
    elsewhere.reload().await.expect("reads");
    assert_eq!(base(&elsewhere, 10), Some(450));
    // A ride that was sold by it finds it after it was withdrawn; in force, nothing is withdrawn.
    assert_eq!(code(here.withdraw(Kind::Tariff, version.id, alice, at(10)).await), "in_force");
    here.withdraw(Kind::Tariff, version.id, alice, at(9)).await.expect("withdrawn");
    assert_eq!(base(&here, 10), Some(400));
    assert!(here.book().tariff_named("RURA 2027-03-10").is_some());
    assert_eq!(code(here.approve(Kind::Tariff, version.id, bob, at(9)).await), "wrong_state");
}

#[sqlx::test(migrations = "./migrations")]
async fn nothing_is_retroactive_and_no_day_and_no_name_is_given_twice(pool: PgPool) {
    let (alice, bob) = admins(&pool).await;
    let prices = Prices::for_tests(pool.clone());
    for from in ["2027-03-01", "2022-01-01", "2099-01-01", "soon"] {
        let refused = prices.propose(tariff("new", from), alice, at(1)).await.expect_err("refused");
        assert_eq!(refused.faults().first().map(|fault| fault.field.as_str()), Some("valid_from"), "{from}");
    }
    let first = prices.propose(terms("a", "2027-03-05", 800), alice, at(1)).await.expect("proposed");
    let second = prices.propose(terms("b", "2027-03-05", 700), bob, at(1)).await.expect("proposed");
    let late = prices.propose(terms("c", "2027-03-02", 600), alice, at(1)).await.expect("proposed");
    for name in ["a", "built in"] {
        assert_eq!(code(prices.propose(terms(name, "2027-03-06", 800), bob, at(1)).await), "name_taken");
    }
    prices.approve(Kind::Terms, first.id, bob, at(1)).await.expect("approved");
    assert_eq!(code(prices.approve(Kind::Terms, second.id, alice, at(1)).await), "day_taken");
    assert_eq!(code(prices.approve(Kind::Terms, late.id, bob, at(2)).await), "day_passed");
    let commission = |day| prices.book().terms_at("boda", at(day)).numbers.commission_basis_points;
    assert_eq!((commission(4), commission(5)), (900, 800));
    // Whoever writes to the table by hand changes nothing that held.
    for change in ["UPDATE price_versions SET content = '{}'", "DELETE FROM price_versions"] {
        assert!(sqlx::query(change).execute(&pool).await.is_err(), "{change}");
    }
    let page = crate::web::page::PageRequest { limit: 2, before: None };
    let listed = prices.versions(Kind::Terms, &page, alice, at(2)).await.expect("reads");
    assert_eq!((listed.items.len(), listed.next_cursor.is_some()), (2, true));
}
