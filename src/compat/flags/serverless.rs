//! The variables of the images for serverless platforms, as arguments.

use super::arguments::Argument;
use super::report::{Report, Source};

/// The delimiter of a list of arguments whose variable names no other.
const DELIMITER: &str = ",";

/// Returns the arguments that the variables stand for, in the order in which ESPv2's image has them.
pub(super) fn arguments(
    environment: &dyn Fn(&str) -> Option<String>,
    report: &mut Report,
) -> Vec<Argument> {
    let mut arguments = Vec::new();
    let mut push = |variable: &'static str, flag: &str| {
        let value = environment(variable);
        let is_there = value.is_some();
        arguments.extend(value.map(|value| Argument {
            text: format!("{flag}={value}"),
            source: Source::Variable(variable),
        }));
        is_there
    };
    push("PORT", "--http_port");
    // A description makes the service's name superfluous.
    if !push("ENDPOINTS_SERVICE_PATH", "--service_json_path")
        && push("ENDPOINTS_SERVICE_NAME", "--service")
    {
        push("ENDPOINTS_SERVICE_VERSION", "--version");
    }
    push("CORS_PRESET", "--cors_preset");
    for variable in ["ESP_ARGS", "ESPv2_ARGS"] {
        let value = environment(variable).filter(|value| !value.is_empty());
        let Some(value) = value else { continue };
        match split(&value) {
            Some(texts) => arguments.extend(texts.map(|text| Argument {
                text: text.to_owned(),
                source: Source::Variable(variable),
            })),
            None => report.error(
                variable,
                Source::Variable(variable),
                "there is no delimiter between the carets that it starts with",
                format!("write one, such as `^++^`, or start with a flag; `{DELIMITER}` is the delimiter then"),
            ),
        }
    }
    arguments
}

/// Splits a list of arguments, at the delimiter that it starts with between carets, else at commas.
/// Returns `None` if that delimiter is empty.
fn split(value: &str) -> Option<std::str::Split<'_, &str>> {
    let value = unquoted(value);
    let named = value
        .strip_prefix('^')
        .and_then(|rest| rest.split_once('^'));
    let (delimiter, list) = named.unwrap_or((DELIMITER, value));
    (!delimiter.is_empty()).then(|| list.split(delimiter))
}

/// Takes the quotes off that a shell or a file of variables left around a whole list.
fn unquoted(value: &str) -> &str {
    let inner = ['"', '\''].iter().find_map(|&quote| {
        let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(inner)
    });
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_two_carets_name_a_delimiter() {
        for (value, expected) in [
            ("--a", Some(&["--a"][..])),
            ("--a,--b=c", Some(&["--a", "--b=c"])),
            ("--a, --b,", Some(&["--a", " --b", ""])),
            ("^++^--a=1,2++--b", Some(&["--a=1,2", "--b"])),
            ("^++^--a=^x$++--b=^y^", Some(&["--a=^x$", "--b=^y^"])),
            ("^|^--a=x+y|--b", Some(&["--a=x+y", "--b"])),
            ("^ ^--a --b", Some(&["--a", "--b"])),
            ("^++^++--a", Some(&["", "--a"])),
            ("^++^", Some(&[""])),
            ("^--a,--b", Some(&["^--a", "--b"])),
            ("--a=^x^,--b", Some(&["--a=^x^", "--b"])),
            (r#""--a,--b=c""#, Some(&["--a", "--b=c"])),
            ("'^|^--a|--b'", Some(&["--a", "--b"])),
            (r#""--a","--b""#, Some(&[r#""--a""#, r#""--b""#])),
            ("^^--a,--b", None),
            ("^^", None),
        ] {
            let split = split(value).map(Iterator::collect::<Vec<_>>);
            assert_eq!(split.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_description_takes_the_place_of_the_services_name() {
        for (variables, expected) in [
            (&[][..], &[][..]),
            (&[("PORT", "80")], &["--http_port=80"]),
            (
                &[
                    ("ENDPOINTS_SERVICE_PATH", "/a.json"),
                    ("ENDPOINTS_SERVICE_NAME", "s"),
                    ("ENDPOINTS_SERVICE_VERSION", "1"),
                ],
                &["--service_json_path=/a.json"],
            ),
            (
                &[
                    ("ENDPOINTS_SERVICE_NAME", "s"),
                    ("ENDPOINTS_SERVICE_VERSION", "1"),
                    ("ESPv2_ARGS", "--b,-c"),
                    ("ESP_ARGS", "--a"),
                    ("CORS_PRESET", ""),
                    ("PORT", ""),
                ],
                &[
                    "--http_port=",
                    "--service=s",
                    "--version=1",
                    "--cors_preset=",
                    "--a",
                    "--b",
                    "-c",
                ],
            ),
            (
                &[("ENDPOINTS_SERVICE_VERSION", "1"), ("ESPv2_ARGS", "")],
                &[],
            ),
        ] {
            let environment = |name: &str| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let mut report = Report::default();
            let arguments = arguments(&environment, &mut report);
            let texts: Vec<_> = arguments.iter().map(|a| a.text.as_str()).collect();
            assert_eq!(texts, expected, "{variables:?}");
            assert_eq!(report.finish().map(|_| ()), Ok(()));
        }
    }
}
