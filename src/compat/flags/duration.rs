//! Durations as Go writes them: `300m`, `1.5h`, `1h30m10.5s`.

use super::arguments::shown;
use crate::config::Problem;

/// Nanoseconds of each unit. Longer names come before their beginnings.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", NANOSECONDS),
    ("m", 60 * NANOSECONDS),
    ("h", 3600 * NANOSECONDS),
];
const NANOSECONDS: u128 = 1_000_000_000;
/// Maximum nanoseconds of a duration; Go refuses more.
const MAX: u128 = i64::MAX as u128;
/// Maximum number of digits behind a point that count; the others are less than a nanosecond of an hour.
const MAX_FRACTION: usize = 15;

/// Returns the whole seconds of a duration.
pub(super) fn seconds(text: &str) -> Result<u64, Problem> {
    let error = |message: &str, hint: &str| {
        let message = format!("`{}` is not a duration: {message}", shown(text));
        Problem::new(message, hint)
    };
    const FORM: &str = "write numbers with units, such as `480h`, `1.5h` or `2h45m`";
    if text.starts_with('-') {
        return Err(error("it is negative", "write `0` to have nothing kept"));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(error("it is empty", FORM));
    }
    if text.contains(char::is_whitespace) {
        return Err(error(
            "it has blanks",
            "write it without blanks, such as `2h45m`",
        ));
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (part, after) = match after.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", after),
        };
        if whole.is_empty() && part.is_empty() {
            return Err(error("a number is missing", FORM));
        }
        let Some((unit, size)) = UNITS.iter().find(|(unit, _)| is_unit(after, unit)) else {
            let end = after.find(|c: char| c == '.' || c.is_ascii_digit());
            return Err(match &after[..end.unwrap_or(after.len())] {
                "" => {
                    let hint = format!(
                        "write `{}s` for seconds, or `m` or `h` behind it",
                        shown_number(text)
                    );
                    error("its last number has no unit", &hint)
                }
                "d" | "w" | "day" | "days" => error(
                    "the longest unit is the hour",
                    "write hours, such as `480h` for 20 days",
                ),
                unit => {
                    let message = format!("there is no unit `{}`", shown(unit));
                    error(&message, "use `h`, `m`, `s` or `ms`, such as `2h45m`")
                }
            });
        };
        let too_long = || {
            error(
                "it is too long",
                "write at most 2562047h, which is 292 years",
            )
        };
        let whole = match whole {
            "" => 0,
            whole => whole.parse::<u128>().map_err(|_| too_long())?,
        };
        total = whole
            .checked_mul(*size)
            .and_then(|whole| whole.checked_add(fraction(part, *size)))
            .and_then(|nanoseconds| total.checked_add(nanoseconds))
            .filter(|total| *total <= MAX)
            .ok_or_else(too_long)?;
        rest = &after[unit.len()..];
    }
    Ok(u64::try_from(total / NANOSECONDS).unwrap_or(u64::MAX))
}

/// Splits off the digits that a text starts with.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// Whether a text starts with this unit, and not with a longer name.
fn is_unit(text: &str, unit: &str) -> bool {
    text.strip_prefix(unit).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(|c: char| c == '.' || c.is_ascii_digit())
    })
}

/// Returns the nanoseconds of the digits behind a point.
fn fraction(digits: &str, unit: u128) -> u128 {
    let digits = digits.bytes().take(MAX_FRACTION);
    let (value, scale) = digits.fold((0_u128, 1_u128), |(value, scale), digit| {
        (value * 10 + u128::from(digit - b'0'), scale * 10)
    });
    value * unit / scale
}

/// Returns a number as it was written, for a message.
fn shown_number(text: &str) -> String {
    shown(text.trim_start_matches('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go_in_whole_seconds() {
        for (text, expected) in [
            ("480h", 1_728_000),
            ("300m", 18_000),
            ("1.5h", 5_400),
            ("2h45m", 9_900),
            ("90s", 90),
            ("1h30m10.5s", 5_410),
            ("500ms", 0),
            ("1999ms", 1),
            ("1500000us", 1),
            ("1500000µs", 1),
            ("1500000μs", 1),
            ("2000000000ns", 2),
            ("0", 0),
            ("+0", 0),
            ("0s", 0),
            ("+5s", 5),
            (".5m", 30),
            ("1.m", 60),
            ("45m2h", 9_900),
            ("1s1s", 2),
            ("0.25h", 900),
            ("0.999999999s", 0),
            ("1.0000000000000000000000000000001s", 1),
            ("0.3333333333333333333333333h", 1_199),
            ("2562047h", 9_223_369_200),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_what_to_write() {
        for (text, message, hint) in [
            ("", "it is empty", "`480h`"),
            ("+", "it is empty", "`480h`"),
            ("3600", "no unit", "`3600s`"),
            ("1h30", "no unit", "`1h30s`"),
            ("1.5", "no unit", "`1.5s`"),
            ("20d", "the hour", "`480h` for 20 days"),
            ("1w", "the hour", "`480h` for 20 days"),
            ("1d12h", "the hour", "`480h` for 20 days"),
            ("1h 30m", "blanks", "`2h45m`"),
            (" 1h", "blanks", "`2h45m`"),
            ("-1h", "negative", "`0`"),
            ("-0", "negative", "`0`"),
            ("h", "a number is missing", "`480h`"),
            (".s", "a number is missing", "`480h`"),
            ("one hour", "blanks", "`2h45m`"),
            ("1H", "no unit `H`", "`2h45m`"),
            ("1hour", "no unit `hour`", "`2h45m`"),
            ("1e3s", "no unit `e`", "`2h45m`"),
            ("1h-5m", "no unit `h-`", "`2h45m`"),
            ("2562048h", "too long", "2562047h"),
            (
                "99999999999999999999999999999999999999999h",
                "too long",
                "2562047h",
            ),
            (
                "340282366920938463463374607431768211455h",
                "too long",
                "2562047h",
            ),
        ] {
            let error = seconds(text).expect_err(text);
            let found = error.hint.unwrap_or_default();
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert!(found.contains(hint), "{text}: {found}");
        }
    }
}
