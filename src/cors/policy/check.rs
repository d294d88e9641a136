//! The checks on a [`PolicySpec`], all in one pass.

use super::{
    Dangers, ListSpec, NameList, OnRejectedPreflight, OtherOptionsRequests, PolicyError,
    PolicyErrorKind, PolicySpec, SpecField,
};
use crate::cors::fetch_lists::{
    HEADERS_FORBIDDEN_BUT_HARMLESS, is_cors_field, is_forbidden_method,
    is_forbidden_request_header, is_token,
};
use crate::cors::origins::origin::{is_app_scheme, is_of_an_app};
use crate::cors::origins::pattern::{HostPattern, OriginPattern, TuplePattern, is_loopback_host};
use crate::cors::origins::regex::RegexPattern;

/// Returns everything that is wrong with `spec`, but problems of all patterns together.
pub(super) fn problems(spec: &PolicySpec) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    check_origins(spec, &mut errors);
    check_method_list(spec, &mut errors);
    check_header_lists(spec, &mut errors);
    check_exposed(spec, &mut errors);
    check_other_options(spec, &mut errors);
    errors
}

fn check_origins(spec: &PolicySpec, errors: &mut Vec<PolicyError>) {
    if spec.origins.is_empty() {
        errors.push(PolicyError {
            field: SpecField::Origins,
            kind: PolicyErrorKind::NoOrigins,
        });
    }
    for (index, pattern) in spec.origins.iter().enumerate() {
        let mut refuse = |kind| {
            errors.push(PolicyError {
                field: SpecField::Origin(index),
                kind,
            });
        };
        if matches!(pattern, OriginPattern::Any) && spec.origins.len() > 1 {
            refuse(PolicyErrorKind::AnyBesideOthers);
        }
        if spec.credentials {
            dangers_of(pattern, spec.dangers, refuse);
        }
    }
}

/// Calls `refuse` with every danger of sending credentials to the origins that `pattern` matches.
fn dangers_of(pattern: &OriginPattern, allowed: Dangers, mut refuse: impl FnMut(PolicyErrorKind)) {
    match pattern {
        OriginPattern::Any => {
            if !allowed.any_origin_with_credentials {
                refuse(PolicyErrorKind::AnyOriginWithCredentials("*".to_owned()));
            }
        }
        OriginPattern::Null => {
            if !allowed.null_with_credentials {
                refuse(PolicyErrorKind::NullWithCredentials);
            }
        }
        OriginPattern::Regex(regex) => {
            if !allowed.any_origin_with_credentials && matches_anything(regex) {
                refuse(PolicyErrorKind::AnyOriginWithCredentials(
                    regex.text().to_owned(),
                ));
            } else if let Some(danger) = unproven_regex(regex, allowed) {
                refuse(danger);
            } else if let Some(suffix) = open_suffix_of(regex).filter(|_| {
                !allowed.public_suffix_wildcards && !allowed.any_origin_with_credentials
            }) {
                refuse(PolicyErrorKind::PublicSuffix {
                    pattern: regex.text().to_owned(),
                    suffix,
                });
            }
        }
        OriginPattern::Literal(literal) => {
            let text = literal.text();
            let is_http = text.to_ascii_lowercase().starts_with("http://");
            if let Some(danger) = unproven(text, !is_http, allowed) {
                refuse(danger);
            }
        }
        OriginPattern::Tuple(tuple) => {
            if tuple.scheme() != "https"
                && !tuple.is_loopback()
                && let Some(danger) =
                    unproven(&tuple.text(), is_app_scheme(tuple.scheme()), allowed)
            {
                refuse(danger);
            }
            if !allowed.public_suffix_wildcards
                && let Some(suffix) = public_suffix(tuple)
            {
                refuse(PolicyErrorKind::PublicSuffix {
                    pattern: tuple.text(),
                    suffix,
                });
            }
        }
    }
}

/// Returns the danger of an origin that no certificate proves, unless it is accepted.
fn unproven(text: &str, is_of_an_app: bool, allowed: Dangers) -> Option<PolicyErrorKind> {
    let text = text.to_owned();
    match is_of_an_app {
        _ if allowed.insecure_origins => None,
        true if allowed.app_schemes => None,
        true => Some(PolicyErrorKind::AppOrigin(text)),
        false => Some(PolicyErrorKind::InsecureOrigin(text)),
    }
}

/// Returns the danger of a regex's origins that no certificate proves, unless it is accepted. A regex that
/// matches both kinds has the greater danger, that of pages without TLS.
fn unproven_regex(regex: &RegexPattern, allowed: Dangers) -> Option<PolicyErrorKind> {
    if regex.all_start_with(is_secure_start) {
        return None;
    }
    let are_apps = regex
        .all_start_with(|start, is_whole| is_of_an_app(start) || is_secure_start(start, is_whole));
    unproven(regex.text(), are_apps, allowed)
}

/// Whether an attacker on the network's path can't impersonate an origin that starts like this:
/// `https` and loopback hosts. A loopback host must end with a port or with the origin, so that
/// `http://localhost.evil.test` does not count.
fn is_secure_start(start: &str, is_whole: bool) -> bool {
    let origin = match start.find("://").and_then(|at| start[at + 3..].rfind(':')) {
        // A port follows; its digits don't matter.
        Some(_) if !start.ends_with(']') => start.rsplit_once(':').map_or(start, |(o, _)| o),
        _ if is_whole => start,
        _ => return start.starts_with("https://"),
    };
    start.starts_with("https://")
        || origin
            .split_once("://")
            .is_some_and(|(_, host)| is_loopback_host(host))
}

/// Origins with nothing in common but their scheme. A policy that allows two of them allows any.
pub const UNRELATED_ORIGINS: [&str; 6] = [
    "https://evil.test",
    "https://a.b.attacker.example",
    "https://xn--80ak6aa92e.com",
    "https://evil.co.uk",
    "https://evil.org",
    "https://bad.net",
];

/// Public suffixes below which anyone can register a name. They are tried against regexes that name
/// no suffix themselves.
const OPEN_SUFFIXES: [&str; 16] = [
    "com",
    "net",
    "org",
    "io",
    "dev",
    "app",
    "co",
    "co.uk",
    "de",
    "github.io",
    "gitlab.io",
    "vercel.app",
    "netlify.app",
    "pages.dev",
    "herokuapp.com",
    "web.app",
];

fn matches_anything(regex: &RegexPattern) -> bool {
    ["", ":8443"].iter().any(|port| {
        let matches = |origin: &&&str| regex.is_match(&format!("{origin}{port}"));
        UNRELATED_ORIGINS.iter().filter(matches).nth(1).is_some()
    })
}

/// Returns a public suffix directly below which the regex matches more than one name.
fn open_suffix_of(regex: &RegexPattern) -> Option<String> {
    let named = regex.literal_ends();
    let named = named.iter().filter_map(|end| {
        let host = end.split(':').next()?;
        host.strip_prefix('.').filter(|host| is_public_suffix(host))
    });
    named
        .chain(OPEN_SUFFIXES)
        .map(str::to_owned)
        .find(|suffix| {
            let names = ["evil", "bad", "attacker7", "some-body"];
            ["", ":8443"].iter().any(|port| {
                let matches =
                    |name: &&&str| regex.is_match(&format!("https://{name}.{suffix}{port}"));
                names.iter().filter(matches).nth(1).is_some()
            })
        })
}

fn is_public_suffix(name: &str) -> bool {
    // An unlisted top-level name such as `internal` is not a registry's.
    psl::suffix(name.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}

/// Returns the public suffix that a wildcard stands directly below, or that it covers.
fn public_suffix(tuple: &TuplePattern) -> Option<String> {
    // Names below an app's host are not registered anywhere.
    if tuple.host_pattern() != HostPattern::Subdomains || is_app_scheme(tuple.scheme()) {
        return None;
    }
    let host = tuple.host().trim_end_matches('.');
    // The list has `*.kawasaki.jp`: every label below that host is a public suffix too, and
    // `https://*.kawasaki.jp` covers them.
    let below = format!("x.{host}");
    let is_suffix = is_public_suffix(host) || is_public_suffix(&below);
    is_suffix.then(|| host.to_owned())
}

fn check_method_list(spec: &PolicySpec, errors: &mut Vec<PolicyError>) {
    let has_others = |list: &NameList| list.any && !list.names.is_empty();
    if spec.methods.names().is_some_and(has_others) {
        errors.push(PolicyError {
            field: SpecField::Methods,
            kind: PolicyErrorKind::AnyMethodBesideOthers,
        });
    }
    check_names(&spec.methods, SpecField::Method, errors, |name, _| {
        if !is_token(name.as_bytes()) {
            Some(PolicyErrorKind::NotAMethod(name.to_owned()))
        } else if is_forbidden_method(name.as_bytes()) {
            Some(PolicyErrorKind::ForbiddenMethod(name.to_owned()))
        } else {
            None
        }
    });
}

fn check_header_lists(spec: &PolicySpec, errors: &mut Vec<PolicyError>) {
    check_names(&spec.headers, SpecField::Header, errors, |name, lower| {
        let is_harmless = HEADERS_FORBIDDEN_BUT_HARMLESS.contains(&lower);
        let is_forbidden = is_forbidden_request_header(lower) && !is_harmless;
        no_header(name, lower)
            .or_else(|| is_forbidden.then(|| PolicyErrorKind::ForbiddenHeader(name.to_owned())))
    });
}

fn check_exposed(spec: &PolicySpec, errors: &mut Vec<PolicyError>) {
    if spec.credentials && spec.expose_headers.names().is_some_and(|list| list.any) {
        errors.push(PolicyError {
            field: SpecField::ExposeHeaders,
            kind: PolicyErrorKind::AnyExposedWithCredentials,
        });
    }
    check_names(
        &spec.expose_headers,
        SpecField::ExposeHeader,
        errors,
        |name, lower| {
            // https://fetch.spec.whatwg.org/#forbidden-response-header-name
            let is_hidden = matches!(lower, "set-cookie" | "set-cookie2");
            no_header(name, lower)
                .or_else(|| is_hidden.then(|| PolicyErrorKind::UnreadableHeader(name.to_owned())))
        },
    );
}

/// Refuses a policy that rejects requests, and forwards what it rejects.
fn check_other_options(spec: &PolicySpec, errors: &mut Vec<PolicyError>) {
    if spec.other_options_requests == OtherOptionsRequests::Reject
        && spec.on_rejected_preflight == OnRejectedPreflight::Forward
    {
        errors.push(PolicyError {
            field: SpecField::OtherOptionsRequests,
            kind: PolicyErrorKind::RejectsWhatIsForwarded,
        });
    }
}

/// Returns the problem of a name that no list of headers may contain.
fn no_header(name: &str, lower: &str) -> Option<PolicyErrorKind> {
    if !is_token(name.as_bytes()) {
        Some(PolicyErrorKind::NotAHeader(name.to_owned()))
    } else if is_cors_field(lower) {
        Some(PolicyErrorKind::CorsField(name.to_owned()))
    } else {
        None
    }
}

/// Calls `problem` with every name, as written and in lower case. A text that is sent as written may have any.
fn check_names(
    list: &ListSpec,
    field: fn(usize) -> SpecField,
    errors: &mut Vec<PolicyError>,
    problem: impl Fn(&str, &str) -> Option<PolicyErrorKind>,
) {
    let names = list.names().map(|list| list.names.iter());
    for (index, name) in names.into_iter().flatten().enumerate() {
        let looks_like_a_pattern = name.starts_with('*') || name.ends_with('*');
        let kind = problem(name, &name.to_ascii_lowercase())
            .or_else(|| looks_like_a_pattern.then(|| PolicyErrorKind::NameWithStar(name.clone())));
        errors.extend(kind.map(|kind| PolicyError {
            field: field(index),
            kind,
        }));
    }
}
