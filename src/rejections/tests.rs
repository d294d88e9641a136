use super::*;
use crate::pages::PageForm;
use serde_json::Value;

fn rejected(reason: Reason) -> Rejected<'static> {
    Rejected {
        route: "books",
        reason,
        origin: SingleValue::One(b"https://app.example.com"),
        method: SingleValue::One(b"PATCH"),
        path: b"/v1/books",
    }
}

fn json(rejections: &Rejections) -> Value {
    let page = rejections.page(PageForm::Json);
    serde_json::from_str(&page.text).expect("JSON")
}

const NAMES: [&[u8]; 2] = [b"x-one", b"X-Two"];

#[test]
fn each_reason_has_the_value_that_was_refused() {
    for (reason, table, expected) in [
        (
            Reason::OriginNotAllowed,
            "origins",
            &["https://app.example.com"][..],
        ),
        (
            Reason::MalformedOrigin,
            "origins",
            &["https://app.example.com"],
        ),
        (Reason::NoRoute, "origins", &["https://app.example.com"]),
        (Reason::MethodNotAllowed, "methods", &["PATCH"]),
        (Reason::MalformedMethod, "methods", &["PATCH"]),
        (Reason::HeadersNotAllowed, "headers", &["x-one", "X-Two"]),
        (Reason::MalformedHeaders, "headers", &["x-one", "X-Two"]),
        (Reason::Allowed, "origins", &[]),
        (Reason::RoutePassthrough, "origins", &[]),
    ] {
        let rejections = Rejections::default();
        rejections.note(&rejected(reason), NAMES.into_iter(), Instant::now());
        let page = json(&rejections);
        for name in ["origins", "methods", "headers"] {
            let rows = page[name].as_array().expect("a list");
            let values = rows.iter().map(|row| row["value"].as_str().expect("text"));
            let mut values: Vec<&str> = values.collect();
            values.sort_by_key(|value| value.to_lowercase());
            let expected = if name == table { expected } else { &[] };
            assert_eq!(values, expected, "{reason:?}: {name}");
            for row in rows {
                assert_eq!(row["reason"], reason.as_str());
                assert_eq!(row["route"], "books");
                assert_eq!(row["last"]["path"], "/v1/books");
                assert_eq!(row["at_least"], 1);
            }
        }
    }
}

#[test]
fn a_request_that_finds_the_tables_in_use_is_counted_and_does_not_wait() {
    let rejections = Rejections::default();
    let in_use = rejections.tables.lock();
    let no_names = std::iter::empty();
    rejections.note(
        &rejected(Reason::MethodNotAllowed),
        no_names.clone(),
        Instant::now(),
    );
    drop(in_use);
    rejections.note(
        &rejected(Reason::MethodNotAllowed),
        no_names,
        Instant::now(),
    );
    let page = json(&rejections);
    assert_eq!(page["missed"], 1);
    assert_eq!(page["methods"][0]["at_most"], 1);
}

#[test]
fn one_list_of_headers_takes_few_entries() {
    let rejections = Rejections::default();
    let names: Vec<String> = (0..1000).map(|n| format!("x-{n}")).collect();
    let names = names.iter().map(String::as_bytes);
    rejections.note(&rejected(Reason::HeadersNotAllowed), names, Instant::now());
    let none = std::iter::empty();
    rejections.note(&rejected(Reason::MalformedHeaders), none, Instant::now());
    let page = json(&rejections);
    let rows = page["headers"].as_array().expect("a list");
    assert_eq!(rows.len(), MAX_HEADERS + 1);
}

#[test]
fn what_clients_send_is_shown_as_words_of_ascii() {
    for (sent, expected) in [
        (&b"https://app.example.com"[..], "https://app.example.com"),
        (b"a\x1b[2J\"b\\c\r\nd e", r#"a\x1b[2J\"b\\c\r\nd\x20e"#),
        (
            "https://m\u{fc}nchen.example\u{9b}\u{202e}".as_bytes(),
            r"https://m\xc3\xbcnchen.example\xc2\x9b\xe2\x80\xae",
        ),
    ] {
        assert_eq!(page::shown(sent), expected);
    }
    let long = vec![b'x'; 1 << 10];
    assert_eq!(told(&long).len(), MAX_VALUE + "...".len());
}

#[test]
fn a_page_without_rejections_says_so() {
    let page = Rejections::default().page(PageForm::Text);
    assert!(page.content_type.starts_with("text/plain"));
    assert!(page.text.contains("origins:\n  none\n"), "{}", page.text);
}
