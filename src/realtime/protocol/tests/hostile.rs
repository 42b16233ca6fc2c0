//! Whatever bytes come in: nothing panics, nothing out of range gets through, and the shortcuts change nothing.

use std::fmt::Write as _;

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;

use super::super::client::{ClientMessage, PING_BYTES, Ping, decode, decode_binary, decode_general, decode_plain_ping};
use super::super::server;
use super::examples;

/// Reads the frame, and says what is true of every result.
fn check(frame: &str) {
    let read = decode(frame);
    assert_eq!(read, decode_general(frame), "the shortcut changes the meaning of {frame:?}");
    match read {
        Ok(ClientMessage::Ping(ping)) => check_ping(&ping),
        Ok(_) => {}
        Err(error) => {
            assert!(
                !error.message.is_empty() && (error.code == "invalid_frame" || !error.faults.is_empty()),
                "{frame}"
            );
        }
    }
}

fn check_ping(ping: &Ping) {
    let measures = [ping.speed_mps, ping.bearing_deg, ping.accuracy_m];
    assert!(measures.iter().flatten().all(|measure| measure.is_finite() && *measure >= 0.0), "{measures:?}");
}

/// A number as some phone might write it: short, long, with an exponent, or not a number at all.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,9})?",
        3 => "-?(0|[1-9][0-9]{0,2})\\.[0-9]{10,20}",
        1 => (-200.0..200.0_f64).prop_map(|value| value.to_string()),
        1 => any::<f64>().prop_map(|value| format!("{value:e}")),
        1 => "-?[0-9]{1,25}(\\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?",
        1 => prop::sample::select(vec!["null", "NaN", "-0", "-0.0", "00", "01", "1.", ".5", "-", "+1", "90", "-90.0000001", "180.00000005"])
            .prop_map(str::to_owned),
    ]
}

/// The fields of a ping in some order, some of them missing or there twice, with some white space.
fn ping_text() -> impl Strategy<Value = String> {
    let millis = prop_oneof![6 => (0..=9_999_999_999_999_i64).prop_map(|ms| ms.to_string()), 1 => any::<i64>().prop_map(|ms| ms.to_string()), 1 => number()];
    let field = prop_oneof![
        2 => millis.prop_map(|value| ("t_ms", value)),
        2 => number().prop_map(|value| ("lat", value)),
        2 => number().prop_map(|value| ("lng", value)),
        1 => number().prop_map(|value| ("speed_mps", value)),
        1 => number().prop_map(|value| ("bearing_deg", value)),
        1 => number().prop_map(|value| ("accuracy_m", value)),
        1 => prop::sample::select(vec!["true", "false", "null", "1"]).prop_map(|value| ("ack", value.to_owned())),
    ];
    let whole =
        (number(), number(), prop::collection::vec(field, 0..5), "[ \t\n\r]{0,2}", any::<prop::sample::Index>());
    whole.prop_map(|(lat, lng, others, space, at)| {
        let mut fields =
            vec![("type", "\"ping\"".to_owned()), ("t_ms", "1790000000000".to_owned()), ("lat", lat), ("lng", lng)];
        for (name, value) in others {
            match fields.iter_mut().find(|(known, _)| *known == name) {
                // Twice only now and then: such a ping is refused, which is not what most are to be.
                Some(known) if value.len() % 5 != 0 => known.1 = value,
                _ => fields.push((name, value)),
            }
        }
        let at = at.index(fields.len());
        fields.rotate_left(at);
        let mut text = format!("{{{space}");
        for (index, (name, value)) in fields.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(text, "{comma}{space}\"{name}\"{space}:{space}{value}{space}").expect("writing into a string");
        }
        text + "}" + &space
    })
}

#[test]
fn the_pings_that_apps_send_take_the_shortcut() {
    let plain =
        examples("## From the app").into_iter().find(|example| example.contains("\"ping\"")).expect("an example");
    let doubles = plain.replace("-1.94407", "-1.9440700000000001").replace("30.06188", "30.061880000000002");
    let spaced = plain.replace(',', ", ").replace(':', ": ");
    for frame in [plain.as_str(), &doubles, &spaced, r#"{"lng":-0,"lat":90,"t_ms":0,"ack":true,"type":"ping"}"#] {
        let ping = decode_plain_ping(frame).unwrap_or_else(|| panic!("no shortcut for {frame}"));
        assert_eq!(decode_general(frame), Ok(ClientMessage::Ping(ping)));
    }
}

#[test]
fn what_the_shortcut_leaves_to_the_general_reader() {
    for fields in [
        r#""t_ms":1,"lat":1,"lng":2,"x":3"#,
        r#""t_ms":1,"lat":1,"lng":2,"lat":3"#,
        r#""t_ms":1,"lat":1e0,"lng":2"#,
        r#""t_ms":1,"lat":1,"lng":2,"speed_mps":null"#,
        r#""t_ms":-1,"lat":1,"lng":2"#,
        r#""t_ms":1.0,"lat":1,"lng":2"#,
        r#""t_ms":1,"lat":91,"lng":2"#,
        r#""t_ms":1,"lat":01,"lng":2"#,
        r#""t_ms":1,"lat":1.00000000000000000000,"lng":2"#,
        r#""t_ms":1,"l\u0061t":1,"lng":2"#,
        r#""t_ms":1,"lng":2"#,
        r#""t_ms":1,"lat":1,"lng":2,"#,
    ] {
        let frame = format!(r#"{{"type":"ping",{fields}}}"#);
        assert_eq!(decode_plain_ping(&frame), None, "{frame}");
        check(&frame);
    }
}

#[test]
fn bombs_and_garbage_are_refused_and_cost_no_stack() {
    let nested = |open: &str| format!(r#"{{"type":"ping","x":{}"#, open.repeat(100_000));
    let frames = [
        nested("["),
        nested(r#"{"a":"#),
        "[".repeat(1_000_000),
        format!(r#"{{"type":"ping","t_ms":{},"lat":1,"lng":2}}"#, "9".repeat(1_000_000)),
        format!(r#"{{"type":"ping","t_ms":1,"lat":0.{},"lng":2,"x":"#, "1".repeat(1_000_000)),
        format!(r#"{{"type":"{}"}}"#, "p".repeat(1_000_000)),
        format!(r#"{{"type":"ping{}"#, r"\ud800".repeat(1_000)),
        " ".repeat(1_000_000),
    ];
    for frame in frames {
        let error = decode(&frame).expect_err("garbage must be refused");
        assert!(error.message.len() < 400, "a refusal repeats what it refuses: {} bytes", error.message.len());
    }
}

#[test]
fn a_time_from_anywhere_is_read_as_it_is_or_refused() {
    for (t_ms, read) in [
        ("0", Some(0)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("1e3", None),
        ("\"1790000000000\"", None),
    ] {
        let frame = format!(r#"{{"type":"ping","t_ms":{t_ms},"lat":1,"lng":2}}"#);
        let found = match decode(&frame) {
            Ok(ClientMessage::Ping(ping)) => Some(ping.at.as_millis()),
            _ => None,
        };
        assert_eq!(found, read, "{frame}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,300}") {
        let _ = decode(&text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_frame_is_read_or_refused_and_never_out_of_range(
        which in any::<Index>(), cuts in proptest::collection::vec((any::<Index>(), any::<Index>(), any::<Index>()), 1..4),
    ) {
        const SPLINTERS: &[&str] = &[
            "", "\"", "{", "}", "[", "]", ",", ":", "\\", "null", "NaN", "-1e999", "1e308", "-0.0", "99999999999999999999", "\\ud800",
            "é", "\u{0}", "true", "\"lat\":91,", "\"id\":\"\",", "{\"a\":", "[[[[[[[[", " ",
        ];
        let frames = examples("## From the app");
        let mut frame: Vec<char> = which.get(&frames).chars().collect();
        for (start, length, splinter) in cuts {
            let start = start.index(frame.len() + 1);
            let end = (start + length.index(6)).min(frame.len());
            frame.splice(start..end, splinter.get(SPLINTERS).chars());
        }
        let frame: String = frame.into_iter().collect();
        check(&frame);
    }

    #[test]
    fn the_shortcut_reads_a_ping_as_the_general_reader_does(text in ping_text()) {
        check(&text);
    }

    #[test]
    fn a_damaged_ping_is_read_as_the_general_reader_does(
        text in ping_text(), at in any::<Index>(), byte in prop::sample::select(b"{}[],:\"\\ 019.-+eEtanul\x7f".to_vec()), insert in any::<bool>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_binary_frame_is_refused_or_has_exactly_this_form(mut bytes in prop::collection::vec(any::<u8>(), 0..40), ping in any::<bool>()) {
        if ping && bytes.len() >= PING_BYTES {
            bytes.truncate(PING_BYTES);
            bytes[0] = 1;
            bytes[1] &= 0x0f;
        }
        if let Ok(ClientMessage::Ping(ping)) = decode_binary(&bytes) {
            check_ping(&ping);
            prop_assert_eq!(ping.to_binary().to_vec(), bytes.clone());
        }
        let _ = server::decode_binary(&bytes);
    }

    #[test]
    fn a_ping_means_the_same_in_binary_as_in_json(
        t_ms in 0..(1_i64 << 48), lat_e7 in -900_000_000..=900_000_000_i32, lng_e7 in -1_800_000_000..=1_800_000_000_i32,
        speed in prop::option::of(0..=10_000_u16), bearing in prop::option::of(0..=36_000_u16), accuracy in prop::option::of(any::<u16>()), ack in any::<bool>(),
    ) {
        let degrees = |e7: i32| f64::from(e7) / 1e7;
        let mut json = format!(r#"{{"type":"ping","t_ms":{t_ms},"lat":{},"lng":{},"ack":{ack}"#, degrees(lat_e7), degrees(lng_e7));
        for (name, value, unit) in [("speed_mps", speed, 100.0), ("bearing_deg", bearing, 100.0), ("accuracy_m", accuracy, 10.0)] {
            if let Some(value) = value {
                write!(json, r#","{name}":{}"#, f64::from(value) / unit).expect("writing into a string");
            }
        }
        json.push('}');
        let Ok(ClientMessage::Ping(ping)) = decode(&json) else { panic!("not a ping: {json}") };
        prop_assert_eq!(decode_binary(&ping.to_binary()), Ok(ClientMessage::Ping(ping)), "{}", json);
    }
}
