//! The requests of scripts and the answers of servers: products of the values in `cases/values.rs`.

mod values;

use super::chromium::{PLACES, Place};
use values::*;

/// A script's request, the server's answers to it, and how often it is made.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) method: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) credentials: bool,
    pub(super) place: Place,
    pub(super) preflight: Reply,
    pub(super) response: Reply,
    pub(super) times: usize,
    /// Names, in lower case, that a browser drops against the standard.
    pub(super) dropped: &'static [&'static str],
}

/// A server's answer, as it is written; Content-Length aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
}

/// All cases, in the same order each time.
pub(super) fn all(page_origin: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    requests(&mut cases);
    origins_and_credentials(&mut cases);
    lists(&mut cases);
    statuses(&mut cases);
    times(&mut cases);
    for case in &mut cases {
        let origin = case.origin(page_origin);
        for reply in [&mut case.preflight, &mut case.response] {
            for (_, value) in &mut reply.fields {
                *value = filled(value, &origin, page_origin);
            }
        }
    }
    cases
}

/// Every request, to a server that allows what is asked for and to one that allows the origin alone.
fn requests(cases: &mut Vec<Case>) {
    let mut of = |method: &str, headers: &str, credentials: bool| {
        let case = Case::new(method, headers, credentials);
        let names: Vec<String> = case.headers.iter().map(|(name, _)| name.clone()).collect();
        let generous = Reply::allowing()
            .with("Access-Control-Allow-Methods", &[method])
            .with("Access-Control-Allow-Headers", &[&names.join(",")]);
        // A line end would be an answer of another kind.
        if !method.contains('\n') {
            cases.push(Case {
                preflight: generous,
                ..case.clone()
            });
        }
        cases.push(case);
    };
    for method in METHODS {
        for credentials in [false, true] {
            of(method, "", credentials);
        }
        of(method, "x-a: 1", false);
    }
    for headers in HEADERS {
        of("GET", headers, false);
        of("POST", headers, true);
    }
}

/// Who may read, for a plain request and for one with a preflight, on the page and in the frame.
fn origins_and_credentials(cases: &mut Vec<Case>) {
    let mut of = |origin: Lines, allowed: Lines, credentials: bool, place: Place| {
        let reply = Reply::new(200)
            .with("Access-Control-Allow-Origin", origin)
            .with("Access-Control-Allow-Credentials", allowed);
        let plain = Case {
            place,
            response: reply.clone(),
            ..Case::new("GET", "", credentials)
        };
        let methods = reply.with("Access-Control-Allow-Methods", &["PUT"]);
        let asked = Case {
            preflight: methods,
            response: Reply::allowing(),
            ..Case::new("PUT", "", credentials)
        };
        cases.extend([plain, Case { place, ..asked }]);
    };
    for credentials in [false, true] {
        for place in PLACES {
            for origin in ALLOW_ORIGIN {
                of(origin, &["true"], credentials, place);
            }
            for allowed in ALLOW_CREDENTIALS {
                of(&["{o}"], allowed, credentials, place);
                of(&["*"], allowed, credentials, place);
            }
        }
    }
}

fn lists(cases: &mut Vec<Case>) {
    for credentials in [false, true] {
        for methods in ALLOW_METHODS {
            let reply = Reply::allowing()
                .with("Access-Control-Allow-Methods", methods)
                .with("Access-Control-Allow-Headers", &["x-a"]);
            for method in [
                "PUT", "put", "PATCH", "patch", "DELETE", "OPTIONS", "QUERY", "foo", "*",
            ] {
                cases.push(Case {
                    preflight: reply.clone(),
                    ..Case::new(method, "", credentials)
                });
            }
            // A safelisted method never has to be listed, but the list has to be one.
            for method in ["GET", "HEAD", "post"] {
                cases.push(Case {
                    preflight: reply.clone(),
                    ..Case::new(method, "x-a: 1", credentials)
                });
            }
        }
        for names in ALLOW_HEADERS {
            for headers in HEADERS_ASKED {
                let reply = Reply::allowing()
                    .with("Access-Control-Allow-Methods", &["PUT"])
                    .with("Access-Control-Allow-Headers", names);
                cases.push(Case {
                    preflight: reply,
                    ..Case::new("PUT", headers, credentials)
                });
            }
        }
        for names in EXPOSE_HEADERS {
            for place in PLACES {
                let mut response = Reply::allowing().with("Access-Control-Expose-Headers", names);
                for (name, value) in [
                    ("Content-Type", "text/plain"),
                    ("X-Id", "1"),
                    ("ETag", "\"a\""),
                    ("Set-Cookie", "zz=1"),
                    ("Set-Cookie2", "zz=1"),
                    ("Cache-Control", "no-store"),
                    ("Content-Language", "en"),
                    ("Expires", "0"),
                    ("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
                    ("Pragma", "x"),
                    ("Vary", "Origin"),
                    ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
                    ("Content-Encoding", "identity"),
                ] {
                    response = response.with(name, &[value]);
                }
                cases.push(Case {
                    place,
                    response,
                    ..Case::new("GET", "", credentials)
                });
            }
        }
    }
}

fn statuses(cases: &mut Vec<Case>) {
    for status in STATUSES {
        let lists = Reply {
            status,
            ..Reply::allowing()
        }
        .with("Access-Control-Allow-Methods", &["PUT"])
        .with("Access-Control-Allow-Headers", &["x-a"]);
        for (method, headers) in [("PUT", ""), ("GET", "x-a: 1"), ("HEAD", "x-a: 1")] {
            for credentials in [false, true] {
                cases.push(Case {
                    preflight: lists.clone(),
                    ..Case::new(method, headers, credentials)
                });
            }
        }
        let moved = lists.with("Location", &["/elsewhere"]);
        cases.push(Case {
            preflight: moved,
            ..Case::new("PUT", "", false)
        });
        // What becomes of a redirected response is another story.
        if matches!(status, 301 | 302 | 303 | 307 | 308) {
            continue;
        }
        for method in ["GET", "HEAD", "POST"] {
            for reply in [Reply::allowing(), Reply::new(200)] {
                cases.push(Case {
                    response: Reply { status, ..reply },
                    ..Case::new(method, "", false)
                });
            }
        }
    }
}

/// Cases in which a preflight's permission is cached, or not.
fn times(cases: &mut Vec<Case>) {
    for max_age in MAX_AGE {
        for (credentials, place) in PLACES.iter().flat_map(|&p| [(false, p), (true, p)]) {
            cases.push(Case {
                place,
                times: 2,
                preflight: Reply::allowing()
                    .with("Access-Control-Allow-Methods", &["PUT"])
                    .with("Access-Control-Max-Age", max_age),
                ..Case::new("PUT", "", credentials)
            });
        }
    }
}

fn filled(value: &str, origin: &str, page_origin: &str) -> String {
    let port = page_origin.rsplit(':').next().unwrap_or_default();
    value
        .replace("{o}", origin)
        .replace("{O}", &origin.to_ascii_uppercase())
        .replace("{p}", port)
}

// === impl Case ===

impl Case {
    /// A server that allows the origin, with credentials, and nothing else.
    pub(super) fn new(method: &str, headers: &str, credentials: bool) -> Self {
        let lines = headers.split('|').filter(|line| !line.is_empty());
        let header = |line: &str| {
            // A name may be empty.
            let (name, value) = line
                .split_once(": ")
                .or(line.split_once(':'))
                .expect("a colon");
            let length = value
                .rsplit_once('#')
                .and_then(|(before, length)| Some((before, length.parse::<usize>().ok()?)));
            let value = match length {
                Some((before, length)) => format!("{before}{}", "a".repeat(length)),
                None => value.to_owned(),
            };
            (name.to_owned(), value)
        };
        Self {
            method: method.to_owned(),
            headers: lines.map(header).collect(),
            credentials,
            place: Place::Page,
            preflight: Reply::allowing(),
            response: Reply::allowing(),
            times: 1,
            dropped: &[],
        }
    }

    pub(super) fn origin(&self, page_origin: &str) -> String {
        match self.place {
            Place::Page => page_origin.to_owned(),
            Place::Frame => "null".to_owned(),
        }
    }
}

// === impl Reply ===

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            fields: Vec::new(),
        }
    }

    fn allowing() -> Self {
        Self::new(200)
            .with("Access-Control-Allow-Origin", &["{o}"])
            .with("Access-Control-Allow-Credentials", &["true"])
    }

    fn with(mut self, name: &str, lines: &[&str]) -> Self {
        let lines = lines
            .iter()
            .map(|line| (name.to_owned(), (*line).to_owned()));
        self.fields.extend(lines);
        self
    }
}
