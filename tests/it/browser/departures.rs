//! Where Chromium does something else than the Fetch standard says, each seen in Chromium 156.
//!
//! `cors/browser.rs` keeps to the standard. A departure turns a case into the one for which the
//! standard says what Chromium does. A Chromium without it is right, too: it is said, and no failure.

use super::cases::Case;
use super::chromium::Place;

pub(super) struct Departure {
    /// Chromium's behavior.
    pub(super) sentence: &'static str,
    pub(super) applies: fn(&Case) -> bool,
    pub(super) departed: fn(&mut Case),
}

/// The names that Chromium joins the lines of before it asks whether they are safelisted.
const SAFELISTED: [&str; 5] = [
    "accept",
    "accept-language",
    "content-language",
    "content-type",
    "range",
];

/// The standard has them no longer: <https://github.com/whatwg/fetch/issues/1383>.
const CLIENT_HINTS: [&str; 8] = [
    "device-memory",
    "downlink",
    "dpr",
    "ect",
    "rtt",
    "save-data",
    "viewport-width",
    "width",
];

pub(super) const DEPARTURES: [Departure; 8] = [
    // https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name. Chromium warns in its
    // console instead. With credentials a `*` is a name for Chromium, too.
    Departure {
        sentence: "`Access-Control-Allow-Headers: *` covers authorization without credentials",
        applies: |case| {
            let is_star = |(name, value): &(String, String)| {
                name == "Access-Control-Allow-Headers"
                    && value.split(',').any(|element| element.trim() == "*")
            };
            !case.credentials
                && case.has("authorization")
                && case.preflight.fields.iter().any(is_star)
        },
        departed: |case| {
            let field = ("Access-Control-Allow-Headers", "authorization");
            case.preflight
                .fields
                .push((field.0.to_owned(), field.1.to_owned()));
        },
    },
    // No forbidden name in the standard for years; https://crbug.com/571722.
    Departure {
        sentence: "a script's user-agent is dropped",
        applies: |case| case.has("user-agent"),
        departed: |case| {
            case.headers
                .retain(|(name, _)| !name.eq_ignore_ascii_case("user-agent"));
            case.dropped = &["user-agent"];
        },
    },
    Departure {
        sentence: "client hints are safelisted",
        applies: |case| CLIENT_HINTS.iter().any(|name| case.has(name)),
        departed: |case| {
            case.headers.retain(|(name, value)| {
                !CLIENT_HINTS.contains(&name.as_str()) || value.len() > 128
            });
        },
    },
    // In the standard, every line is looked at by itself, and then all of them together.
    Departure {
        sentence: "lines of one name are joined before they are looked at",
        applies: |case| {
            let times = |known: &str| {
                let names = case.headers.iter();
                names
                    .filter(|(name, _)| name.eq_ignore_ascii_case(known))
                    .count()
            };
            SAFELISTED.iter().any(|name| times(name) > 1)
        },
        departed: |case| {
            for known in SAFELISTED {
                let (lines, others): (Vec<_>, Vec<_>) = std::mem::take(&mut case.headers)
                    .into_iter()
                    .partition(|(name, _)| name.eq_ignore_ascii_case(known));
                let values: Vec<String> = lines.into_iter().map(|(_, value)| value).collect();
                case.headers = others;
                if !values.is_empty() {
                    case.headers.push((known.to_owned(), values.join(", ")));
                }
            }
        },
    },
    // Numbers have no end in the standard.
    Departure {
        sentence: "a range of 2^63-1 or more is unsafe",
        applies: |case| is_long_range(case),
        departed: |case| {
            for (name, value) in &mut case.headers {
                if name == "range" {
                    "unsafe".clone_into(value);
                }
            }
        },
    },
    // To the standard a number below 0 is not a number, and the default of 5 s holds.
    Departure {
        sentence: "a negative Access-Control-Max-Age is 0",
        applies: |case| case.max_age().is_some_and(|value| value.starts_with('-')),
        departed: |case| case.set_max_age("0"),
    },
    // In the standard its entries have the page's site as their key, and `null` as their origin.
    Departure {
        sentence: "nothing is remembered of preflights for opaque origins",
        applies: |case| case.place == Place::Frame && case.times > 1,
        departed: |case| case.set_max_age("0"),
    },
    // The standard leaves the details of 407 to HTTP. Without a proxy, Chromium takes it for an attack.
    Departure {
        sentence: "a response of 407 that no proxy sent is a network error",
        applies: |case| case.response.status == 407,
        departed: |case| case.response.fields.clear(),
    },
];

fn is_long_range(case: &Case) -> bool {
    let mut ranges = case.headers.iter().filter(|(name, _)| name == "range");
    ranges.any(|(_, value)| {
        let mut numbers = value.split(|c: char| !c.is_ascii_digit());
        numbers.any(|number| {
            number
                .parse::<i64>()
                .map_or(!number.is_empty(), |n| n == i64::MAX)
        })
    })
}

// === impl Case ===

impl Case {
    /// The case as Chromium takes it; `None` where it keeps to the standard.
    pub(super) fn departed(&self) -> Option<Self> {
        let mut departures = self.departures().peekable();
        departures.peek()?;
        let mut case = self.clone();
        for departure in departures {
            (departure.departed)(&mut case);
        }
        Some(case)
    }

    pub(super) fn departures(&self) -> impl Iterator<Item = &'static Departure> {
        DEPARTURES.iter().filter(|d| (d.applies)(self))
    }

    fn has(&self, known: &str) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(known))
    }

    fn max_age(&self) -> Option<&str> {
        let mut fields = self.preflight.fields.iter();
        let (_, value) = fields.find(|(name, _)| name == "Access-Control-Max-Age")?;
        Some(value)
    }

    fn set_max_age(&mut self, value: &str) {
        let fields = &mut self.preflight.fields;
        fields.retain(|(name, _)| name != "Access-Control-Max-Age");
        fields.push(("Access-Control-Max-Age".to_owned(), value.to_owned()));
    }
}
