//! What the machine of attempts may and may not do.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::payments::providers::FractionalAmount;

const START: Timestamp = Timestamp::from_millis(1_760_000_000_000);

fn new(operation: Operation) -> Attempt {
    Attempt {
        id: AttemptId::fresh(),
        operation,
        provider: ProviderId::Airtel,
        subject: Uuid::nil(),
        person: UserId(Uuid::nil()),
        amount: Francs(1_500),
        state: State::Prepared,
        provider_reference: None,
        page_url: None,
        is_submit_unknown: false,
        refusal: None,
        created_at: START,
        requested_at: None,
        submitted_at: None,
        finished_at: None,
        next_at: Some(START),
        polled_at: None,
        polls: 0,
        misses: 0,
        missed_since: None,
    }
}

fn claimed(attempt: Attempt, now: Timestamp) -> Attempt {
    Attempt { state: State::Submitting, requested_at: Some(now), next_at: Some(now + LEASE), ..attempt }
}

const fn at(now: Timestamp) -> At {
    At { now, jitter: 0.5, is_same_host: true }
}

fn moved(amount: i64) -> Moved {
    Moved {
        amount: Some(Ok(Francs(amount))),
        is_our_currency: Some(true),
        is_our_reference: Some(true),
        provider_reference: None,
    }
}

fn refusal(reason: Reason) -> Refusal {
    Refusal { reason, code: "CODE".into() }
}

fn secs(secs: i64) -> Timestamp {
    START + Span::from_secs(secs)
}

#[derive(Clone, Debug)]
enum Event {
    Submitted(Submitted),
    Stands(Standing),
}

fn event() -> impl Strategy<Value = Event> {
    let not_sent = Submitted::NotSent { reason: "connect", retry_after: None, is_trouble: true };
    let unknown = Standing::Unknown { reason: "html", retry_after: None, is_trouble: true };
    let accepted = Submitted::Accepted { provider_reference: None, page_url: None };
    prop_oneof![
        Just(Event::Submitted(accepted)),
        Just(Event::Submitted(Submitted::AlreadyExists)),
        Just(Event::Submitted(Submitted::Unknown { reason: "timeout" })),
        Just(Event::Submitted(not_sent)),
        Just(Event::Submitted(Submitted::Refused(refusal(Reason::InvalidPayer)))),
        Just(Event::Stands(Standing::Pending)),
        Just(Event::Stands(Standing::NotFound)),
        Just(Event::Stands(unknown)),
        Just(Event::Stands(Standing::Failed(refusal(Reason::PayerTimeout)))),
        Just(Event::Stands(Standing::Succeeded(moved(1_500)))),
        Just(Event::Stands(Standing::Succeeded(moved(1_501)))),
    ]
}

proptest! {
    #[test]
    fn no_events_lead_where_the_table_does_not(
        events in prop::collection::vec((event(), 0_i64..20_000, any::<bool>()), 1..40),
        is_payout in any::<bool>(),
    ) {
        let mut attempt = new(if is_payout { Operation::Payout } else { Operation::Collection });
        let (mut now, mut ends, mut late) = (START, 0, 0);
        for (event, pause, is_same_host) in events {
            now = now + Span::from_secs(pause);
            if attempt.state == State::Prepared {
                attempt = claimed(attempt, now);
            }
            let before = attempt.clone();
            let at = At { now, jitter: 0.1, is_same_host };
            let step = match &event {
                Event::Submitted(answer) => before.clone().submitted(answer, at),
                Event::Stands(standing) => before.clone().stands(standing, at),
            };
            let after = &step.attempt;
            prop_assert!(before.state == after.state || Attempt::legal(before.state, after.state), "{before:?} {event:?} {after:?}");
            prop_assert_eq!((before.id, before.amount), (after.id, after.amount));
            if let Some(ended) = &step.ended {
                ends += i32::from(!ended.is_late);
                late += i32::from(ended.is_late);
                prop_assert!(after.state.is_over());
            }
            // Nothing that is open is forgotten.
            prop_assert!(after.state.is_over() || after.next_at.is_some());
            // Money is believed to have moved only when a provider says so, of this amount.
            if after.state == State::Succeeded && before.state != State::Succeeded {
                prop_assert!(matches!(&event, Event::Stands(Standing::Succeeded(told)) if *told == moved(1_500)));
            }
            // Sent again only when it surely was not taken, or was not found for a minute.
            if after.state == State::Prepared && before.state != State::Prepared {
                let not_sent = matches!(event, Event::Submitted(Submitted::NotSent { .. })) && !before.is_submit_unknown;
                let is_gone = matches!(event, Event::Stands(Standing::NotFound)) && before.misses >= 2 && is_same_host;
                prop_assert!(not_sent || is_gone, "{before:?} {event:?}");
            }
            attempt = step.attempt;
        }
        prop_assert!(ends <= 1 && late <= 1);
    }
}

#[test]
fn another_amount_currency_or_reference_is_for_a_person() {
    let odd = [
        moved(1_499),
        Moved { amount: Some(Err(FractionalAmount)), ..moved(0) },
        Moved { is_our_currency: Some(false), ..moved(1_500) },
        Moved { is_our_reference: Some(false), ..moved(1_500) },
    ];
    for told in odd {
        let pending = claimed(new(Operation::Collection), START).submitted(&Submitted::AlreadyExists, at(START));
        let step = pending.attempt.stands(&Standing::Succeeded(told), at(secs(10)));
        assert_eq!((step.attempt.state, step.ended), (State::IntegrityFailure, None));
        assert!(matches!(step.alarm, Some(Alarm::Integrity(_))));
        assert_eq!(step.attempt.next_at, None);
    }
    // What the provider does not repeat cannot differ.
    let silent = Moved { amount: None, is_our_currency: None, is_our_reference: None, provider_reference: None };
    let pending = claimed(new(Operation::Collection), START).submitted(&Submitted::AlreadyExists, at(START));
    assert_eq!(pending.attempt.stands(&Standing::Succeeded(silent), at(secs(10))).attempt.state, State::Succeeded);
}

#[test]
fn three_misses_over_a_minute_send_it_again_and_only_where_it_was_sent() {
    let lost = claimed(new(Operation::Collection), START);
    let mut step = lost.submitted(&Submitted::Unknown { reason: "timeout" }, at(START));
    for age in [10, 20, 30, 45] {
        step = step.attempt.stands(&Standing::NotFound, at(secs(age)));
        assert_eq!(step.attempt.state, State::Pending);
    }
    let elsewhere = At { is_same_host: false, ..at(secs(90)) };
    assert_eq!(step.attempt.clone().stands(&Standing::NotFound, elsewhere).attempt.state, State::Pending);
    let again = step.attempt.stands(&Standing::NotFound, at(secs(90))).attempt;
    assert_eq!((again.state, again.next_at), (State::Prepared, Some(secs(90))));
    // Refused now: the first one may still turn up, so it is looked for as long again.
    let refused = Submitted::Refused(refusal(Reason::InvalidPayer));
    let mut step = claimed(again, secs(90)).submitted(&refused, at(secs(90)));
    assert_eq!(step.attempt.state, State::Pending);
    for age in [100, 110, 120, 135, 150] {
        step = step.attempt.stands(&Standing::NotFound, at(secs(age)));
        assert_eq!(step.attempt.state, State::Pending);
    }
    step = step.attempt.stands(&Standing::NotFound, at(secs(180)));
    assert_eq!(step.attempt.state, State::Rejected);
    assert!(step.ended.is_some());
}

#[test]
fn after_a_day_nobody_knows_and_time_still_says_nothing() {
    let pending = claimed(new(Operation::Collection), START).submitted(&Submitted::AlreadyExists, at(START));
    let day = START + UNRESOLVED_AFTER;
    let step = pending.attempt.stands(&Standing::Pending, at(day));
    assert_eq!((step.attempt.state, step.alarm), (State::Unresolved, Some(Alarm::Unresolved)));
    assert_eq!(step.attempt.next_at, Some(day + ladder::UNRESOLVED));
    let later = day + Span::from_secs(900_000);
    let step = step.attempt.stands(&Standing::NotFound, at(later));
    assert_eq!((step.attempt.state, step.alarm), (State::Unresolved, None), "said once, and never sent again");
    let step = step.attempt.stands(&Standing::Succeeded(moved(1_500)), at(later));
    assert_eq!(step.attempt.state, State::Succeeded);
}

#[test]
fn airtels_time_out_is_looked_at_once_more_after_a_day() {
    let pending = claimed(new(Operation::Collection), START).submitted(&Submitted::AlreadyExists, at(START));
    let failed = Standing::Failed(refusal(Reason::PayerTimeout));
    let step = pending.attempt.stands(&failed, at(secs(300)));
    assert_eq!(step.attempt.next_at, Some(secs(300) + UNRESOLVED_AFTER));
    let day = secs(300) + UNRESOLVED_AFTER;
    assert_eq!(step.attempt.clone().stands(&failed, at(day)).attempt.next_at, None);
    let step = step.attempt.stands(&Standing::Succeeded(moved(1_500)), at(day));
    assert_eq!((step.attempt.state, step.alarm), (State::Succeeded, Some(Alarm::LateSuccess)));
    assert!(step.ended.is_some_and(|ended| ended.is_late));
}

#[test]
fn a_collection_that_never_left_is_given_up_and_a_payout_waits() {
    let down = Submitted::NotSent { reason: "connect", retry_after: None, is_trouble: true };
    let soon = claimed(new(Operation::Collection), START).submitted(&down, at(secs(1)));
    assert_eq!(soon.attempt.state, State::Prepared);
    let given_up = claimed(soon.attempt, secs(20)).submitted(&down, at(secs(20)));
    assert_eq!(given_up.attempt.state, State::Rejected);
    let payout = claimed(new(Operation::Payout), secs(20)).submitted(&down, at(secs(3_600)));
    assert_eq!(payout.attempt.state, State::Prepared);
}

#[test]
fn a_callback_comes_no_nearer_than_ten_seconds_to_the_last_look() {
    assert_eq!(hinted(None, Some(secs(10)), secs(1)), Some(secs(1)));
    assert_eq!(hinted(Some(secs(10)), Some(secs(100)), secs(12)), Some(secs(20)));
    assert_eq!(hinted(Some(secs(10)), Some(secs(100)), secs(50)), Some(secs(50)));
    assert_eq!(hinted(Some(secs(10)), Some(secs(15)), secs(12)), Some(secs(15)));
    assert_eq!(hinted(Some(secs(10)), None, secs(12)), None);
}
