use super::*;
use crate::cors::CorsRequest;
use crate::routing::{PathMatch, Predicates, PreflightMethod, RequestFields};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::cell::Cell;

/// A route in short: hosts, path (`/x` exact, `/x/*` prefix), methods, headers.
fn route(hosts: &[&str], path: &str, methods: &[&str], headers: &[(&str, &str)]) -> RouteMatch {
    RouteMatch {
        hosts: hosts
            .iter()
            .map(|host| match host.strip_prefix("*.") {
                Some(name) => HostMatch::Subdomains(name.to_owned()),
                None => HostMatch::Exact((*host).to_owned()),
            })
            .collect(),
        path: match path.strip_suffix("/*") {
            Some(prefix) => PathMatch::Prefix(prefix.to_owned()),
            None => PathMatch::Exact(path.to_owned()),
        },
        methods: methods.iter().map(|m| (*m).to_owned()).collect(),
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect(),
        is_fallback: false,
    }
}

/// The same as a fallback.
fn fallback(route: RouteMatch) -> RouteMatch {
    RouteMatch {
        is_fallback: true,
        ..route
    }
}

fn find(routes: &[RouteMatch], method: &str, url: &str, fields: &[(&str, &str)]) -> Option<usize> {
    found(routes, method, url, fields).route
}

fn found(routes: &[RouteMatch], method: &str, url: &str, fields: &[(&str, &str)]) -> Found {
    let (host, path) = url.split_at(url.find('/').unwrap());
    let method: Method = method.parse().unwrap();
    let fields = fields.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    let headers: HeaderMap = fields.collect();
    Router::new(routes).find(&RouteRequest {
        host: host.as_bytes(),
        path: path.as_bytes(),
        fields: Some(&headers),
        cors: &CorsRequest::new(&method, &headers),
        preflight_method: PreflightMethod::Announced,
    })
}

#[test]
fn the_more_specific_host_wins_whatever_the_order() {
    let routes = [
        route(&[], "/*", &[], &[]),
        route(&["*.example.com"], "/*", &[], &[]),
        route(&["*.api.example.com"], "/*", &[], &[]),
        route(&["a.api.example.com"], "/*", &[], &[]),
    ];
    for (host, expected) in [
        ("other.test", 0),
        ("x.example.com", 1),
        ("example.com", 0),
        ("evilexample.com", 0),
        ("api.example.com", 1),
        ("b.api.example.com", 2),
        ("c.b.api.example.com", 2),
        ("a.api.example.com", 3),
        ("A.API.example.COM:8443", 3),
        ("a.api.example.com.", 3),
        ("", 0),
    ] {
        assert_eq!(
            find(&routes, "GET", &format!("{host}/"), &[]),
            Some(expected),
            "{host}"
        );
    }
}

#[test]
fn an_ip_address_is_a_host_with_and_without_its_port() {
    let routes = [
        route(&["[::1]"], "/*", &[], &[]),
        route(&["127.0.0.1"], "/*", &[], &[]),
    ];
    assert_eq!(find(&routes, "GET", "[::1]:8080/", &[]), Some(0));
    assert_eq!(find(&routes, "GET", "[::1]/", &[]), Some(0));
    assert_eq!(find(&routes, "GET", "127.0.0.1:80/", &[]), Some(1));
}

#[test]
fn exact_paths_come_before_longer_prefixes_before_shorter_ones() {
    let routes = [
        route(&[], "/*", &[], &[]),
        route(&[], "/v1/*", &[], &[]),
        route(&[], "/v1/books/*", &[], &[]),
        route(&[], "/v1/books", &[], &[]),
    ];
    for (path, expected) in [
        ("/", 0),
        ("/v10", 0),
        ("/v1", 1),
        ("/v1/", 1),
        ("/v1/bookshelf", 1),
        ("/v1/books", 3),
        ("/v1/books/", 2),
        ("/v1/books/7/pages", 2),
    ] {
        assert_eq!(
            find(&routes, "GET", &format!("a{path}"), &[]),
            Some(expected),
            "{path}"
        );
    }
}

#[test]
fn a_less_specific_route_is_taken_where_the_predicates_of_the_other_fail() {
    let routes = [
        route(&["a"], "/x", &["GET"], &[]),
        route(&["a"], "/x", &["GET"], &[("x-version", "2")]),
        route(&[], "/*", &[], &[]),
    ];
    assert_eq!(find(&routes, "GET", "a/x", &[("x-version", "2")]), Some(1));
    assert_eq!(find(&routes, "GET", "a/x", &[("x-version", "3")]), Some(0));
    assert_eq!(find(&routes, "get", "a/x", &[]), Some(2));
    assert_eq!(find(&routes[..2], "PUT", "a/x", &[]), None);
}

#[test]
fn a_preflight_belongs_to_the_route_of_its_actual_request() {
    let routes = [
        route(&[], "/*", &["GET"], &[]),
        route(&[], "/*", &["PUT"], &[("x-version", "2")]),
        route(&[], "/*", &["OPTIONS"], &[]),
    ];
    let preflight = |method, headers| {
        let fields = [
            ("origin", "https://a.example"),
            ("access-control-request-method", method),
            ("access-control-request-headers", headers),
        ];
        find(&routes, "OPTIONS", "a/", &fields)
    };
    assert_eq!(preflight("GET", ""), Some(0));
    assert_eq!(preflight("PUT", "content-type, X-Version"), Some(1));
    assert_eq!(preflight("PUT", "content-type"), None);
    assert_eq!(preflight("DELETE", ""), None);
    assert_eq!(preflight("GET, PUT", ""), None);
    assert_eq!(
        find(&routes, "OPTIONS", "a/", &[("origin", "https://a.example")]),
        Some(2)
    );
}

#[test]
fn a_path_of_thousands_of_segments_is_looked_at_as_far_as_prefixes_go() {
    let routes = [
        route(&[], "/v1/*", &[], &[]),
        route(&[], "/v1/books/*", &[], &[]),
        route(&[], "/v1/books/7", &[], &[]),
    ];
    let router = Router::new(&routes);
    let headers = HeaderMap::new();
    let method = Method::GET;
    for (start, expected) in [
        ("/v1", Some(0)),
        ("/v1/books", Some(1)),
        ("/v1/books/7", Some(1)),
        ("/v1/bookshelf", Some(0)),
        ("/v10", None),
        ("", None),
    ] {
        let path = format!("{start}{}", "/x".repeat(30_000));
        let found = router.find(&RouteRequest {
            host: b"a",
            path: path.as_bytes(),
            fields: Some(&headers),
            cors: &CorsRequest::new(&method, &headers),
            preflight_method: PreflightMethod::Announced,
        });
        assert_eq!(found.route, expected, "{start}");
    }
}

#[test]
fn a_preflight_may_have_one_header_of_a_route_and_ask_for_another() {
    // The value that the fewest routes share is asked for, and so is the name that most of them share.
    let routes = [
        route(&[], "/*", &[], &[("x-a", "2"), ("x-b", "2")]),
        route(&[], "/*", &[], &[("x-a", "2"), ("x-b", "1")]),
    ];
    for (value, asked, expected) in [
        ("2", "x-b", Some(0)),
        ("2", "x-a,x-b", Some(0)),
        ("2", "x-a", None),
        ("1", "x-b", None),
    ] {
        let fields = [
            ("origin", "https://a.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", asked),
            ("x-a", value),
        ];
        assert_eq!(
            find(&routes, "OPTIONS", "a/", &fields),
            expected,
            "{value}, {asked}"
        );
    }
}

#[test]
fn a_header_that_a_proxy_adds_to_the_preflight_counts_by_its_value() {
    let routes = [
        route(&[], "/*", &[], &[("x-country", "de")]),
        route(&[], "/*", &[], &[]),
    ];
    let preflight = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
        ("x-country", "de"),
    ];
    assert_eq!(find(&routes, "OPTIONS", "a/", &preflight), Some(0));
    assert_eq!(find(&routes, "OPTIONS", "a/", &preflight[..2]), Some(1));
}

/// Fields that count how often they are read.
struct Counted<'a>(&'a HeaderMap, Cell<usize>);

impl RequestFields for Counted<'_> {
    fn for_each(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        self.1.set(self.1.get() + 1);
        self.0.for_each(each);
    }

    fn for_each_line_reversed(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) {
        self.1.set(self.1.get() + 1);
        self.0.for_each_line_reversed(name, each);
    }
}

#[test]
fn the_fields_of_a_request_are_read_once_however_many_routes_ask_about_them() {
    let values: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    let by_value = values.iter().flat_map(|value| {
        let at = |path| route(&[], path, &[], &[("x-v", value)]);
        [at("/a/*"), at("/a/b/*"), at("/a/b/c")]
    });
    let routes: Vec<RouteMatch> = by_value.chain([route(&[], "/*", &[], &[])]).collect();
    let router = Router::new(&routes);
    let reads_of = |fields: &[(&'static str, &'static str)], path: &str, is_bounded: bool| {
        let headers: HeaderMap = fields
            .iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect();
        let counted = Counted(&headers, Cell::new(0));
        let request = RouteRequest {
            host: b"a",
            path: path.as_bytes(),
            fields: is_bounded.then_some(&counted),
            cors: &CorsRequest::new(&Method::GET, &headers),
            preflight_method: PreflightMethod::Announced,
        };
        let search = router.search(&request);
        let routes = [search.find(path.as_bytes()), search.find(b"/a/b/x")];
        (routes.map(|found| found.route), counted.1.get())
    };
    assert_eq!(
        reads_of(&[("x-v", "99")], "/a/b/c", true),
        ([Some(299), Some(298)], 1)
    );
    assert_eq!(
        reads_of(&[("x-v", "100")], "/a/b/c", true),
        ([Some(300), Some(300)], 1)
    );
    assert_eq!(
        reads_of(&[("x-v", "99")], "/a/b/c", false),
        ([Some(300), Some(300)], 0)
    );
}

#[test]
fn a_list_past_its_bounds_asks_for_nothing() {
    let routes = [
        route(&[], "/*", &[], &[("x-version", "2")]),
        route(&[], "/*", &[], &[]),
    ];
    let asking = |names: &str| {
        let fields = [
            ("origin", "https://a.example"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", names),
        ];
        find(&routes, "OPTIONS", "a/", &fields)
    };
    assert_eq!(asking(&format!("{}x-version", " ,".repeat(4000))), Some(0));
    assert_eq!(asking(&format!("{}x-version", " ,".repeat(5000))), Some(1));
}

#[test]
fn the_headers_that_a_choice_depended_on_are_known() {
    let routes = [
        route(&["a"], "/*", &[], &[("x-b", "1"), ("x-c", "1")]),
        route(&["a"], "/v1/*", &[], &[("x-a", "1")]),
        route(&["a"], "/v1/plain/*", &[], &[]),
        route(&[], "/*", &[], &[]),
    ];
    for (url, fields, expected) in [
        ("a/v1/x", &[("x-a", "1")] as &[(&str, &str)], Some("x-a")),
        (
            "a/v1/x",
            &[("x-b", "1"), ("x-c", "1")],
            Some("x-a, x-b, x-c"),
        ),
        ("a/v1/x", &[], Some("x-a, x-b, x-c")),
        ("a/v2", &[], Some("x-b, x-c")),
        ("a/v1/plain", &[("x-a", "1")], None),
        ("other/v1/x", &[("x-a", "1")], None),
    ] {
        let vary = found(&routes, "GET", url, fields).vary;
        assert_eq!(
            vary.as_ref().map(HeaderValue::as_bytes),
            expected.map(str::as_bytes),
            "{url}"
        );
    }
}

#[test]
fn a_preflight_may_be_looked_up_by_its_own_method_and_fields() {
    let routes = [
        route(&[], "/*", &["PUT"], &[]),
        route(&[], "/*", &["OPTIONS"], &[]),
        route(&[], "/*", &["OPTIONS"], &[("x-v", "1")]),
    ];
    let router = Router::new(&routes);
    for (field, announced, own) in [
        (("access-control-request-headers", "x-v"), 0, 1),
        (("x-v", "1"), 0, 2),
        (("x-v", "2"), 0, 1),
    ] {
        let fields = [
            ("origin", "https://a.example"),
            ("access-control-request-method", "PUT"),
            field,
        ];
        let headers: HeaderMap = fields
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .into_iter()
            .collect();
        for (preflight_method, expected) in [
            (PreflightMethod::Announced, announced),
            (PreflightMethod::Options, own),
        ] {
            let request = RouteRequest {
                host: b"a",
                path: b"/",
                fields: Some(&headers),
                cors: &CorsRequest::new(&Method::OPTIONS, &headers),
                preflight_method,
            };
            let found = router.find(&request).route;
            assert_eq!(found, Some(expected), "{preflight_method:?} {field:?}");
            let predicates = Predicates::of(&routes[expected], &request, |_, value| value);
            assert!(predicates.unmet.is_empty(), "{:?}", predicates.unmet);
        }
    }
}

#[test]
fn without_a_route_there_is_none() {
    assert_eq!(find(&[], "GET", "a/", &[]), None);
    assert_eq!(
        find(&[route(&[], "/*", &[], &[])], "OPTIONS", "a/*", &[]),
        Some(0)
    );
}

#[test]
fn a_fallback_takes_what_no_other_route_does_whatever_the_host_and_the_path() {
    let routes = [
        route(&[], "/*", &["GET"], &[]),
        route(&["a"], "/v1/*", &[], &[("x-v", "1")]),
        fallback(route(&["a"], "/v1/books", &[], &[])),
        fallback(route(&[], "/v1/*", &["PUT"], &[("x-w", "1")])),
        fallback(route(&["*.a"], "/*", &[], &[])),
    ];
    for (method, url, fields, expected, vary) in [
        ("GET", "a/v1/books", &[] as &[_], Some(0), Some("x-v")),
        ("PUT", "a/v1/books", &[("x-v", "1")], Some(1), Some("x-v")),
        ("PUT", "a/v1/books", &[], Some(2), Some("x-v")),
        ("PUT", "a/v1/x", &[("x-w", "1")], Some(3), Some("x-v, x-w")),
        ("PUT", "a/v1/x", &[], None, Some("x-v, x-w")),
        ("POST", "other/", &[], None, None),
        ("POST", "b.a/v1/books", &[("x-w", "1")], Some(4), None),
        ("GET", "b.a/v1/books", &[], Some(0), None),
    ] {
        let found = found(&routes, method, url, fields);
        assert_eq!(found.route, expected, "{method} {url} {fields:?}");
        let found = found.vary.as_ref().map(HeaderValue::as_bytes);
        assert_eq!(found, vary.map(str::as_bytes), "{method} {url} {fields:?}");
    }
}

#[test]
fn a_preflight_takes_the_fallback_of_the_request_that_it_announces() {
    let routes = [
        route(&[], "/*", &["GET"], &[]),
        fallback(route(&[], "/*", &["PUT"], &[])),
    ];
    let asking = |method: &str| {
        let fields = [
            ("origin", "https://a.example"),
            ("access-control-request-method", method),
        ];
        find(&routes, "OPTIONS", "a/", &fields)
    };
    assert_eq!(["GET", "PUT", "POST"].map(asking), [Some(0), Some(1), None]);
}

mod templates;

mod twin {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    const HOSTS: [&str; 4] = ["a.test", "*.test", "*.a.test", "b.a.test"];
    const PATHS: [&str; 7] = ["/*", "/x/*", "/x", "/x/y/*", "/x/y", "/xy/*", "/x/"];
    const METHODS: [&str; 3] = ["GET", "PUT", "get"];
    const FIELDS: [(&str, &str); 4] = [("x-a", "1"), ("x-a", "2"), ("x-b", "1"), ("x-b", "2")];

    fn any_route() -> impl Strategy<Value = RouteMatch> {
        let hosts = subsequence(HOSTS.to_vec(), 0..=2);
        let methods = subsequence(METHODS.to_vec(), 0..=2);
        let headers = prop_oneof![
            subsequence(FIELDS.to_vec(), 0..=1),
            (select(FIELDS[..2].to_vec()), select(FIELDS[2..].to_vec()))
                .prop_map(|(a, b)| vec![a, b]),
        ];
        let is_fallback = prop::bool::weighted(0.3);
        (hosts, select(PATHS.to_vec()), methods, headers, is_fallback).prop_map(
            |(hosts, path, methods, headers, is_fallback)| RouteMatch {
                is_fallback,
                ..route(&hosts, path, &methods, &headers)
            },
        )
    }

    proptest! {
        /// The route that is found is one whose predicates are all met; where none is found, none has
        /// them all; no route that is more specific in its predicates was passed over on the same host
        /// and path; and a fallback is found only where no other route matches.
        #[test]
        fn a_route_is_found_where_its_predicates_are_met_and_nowhere_else(
            routes in prop::collection::vec(any_route(), 0..6),
            host in select(vec!["a.test", "A.test:8080", "b.a.test.", "c.b.a.test", "test", "other", ""]),
            path in select(vec!["/", "/x", "/x/", "/x/y", "/x/y/z", "/xy", "/xyz", "/X"]),
            method in select(vec!["GET", "PUT", "OPTIONS"]),
            asked in select(vec![None, Some("GET"), Some("PUT"), Some("")]),
            fields in subsequence(FIELDS.to_vec(), 0..=3),
            names in select(vec!["", "x-a", "X-B, x-c", "x-b,x-a"]),
        ) {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(name, HeaderValue::from_static(value));
            }
            if let Some(asked) = asked {
                headers.insert("origin", HeaderValue::from_static("https://o.test"));
                headers.insert("access-control-request-method", HeaderValue::from_static(asked));
                headers.insert("access-control-request-headers", HeaderValue::from_static(names));
            }
            let method: Method = method.parse().unwrap();
            let cors = CorsRequest::new(&method, &headers);
            let request = RouteRequest {
                host: host.as_bytes(),
                path: path.as_bytes(),
                fields: Some(&headers),
                cors: &cors,
                preflight_method: PreflightMethod::Announced,
            };
            let is_met = |route: &RouteMatch| Predicates::of(route, &request, |_, value| value).unmet.is_empty();
            match Router::new(&routes).find(&request).route {
                Some(found) => {
                    let found = &routes[found];
                    prop_assert!(is_met(found), "{found:?}");
                    if found.is_fallback {
                        let mut others = routes.iter().filter(|other| !other.is_fallback);
                        prop_assert!(!others.any(is_met), "{found:?}");
                    }
                    let same = |other: &&RouteMatch| {
                        (&other.hosts, &other.path, other.is_fallback)
                            == (&found.hosts, &found.path, found.is_fallback)
                    };
                    for other in routes.iter().filter(same).filter(|other| is_met(other)) {
                        prop_assert!(other.predicate_count() <= found.predicate_count(), "{other:?}");
                    }
                }
                None => prop_assert!(!routes.iter().any(is_met)),
            }
        }
    }
}
