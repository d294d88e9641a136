use super::*;
use crate::compat::flags::given::Given;
use crate::compat::flags::table::{Effect, Kind};
use serde_json::Value;
use std::collections::BTreeMap;

/// Command lines, with what argparse makes of them; `argparse_cases.py` beside it has made the file.
const RECORDED: &str = include_str!("../../../../tests/compat/argparse.tsv");

/// The messages for each kind of error of argparse.
const MESSAGES: [(&str, &str); 6] = [
    ("ambiguous option", "this is short for"),
    ("expected one argument", "the value is missing"),
    ("ignored explicit argument", "takes no value"),
    ("unrecognized arguments", "there is no such flag"),
    ("invalid int value", "is not a whole number"),
    ("invalid choice", "is not one of its values"),
];
const STRAY: &str = "neither a flag nor";

fn arguments(texts: &[String]) -> Vec<Argument> {
    let argument = |text: &String| Argument {
        text: text.clone(),
        source: Source::Flag,
    };
    texts.iter().map(argument).collect()
}

#[test]
fn command_lines_are_read_as_by_argparse() {
    assert!(RECORDED.lines().count() > 190);
    for line in RECORDED.lines() {
        let mut columns = line.splitn(3, '\t').skip(1);
        let texts = columns.next().expect("arguments");
        let expected = columns.next().expect("an outcome");
        let texts: Vec<String> = serde_json::from_str(texts).expect("JSON");
        let mut report = Report::default();
        let arguments = read(&arguments(&texts), &mut report);
        if expected == "help" || arguments.wants_help {
            assert_eq!(
                (expected, arguments.wants_help),
                ("help", true),
                "{texts:?}"
            );
            continue;
        }
        let given = Given::new(arguments, &mut report);
        let errors = report.finish().err().unwrap_or_default();
        // A refusal is about the flag's effect, and not about the command line.
        let is_refusal = |message: &String| {
            table::all().any(|known| match known.effect {
                Effect::Refused { reason, .. } => reason == message,
                _ => false,
            })
        };
        let errors: Vec<String> = errors
            .into_iter()
            .map(|error| error.message)
            .filter(|message| !is_refusal(message))
            .collect();
        let Ok(Value::Object(values)) = serde_json::from_str(expected) else {
            let message = MESSAGES.iter().find(|(kind, _)| *kind == expected);
            let (_, message) = message.unwrap_or_else(|| panic!("{expected}"));
            let is_stray = |error: &String| *message == MESSAGES[3].1 && error.contains(STRAY);
            let is_there = errors
                .iter()
                .any(|error| error.contains(message) || is_stray(error));
            assert!(is_there, "{texts:?}: {expected}, here {errors:?}");
            continue;
        };
        assert_eq!(errors, Vec::<String>::new(), "{texts:?}");
        let mut found = BTreeMap::new();
        for (flag, source) in given.sources() {
            assert_eq!(source, Source::Flag);
            let mut texts = given.all(flag).iter().map(|value| value.text.clone());
            let kind = table::named(flag).expect("known").flag.kind;
            let value = match kind {
                Kind::Switch | Kind::Help => Value::Bool(true),
                Kind::List => texts.collect(),
                Kind::Integer => {
                    let number = texts.next_back().expect("a value").replace('_', "");
                    number.trim().parse::<i64>().expect("a number").into()
                }
                Kind::Text | Kind::Choice(_) => texts.next_back().expect("a value").into(),
            };
            found.insert(flag.to_owned(), value);
        }
        let expected: BTreeMap<String, Value> = values
            .into_iter()
            .filter(|(_, value)| *value != Value::Bool(false))
            .collect();
        // ESP reads an integer where ESPv2 reads a text.
        let text = |value: &Value| value.to_string().replace('"', "");
        let texts_of = |values: &BTreeMap<String, Value>| -> BTreeMap<String, String> {
            values
                .iter()
                .map(|(flag, value)| (flag.clone(), text(value)))
                .collect()
        };
        assert_eq!(texts_of(&found), texts_of(&expected), "{texts:?}");
    }
}

#[test]
fn flags_of_both_projects_go_together_and_espv2s_names_come_first() {
    // The argument, and the flag that it is.
    for (text, expected) in [
        ("--log_jwt=a", Some("--log_jwt_payloads")),
        ("--log_jwt_payload=a", Some("--log_jwt_payload")),
        ("--log_jwt_payloads=a", Some("--log_jwt_payloads")),
        ("--generate", Some("--generate_self_signed_cert")),
        ("--generate_c", Some("--generate_config_file_only")),
        ("-p80", Some("--http_port")),
        ("--corsgate_strict", Some("--corsgate_strict")),
        ("--corsgate_s", None),
        ("--corsgate", None),
        ("--corsgate_dangerously_no_authenticatio", None),
        ("-cors_preset=basic", None),
        ("-service=a", None),
        ("-s=a", Some("--service")),
        ("-version", None),
    ] {
        let mut report = Report::default();
        let found = read(&arguments(&[text.to_owned()]), &mut report);
        let found = found
            .occurrences
            .first()
            .map(|given| given.known.flag.name());
        assert_eq!(found, expected, "{text}");
        assert_eq!(report.finish().is_err(), expected.is_none(), "{text}");
    }
}

#[test]
fn messages_show_what_came_from_outside_in_one_short_line() {
    assert_eq!(shown("a\nb\u{1b}"), r"a\nb\u{1b}");
    assert_eq!(shown(r#""a"'\d'"#), r#""a"'\d'"#);
    assert_eq!(shown(&"é".repeat(101)), format!("{}…", "é".repeat(100)));
    assert_eq!(shown(&"é".repeat(100)), "é".repeat(100));
}
