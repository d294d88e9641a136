//! Lines as the programs that read logs find them.

use super::*;
use crate::config::{LogField, LogFields};
use proptest::prelude::*;
use serde_json::Value;

fn entry() -> Entry<'static> {
    Entry {
        time: Duration::from_micros(1_795_719_740_123_999),
        duration: Duration::from_nanos(1_234_567_890),
        client: Some([192, 0, 2, 7].into()),
        listener: Some(([0, 0, 0, 0], 8443).into()),
        protocol: Some("HTTP/2"),
        tls_version: Some("TLSv1.3"),
        method: Some(b"PUT"),
        host: Some(b"api.example.com"),
        path: Some(b"/v1/books"),
        origin: Some(b"https://app.example.com"),
        user_agent: Some(b"curl/8"),
        referer: Some(b"https://app.example.com/shop"),
        request_id: Some(b"a-1"),
        trace_id: Some(b"4bf92f3577b34da6a3ce929d0e0e4736"),
        status: Some(201),
        request_bytes: 7,
        response_bytes: 1234,
        route: "books",
        policy: Some("web-app"),
        outcome: Some("allowed"),
        reason: None,
        upstream: Some(UpstreamEntry {
            name: "bookstore",
            endpoint: Some(([127, 0, 0, 1], 9000).into()),
            duration: Some(Duration::from_millis(12)),
            retries: 1,
        }),
    }
}

/// A request of which nothing is known, and that got no answer.
fn nothing() -> Entry<'static> {
    Entry {
        time: entry().time,
        route: "unmatched",
        ..Entry::default()
    }
}

fn json(entry: &Entry<'_>, fields: LogFields) -> String {
    let mut line = Line::new();
    json::write(entry, &json::Keys::of(fields), &mut line);
    String::from_utf8(line.as_bytes().to_vec()).expect("JSON is UTF-8")
}

fn combined(entry: &Entry<'_>) -> String {
    let mut line = Line::new();
    combined::write(entry, &mut line);
    String::from_utf8(line.as_bytes().to_vec()).expect("it is UTF-8")
}

#[test]
fn a_line_of_json_has_every_field_and_its_value() {
    let line = json(&entry(), LogFields::ALL);
    let expected = concat!(
        r#"{"time":"2026-11-26T19:02:20.123Z","client":"192.0.2.7","listener":"0.0.0.0:8443","#,
        r#""protocol":"HTTP/2","tls_version":"TLSv1.3","method":"PUT","host":"api.example.com","#,
        r#""path":"/v1/books","status":201,"duration_ms":1234.567,"request_bytes":7,"#,
        r#""response_bytes":1234,"route":"books","policy":"web-app","outcome":"allowed","#,
        r#""reason":null,"origin":"https://app.example.com","upstream":"bookstore","#,
        r#""endpoint":"127.0.0.1:9000","upstream_duration_ms":12.000,"retries":1,"#,
        r#""request_id":"a-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","#,
        r#""user_agent":"curl/8","referer":"https://app.example.com/shop"}"#,
    );
    assert_eq!(line, expected);
}

#[test]
fn what_is_not_known_is_null_and_the_keys_are_there() {
    let line: Value = serde_json::from_str(&json(&nothing(), LogFields::ALL)).expect("JSON");
    let line = line.as_object().expect("an object");
    assert_eq!(line.len(), LogField::ALL.len());
    for field in LogField::ALL {
        let is_known = matches!(
            field,
            LogField::Time
                | LogField::DurationMs
                | LogField::RequestBytes
                | LogField::ResponseBytes
                | LogField::Route
        );
        let value = &line[field.as_str()];
        assert_eq!(!value.is_null(), is_known, "{}: {value}", field.as_str());
    }
}

#[test]
fn chosen_fields_alone_are_written() {
    let fields = LogFields::from_iter([LogField::Status, LogField::Client]);
    assert_eq!(
        json(&entry(), fields),
        r#"{"client":"192.0.2.7","status":201}"#
    );
}

#[test]
fn a_line_of_the_combined_format_is_apaches() {
    assert_eq!(
        combined(&entry()),
        r#"192.0.2.7 - - [26/Nov/2026:19:02:20 +0000] "PUT /v1/books HTTP/2" 201 1234 "https://app.example.com/shop" "curl/8""#
    );
    assert_eq!(
        combined(&nothing()),
        r#"- - - [26/Nov/2026:19:02:20 +0000] "-" - - "-" "-""#
    );
}

#[test]
fn hostile_bytes_are_escaped() {
    let cases: [(&[u8], &str, &str); 7] = [
        (b"a\"b\\c", r#"a\"b\\c"#, r"a\x22b\x5cc"),
        (
            b"\r\n\t\0\x1b[31m\x7f",
            r"\u000d\u000a\u0009\u0000\u001b[31m\u007f",
            r"\x0d\x0a\x09\x00\x1b[31m\x7f",
        ),
        (b"caf\xc3\xa9", "café", "café"),
        (b"\xff\xc3", r"\\xff\\xc3", r"\xff\xc3"),
        // A control of two bytes, which some terminals obey.
        ("\u{9b}31m".as_bytes(), r"\u009b31m", r"\xc2\x9b31m"),
        ("\u{202e}txt".as_bytes(), r"\u202etxt", r"\xe2\x80\xaetxt"),
        ("\u{1f600}".as_bytes(), "\u{1f600}", "\u{1f600}"),
    ];
    for (agent, in_json, in_combined) in cases {
        let entry = Entry {
            user_agent: Some(agent),
            ..entry()
        };
        let fields = LogFields::from_iter([LogField::UserAgent]);
        assert_eq!(
            json(&entry, fields),
            format!(r#"{{"user_agent":"{in_json}"}}"#)
        );
        let line = combined(&entry);
        assert!(line.ends_with(&format!(r#""{in_combined}""#)), "{line}");
    }
}

#[test]
fn long_values_are_cut_between_two_characters() {
    for (value, length) in [
        ("x".repeat(MAX_VALUE), MAX_VALUE),
        ("x".repeat(MAX_VALUE + 1), MAX_VALUE),
        ("\u{1f600}".repeat(MAX_VALUE), MAX_VALUE),
        (format!("x{}", "\u{1f600}".repeat(MAX_VALUE)), MAX_VALUE - 3),
        (format!("xx{}", "é".repeat(MAX_VALUE)), MAX_VALUE),
        (format!("x{}", "é".repeat(MAX_VALUE)), MAX_VALUE - 1),
    ] {
        assert_eq!(bounded(value.as_bytes()), &value.as_bytes()[..length]);
    }
    // Bytes that are not text are cut, too.
    assert_eq!(bounded(&[0x80; 1000]).len(), MAX_VALUE);
}

proptest! {
    #[test]
    fn any_bytes_make_one_line_that_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        let text = Some(bytes.as_slice());
        let entry = Entry { method: text, path: text, host: text, origin: text, referer: text, user_agent: text, ..entry() };
        let line = json(&entry, LogFields::ALL);
        let read: Value = serde_json::from_str(&line).expect("JSON");
        if let Ok(text) = str::from_utf8(bounded(&bytes)) {
            prop_assert_eq!(&read["user_agent"], text);
        }
        let combined = combined(&entry);
        for line in [&line, &combined] {
            prop_assert!(!line.chars().any(char::is_control));
            prop_assert!(line.len() < 64 << 10);
        }
        // Six quotes, and none by the client.
        prop_assert_eq!(combined.matches('"').count(), 6);
    }
}
