//! The driver's day, played without a server.

use rand::SeedableRng;

use super::*;
use crate::world::KIGALI;

const RIDE: Uuid = Uuid::from_u128(7);

fn habits() -> Habits {
    Habits { accept: 1.0, decline: 0.0, mistype: 0.0, ..Habits::usual(15.0, 0.0) }
}

fn shift() -> Shift {
    Shift::new(KIGALI, SmallRng::seed_from_u64(1))
}

fn frame(text: &str) -> Frame {
    serde_json::from_str(text).expect("a frame")
}

fn offer() -> Frame {
    frame(&format!(r#"{{"type":"offer","seq":1,"offer":{{"offer_id":"{RIDE}.1","ride_id":"{RIDE}"}}}}"#))
}

fn ride(kind: &str, id: &str, status: &str) -> Frame {
    let place = format!(r#"{{"lat":{},"lng":{}}}"#, KIGALI.lat, KIGALI.lng);
    frame(&format!(
        r#"{{"type":"{kind}","id":"{id}","ride":{{"id":"{RIDE}","status":"{status}","pickup":{place},"destination":{place}}}}}"#
    ))
}

/// A driver on shift, with the go_online behind them.
fn online(now: Instant) -> (Shift, Vec<Effect>) {
    let (mut shift, mut effects) = (shift(), Vec::new());
    let act = shift.due(now, &habits(), |_| None).expect("goes on shift first");
    assert!(act.frame.contains(r#""type":"go_online","id":"1""#), "{}", act.frame);
    shift.hear(frame(r#"{"type":"reply","id":"1"}"#), now, &habits(), &mut effects);
    assert!(matches!(effects[..], [Effect::Online]));
    effects.clear();
    (shift, effects)
}

#[test]
fn a_whole_ride_is_served_in_order() {
    let now = Instant::now();
    let later = now + Duration::from_secs(5);
    let (mut shift, mut effects) = online(now);
    shift.hear(offer(), now, &habits(), &mut effects);
    assert!(shift.due(now, &habits(), |_| None).is_none(), "looks at the offer first");
    let accept = shift.due(later, &habits(), |_| None).expect("accepts");
    assert!(accept.frame.contains("accept_offer") && accept.accepting.is_some(), "{}", accept.frame);
    for (id, status, next, at) in [
        ("2", "driver_assigned", "arrive", later),
        ("3", "driver_arrived", "start", later + Duration::from_secs(5)),
        ("4", "in_progress", "complete", later + Duration::from_secs(5)),
    ] {
        shift.hear(ride("reply", id, status), later, &habits(), &mut effects);
        let act = shift.due(at, &habits(), |_| Some("4821".to_owned())).expect(next);
        assert!(act.frame.contains(&format!(r#""type":"{next}""#)), "{}", act.frame);
        assert_eq!(act.frame.contains(r#""pin":"4821""#), next == "start");
    }
    shift.hear(ride("reply", "5", "completed"), later, &habits(), &mut effects);
    assert_eq!(*shift.stage(), Stage::Free);
    let acknowledged = effects.iter().filter(|effect| matches!(effect, Effect::Acknowledged(..))).count();
    assert_eq!(acknowledged, 4);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Unexpected(_))), "{effects:?}");
}

#[test]
fn an_unanswered_command_is_sent_again_with_its_id() {
    let now = Instant::now();
    let (mut shift, mut effects) = online(now);
    shift.hear(offer(), now, &habits(), &mut effects);
    let accept = shift.due(now + Duration::from_secs(2), &habits(), |_| None).expect("accepts");
    let welcome = frame(&format!(
        r#"{{"type":"welcome","online":true,"ride":null,"offers":[{{"offer_id":"{RIDE}.1","ride_id":"{RIDE}"}}]}}"#
    ));
    let again = shift.resume(welcome, now + Duration::from_secs(3), &habits(), &mut effects);
    assert_eq!(again, Some(accept.frame));
    let quiet = shift.due(now + Duration::from_secs(12), &habits(), |_| None);
    assert!(quiet.is_none());
    assert!(shift.due(now + Duration::from_secs(13), &habits(), |_| None).expect("repeats").is_repeat);
}

#[test]
fn an_offer_that_is_gone_leaves_the_driver_free() {
    let now = Instant::now();
    for end in [
        format!(r#"{{"type":"offer_withdrawn","seq":2,"offer_id":"{RIDE}.1","reason":"expired"}}"#),
        r#"{"type":"error","id":"2","code":"offer_gone","message":""}"#.to_owned(),
    ] {
        let (mut shift, mut effects) = online(now);
        shift.hear(offer(), now, &habits(), &mut effects);
        shift.due(now + Duration::from_secs(2), &habits(), |_| None).expect("accepts");
        shift.hear(frame(&end), now, &habits(), &mut effects);
        assert_eq!(*shift.stage(), Stage::Free);
        assert!(matches!(effects[..], [Effect::Offered(RIDE)]), "{effects:?}");
    }
}

#[test]
fn the_welcome_is_the_whole_truth() {
    let now = Instant::now();
    let (mut shift, mut effects) = online(now);
    let mut back = ride("welcome", "", "driver_arrived");
    back.online = Some(true);
    shift.resume(back, now, &habits(), &mut effects);
    assert!(matches!(shift.stage(), Stage::AtPickup(..)));
    let nothing = frame(r#"{"type":"welcome","online":false,"ride":null,"offers":[]}"#);
    shift.resume(nothing, now, &habits(), &mut effects);
    assert_eq!(*shift.stage(), Stage::Free);
    assert!(shift.due(now, &habits(), |_| None).expect("goes on shift again").frame.contains("go_online"));
}

#[test]
fn an_older_view_never_turns_a_ride_back() {
    let now = Instant::now();
    let (mut shift, mut effects) = online(now);
    for (status, progress) in
        [("in_progress", 3), ("driver_assigned", 3), ("completed", 0), ("in_progress", 0), ("driver_arrived", 0)]
    {
        shift.hear(ride("ride", "", status), now, &habits(), &mut effects);
        assert_eq!(shift.progress(), progress, "{status}");
    }
}

#[test]
fn a_second_live_ride_is_reported() {
    let now = Instant::now();
    let (mut shift, mut effects) = online(now);
    shift.hear(ride("ride", "", "driver_assigned"), now, &habits(), &mut effects);
    let mut other = ride("ride", "", "driver_assigned");
    other.ride.as_mut().expect("has a ride").id = Uuid::from_u128(8);
    shift.hear(other, now, &habits(), &mut effects);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Together(RIDE, _))), "{effects:?}");
}

#[test]
fn a_slip_of_the_finger_is_tried_again_and_is_no_error() {
    let now = Instant::now();
    let clumsy = Habits { mistype: 1.0, ..habits() };
    let (mut shift, mut effects) = online(now);
    shift.hear(ride("ride", "", "driver_arrived"), now, &clumsy, &mut effects);
    let at = now + Duration::from_secs(2);
    let first = shift.due(at, &clumsy, |_| Some("4891".to_owned())).expect("types");
    assert!(first.frame.contains(r#""pin":"9909""#), "{}", first.frame);
    shift.hear(frame(r#"{"type":"error","id":"2","code":"wrong_pin","message":""}"#), at, &clumsy, &mut effects);
    let second = shift.due(at, &clumsy, |_| Some("4891".to_owned())).expect("types again");
    assert!(second.frame.contains(r#""pin":"4891""#), "{}", second.frame);
    shift.hear(frame(r#"{"type":"error","id":"3","code":"wrong_pin","message":""}"#), at, &clumsy, &mut effects);
    assert!(matches!(effects.last(), Some(Effect::Unexpected(_))));
}

#[test]
fn a_rider_who_never_says_the_pin_is_a_no_show() {
    let now = Instant::now();
    let (mut shift, mut effects) = online(now);
    shift.hear(ride("ride", "", "driver_arrived"), now, &habits(), &mut effects);
    assert!(shift.due(now + Duration::from_secs(5), &habits(), |_| None).is_none());
    let cancel = shift.due(now + Duration::from_secs(90), &habits(), |_| None).expect("gives up");
    assert!(cancel.frame.contains("rider_no_show"), "{}", cancel.frame);
}
