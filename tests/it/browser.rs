//! The claims of `cors/browser` and of `explain` about browsers, held against a
//! real Chromium where one is installed. `CORSGATE_TEST_BROWSER=require` makes it a failure that
//! none is.

mod cases;
mod chromium;
mod departures;
mod gateway;
mod grpc_web;
mod messages;
mod tls;

use crate::support::{Answer, Received, Upstream};
use cases::{Case, Reply};
use chromium::{COOKIE, Fetch, Place, Seen, Site};
use corsgate::cors::browser::ScriptRequest;
use departures::DEPARTURES;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A browser's reaction to one `fetch()`, or to several.
#[derive(Debug, Default, PartialEq, Eq)]
struct Conduct {
    preflights: Vec<Preflight>,
    requests: Vec<Request>,
    /// The script's result of each fetch: the names that it can read, or an error.
    readable: Seen,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Preflight {
    /// Origin and Access-Control-Request-*: every field that a server decides by.
    fields: Vec<(String, String)>,
    has_cookie: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    method: String,
    origin: Option<String>,
    has_cookie: bool,
    /// The script's headers, as they came; without those that didn't.
    headers: BTreeMap<String, String>,
}

/// Predicts with the module what a browser does if it takes `case` for what is in `taken`.
fn predicted(case: &Case, taken: &Case, page_origin: &str) -> Conduct {
    let origin = case.origin(page_origin);
    let script = ScriptRequest {
        method: &taken.method,
        origin: &origin,
        headers: &taken.headers,
        credentials: taken.credentials,
    };
    let written = ScriptRequest {
        headers: &case.headers,
        ..script
    };
    let mut conduct = Conduct::default();
    let mut is_permitted = script.preflight_causes().is_empty();
    for _ in 0..taken.times {
        if script.check().is_err() {
            conduct.readable.push(None);
            continue;
        }
        if !is_permitted {
            let fields = script.preflight_fields().into_iter();
            conduct.preflights.push(Preflight {
                fields: fields
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                has_cookie: false,
            });
            let status = StatusCode::from_u16(taken.preflight.status).expect("a status");
            let Ok(permit) = script.judge_preflight(status, &taken.preflight.map()) else {
                conduct.readable.push(None);
                continue;
            };
            is_permitted = permit.max_age > 0;
        }
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in written.sent_headers() {
            if taken.dropped.contains(&name.as_str()) {
                continue;
            }
            headers
                .entry(name)
                .and_modify(|all| *all = format!("{all}, {value}"))
                .or_insert_with(|| value.to_owned());
        }
        conduct.requests.push(Request {
            method: script.method().to_owned(),
            origin: Some(origin.clone()),
            has_cookie: case.credentials && case.place == Place::Page,
            headers,
        });
        let permit = script.judge_response(&taken.response.map());
        conduct
            .readable
            .push(permit.ok().map(|permit| permit.readable));
    }
    conduct
}

/// Observes a browser, by the requests that reached the server and the script's results.
fn observed(case: &Case, received: &[&Received], seen: Seen) -> Conduct {
    let mut conduct = Conduct {
        readable: seen,
        ..Conduct::default()
    };
    let has_cookie = |request: &Received| {
        request
            .get("cookie")
            .is_some_and(|cookies| cookies.contains(COOKIE))
    };
    for request in received {
        if request.get("access-control-request-method").is_some() {
            assert_eq!(request.method, "OPTIONS");
            let names = [
                "Origin",
                "Access-Control-Request-Method",
                "Access-Control-Request-Headers",
            ];
            let field = |name: &str| Some((name.to_owned(), request.get(name)?));
            conduct.preflights.push(Preflight {
                fields: names.into_iter().filter_map(field).collect(),
                has_cookie: has_cookie(request),
            });
            continue;
        }
        let names: BTreeSet<String> = case
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        let is_of_script = |name: &str, came: &str| {
            let mut headers = case.headers.iter();
            headers.any(|(n, value)| {
                let value = value.trim_matches([' ', '\t', '\r', '\n']);
                n.eq_ignore_ascii_case(name)
                    && (came == value || !value.is_empty() && came.contains(value))
            })
        };
        let headers = names.into_iter().filter_map(|name| {
            // The browser may have set it itself.
            let value = request
                .get(&name)
                .filter(|value| is_of_script(&name, value))?;
            Some((name, value))
        });
        conduct.requests.push(Request {
            method: request.method.clone(),
            origin: request.get("origin"),
            has_cookie: has_cookie(request),
            headers: headers.collect(),
        });
    }
    conduct
}

#[test]
fn a_real_browser_does_what_is_said_of_browsers() {
    let Some(program) = chromium::program() else {
        return;
    };
    let site = Site::start();
    let cases = Arc::new(cases::all(&site.origin()));
    assert!(cases.len() > 400, "{}", cases.len());
    let theirs = Arc::clone(&cases);
    let server = Upstream::start_with(move |request| {
        let case = id_of(request).and_then(|id| theirs.get(id));
        case.map_or(Answer::new(404, &[]), |case| {
            match request.get("access-control-request-method") {
                Some(_) => case.preflight.answer(),
                None => case.response.answer(),
            }
        })
    });
    let plan = cases.iter().enumerate().map(|(id, case)| Fetch {
        id,
        url: format!("http://{}/{id}", server.address),
        method: case.method.clone(),
        headers: case.headers.clone(),
        credentials: case.credentials,
        // Chromium's HTTP cache writes ranges in its own way.
        cache: match case.headers.iter().any(|(name, _)| name == "range") {
            true => "no-store",
            false => "default",
        },
        times: case.times,
        place: case.place,
    });
    let origin = site.origin();
    let mut seen = site.run(program, plan.collect(), chromium::AT_ONCE).seen;
    let received = server.received();
    let mut by_case: BTreeMap<usize, Vec<&Received>> = BTreeMap::new();
    for request in &received {
        let id = id_of(request);
        let id = id.unwrap_or_else(|| panic!("nobody asked for {}", request.target));
        by_case.entry(id).or_default().push(request);
    }
    let mut differences = Vec::new();
    let mut seen_departures = BTreeSet::new();
    for (id, case) in cases.iter().enumerate() {
        let received = by_case.remove(&id).unwrap_or_default();
        let seen = seen.remove(&id).expect("every fetch ends");
        let found = observed(case, &received, seen);
        let mut expected = predicted(case, case, &origin);
        if let Some(taken) = case.departed().filter(|_| expected != found) {
            expected = predicted(case, &taken, &origin);
            seen_departures.extend(case.departures().map(|departure| departure.sentence));
        }
        if expected != found {
            let text = format!("{case:?}\n  expected {expected:?}\n  found    {found:?}\n");
            differences.push(text);
        }
    }
    for departure in &DEPARTURES {
        if !seen_departures.contains(departure.sentence) {
            eprintln!("this browser does not depart: {}", departure.sentence);
        }
    }
    let of = format!("{} of {} cases differ", differences.len(), cases.len());
    assert!(differences.is_empty(), "{of}:\n{}", differences.concat());
}

fn id_of(request: &Received) -> Option<usize> {
    request.target.strip_prefix('/')?.parse().ok()
}

// === impl Reply ===

impl Reply {
    fn answer(&self) -> Answer {
        Answer::new(self.status, &self.fields)
    }

    /// The same, as a client has read it.
    fn map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        let length = ("Content-Length".to_owned(), "0".to_owned());
        let has_length = !matches!(self.status, 204 | 304);
        for (name, value) in self.fields.iter().chain(has_length.then_some(&length)) {
            let name: HeaderName = name.parse().expect("a name");
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            map.append(name, value);
        }
        map
    }
}
