//! The treatment of a request, from the tables of the README and the Fetch standard's preflight
//! algorithm (<https://fetch.spec.whatwg.org/#cors-preflight-fetch>).

use super::origin::{self, Origin};
use super::pattern::{self, Pattern};
use super::regex;
use corsgate::cors::{
    ListSpec, OnRejectedPreflight, OtherOptionsRequests, PolicySpec, PreflightStatus,
    UpstreamCorsHeaders,
};

/// A policy as it is written: `spec` says all but the origins.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub origins: Vec<WrittenOrigin>,
    pub spec: PolicySpec,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrittenOrigin {
    Text(String),
    Regex(String),
    Literal(String),
}

#[derive(Debug, Clone)]
pub enum Rule {
    /// At least one, in their order.
    Policies(Vec<Written>),
    Passthrough,
    Off,
    /// The policies of the gateway's own 404; maybe none.
    NoRoute(Vec<Written>),
}

/// The lines of every field that CORS looks at.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: Vec<u8>,
    pub origin: Vec<Vec<u8>>,
    pub request_method: Vec<Vec<u8>>,
    pub request_headers: Vec<Vec<u8>>,
    pub request_private_network: Vec<Vec<u8>>,
    pub authority: Vec<u8>,
}

/// Fields with their lines, names in lower case, in the order of their names; Vary as its elements.
pub type Fields = std::collections::BTreeMap<String, Vec<Vec<u8>>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub outcome: &'static str,
    pub reason: Option<&'static str>,
    pub how: How,
    /// Of the answer; of the upstream's or the gateway's response where that is forwarded or made.
    pub fields: Fields,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Answered(u16),
    Rejected(u16),
    Forwarded,
    Actual,
}

const ORIGIN: &str = "access-control-allow-origin";
const CREDENTIALS: &str = "access-control-allow-credentials";
const METHODS: &str = "access-control-allow-methods";
const HEADERS: &str = "access-control-allow-headers";
const EXPOSE: &str = "access-control-expose-headers";
const MAX_AGE: &str = "access-control-max-age";
const PRIVATE_NETWORK: &str = "access-control-allow-private-network";

const PREFLIGHT_VARY: [&str; 3] = [
    "origin",
    "access-control-request-method",
    "access-control-request-headers",
];

/// `upstream` is what the upstream would answer with, Vary as its elements.
pub fn decide(rule: &Rule, request: &Request, upstream: &Fields) -> Answer {
    let has_origin = !request.origin.is_empty();
    let is_preflight =
        request.method == b"OPTIONS" && has_origin && !request.request_method.is_empty();
    if let (Rule::Policies(policies), false) = (rule, is_preflight)
        && request.method == b"OPTIONS"
        && let Some(answer) = no_preflight(policies)
    {
        return answer;
    }
    match (rule, is_preflight) {
        (Rule::Off, _) => actual("none", upstream.clone()),
        (Rule::Passthrough, false) if has_origin => actual("passed_through", upstream.clone()),
        (Rule::Passthrough, false) => actual("none", upstream.clone()),
        (Rule::Passthrough, true) => Answer {
            outcome: "passed_through",
            reason: Some("route_passthrough"),
            how: How::Forwarded,
            fields: upstream.clone(),
        },
        (Rule::NoRoute(policies), false) if policies.is_empty() => {
            let is_denied = has_origin && !is_own(request);
            actual(if is_denied { "denied" } else { "none" }, upstream.clone())
        }
        (Rule::NoRoute(policies), true) => {
            // The gateway's own 404 has no fields before this.
            let own = Fields::new();
            let mut fields = match policies.is_empty() {
                true => own,
                false => response(policies, request, &own).1,
            };
            add_vary(&mut fields, &PREFLIGHT_VARY);
            if policies.iter().any(|policy| policy.spec.private_network) {
                add_vary(&mut fields, &["access-control-request-private-network"]);
            }
            Answer {
                outcome: "rejected",
                reason: Some("no_route"),
                how: How::Rejected(404),
                fields,
            }
        }
        (Rule::Policies(policies) | Rule::NoRoute(policies), false) => {
            let (is_allowed, fields) = response(policies, request, upstream);
            let outcome = match (has_origin, is_allowed) {
                (false, _) => "none",
                (true, true) => "allowed",
                (true, false) if is_own(request) => "none",
                (true, false) => "denied",
            };
            actual(outcome, fields)
        }
        (Rule::Policies(policies), true) => preflight(policies, request, upstream),
    }
}

/// The answer of the last policy to OPTIONS that is not a preflight, if it rejects that.
fn no_preflight(policies: &[Written]) -> Option<Answer> {
    let spec = &policies.last()?.spec;
    let is_rejected = spec.other_options_requests == OtherOptionsRequests::Reject;
    let status = match &spec.on_rejected_preflight {
        OnRejectedPreflight::Respond(written) => written.status.as_u16(),
        _ => 403,
    };
    let mut fields = Fields::new();
    add_vary(&mut fields, &PREFLIGHT_VARY);
    if policies.iter().any(|policy| policy.spec.private_network) {
        add_vary(&mut fields, &["access-control-request-private-network"]);
    }
    is_rejected.then_some(Answer {
        outcome: "rejected",
        reason: Some("not_a_preflight"),
        how: How::Rejected(status),
        fields,
    })
}

/// Whether the request is sent to its page's own host and port, as far as can be told.
fn is_own(request: &Request) -> bool {
    let texts = (one(&request.origin), request.authority.as_slice());
    let (Some(Ok(origin)), Ok(authority)) = (
        texts.0.map(std::str::from_utf8),
        std::str::from_utf8(texts.1),
    ) else {
        return false;
    };
    let (own, default) = match (
        origin.strip_prefix("http://"),
        origin.strip_prefix("https://"),
    ) {
        (Some(own), _) => (own, 80),
        (_, Some(own)) => (own, 443),
        (None, None) => return false,
    };
    let parts = |text: &str| -> Option<(String, u16)> {
        let (host, port) = match text.rfind(':').filter(|at| !text[*at..].contains(']')) {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, ""),
        };
        let port = if port.is_empty() {
            default
        } else {
            port.parse().ok()?
        };
        Some((host.to_ascii_lowercase(), port))
    };
    let same = parts(own).is_some() && parts(own) == parts(authority);
    same && parts(authority).is_some_and(|(host, _)| !host.is_empty())
}

fn actual(outcome: &'static str, fields: Fields) -> Answer {
    Answer {
        outcome,
        reason: None,
        how: How::Actual,
        fields,
    }
}

fn preflight(policies: &[Written], request: &Request, upstream: &Fields) -> Answer {
    let mut fields = Fields::new();
    let found = deciding(policies, request);
    let policy = found.or(policies.last()).expect("there is one");
    let reason = refusal(policy, found.is_some(), request);
    let status = match policy.spec.preflight_status {
        PreflightStatus::NoContent => 204,
        PreflightStatus::Ok => 200,
    };
    let names_what_is_missing =
        matches!(reason, Some("method_not_allowed" | "headers_not_allowed"))
            && !has_malformed_headers(request);
    let (outcome, how) = match (reason, &policy.spec.on_rejected_preflight) {
        (None, _) => {
            fields = grant(policy, request);
            ("handled", How::Answered(status))
        }
        (Some(_), OnRejectedPreflight::Answer) if names_what_is_missing => {
            fields = grant(policy, request);
            write_out(policy, request, &mut fields);
            ("rejected", How::Rejected(status))
        }
        (Some(_), OnRejectedPreflight::Answer | OnRejectedPreflight::Deny) => {
            ("rejected", How::Rejected(403))
        }
        (Some(_), OnRejectedPreflight::Respond(written)) => {
            ("rejected", How::Rejected(written.status.as_u16()))
        }
        (Some(_), OnRejectedPreflight::Forward) => {
            fields = upstream.clone();
            remove_all(&mut fields);
            ("passed_through", How::Forwarded)
        }
    };
    add_vary(&mut fields, &PREFLIGHT_VARY);
    if policies.iter().any(|policy| policy.spec.private_network) {
        add_vary(&mut fields, &["access-control-request-private-network"]);
    }
    Answer {
        outcome,
        reason: reason.or(Some("allowed")),
        how,
        fields,
    }
}

/// The first policy that allows the origin.
fn deciding<'p>(policies: &'p [Written], request: &Request) -> Option<&'p Written> {
    let origin = one(&request.origin)?;
    policies.iter().find(|policy| {
        is_constant(policy)
            || has_literal(policy, origin)
            || origin::parse(origin).is_some_and(|origin| allows_origin(policy, &origin))
    })
}

/// A `*` would say to some browsers that what was refused is allowed.
fn write_out(policy: &Written, request: &Request, fields: &mut Fields) {
    let method = one(&request.request_method).expect("it was asked for");
    if has_any(&policy.spec.methods) && !allows_method(policy, method) {
        fields.remove(METHODS);
    }
    let asked = list(&request.request_headers);
    let (allowed, refused): (Vec<_>, Vec<_>) =
        asked.iter().partition(|name| allows_header(policy, name));
    if has_any(&policy.spec.headers) && !refused.is_empty() {
        fields.remove(HEADERS);
        if !allowed.is_empty() {
            let allowed: Vec<String> = allowed
                .iter()
                .map(|name| String::from_utf8_lossy(name).to_lowercase())
                .collect();
            set(fields, HEADERS, allowed.join(", "));
        }
    }
}

fn has_malformed_headers(request: &Request) -> bool {
    let lines = &request.request_headers;
    let bytes: usize = lines.iter().map(Vec::len).sum();
    lines.len() > 32 || bytes > 8192 || !list(lines).iter().all(|name| is_token(name))
}

/// The first no, in the standard's order.
fn refusal(policy: &Written, is_allowed: bool, request: &Request) -> Option<&'static str> {
    if !is_allowed {
        return Some(match one(&request.origin).and_then(origin::parse) {
            None => "malformed_origin",
            Some(_) => "origin_not_allowed",
        });
    }
    match one(&request.request_method) {
        Some(method) if is_token(method) && allows_method(policy, method) => {}
        Some(method) if is_token(method) => return Some("method_not_allowed"),
        _ => return Some("malformed_method"),
    }
    if has_malformed_headers(request) {
        return Some("malformed_headers");
    }
    let names = list(&request.request_headers);
    let allows_all = names.iter().all(|name| allows_header(policy, name));
    (!allows_all).then_some("headers_not_allowed")
}

fn has_literal(policy: &Written, origin: &[u8]) -> bool {
    let is_same = |written: &WrittenOrigin| matches!(written, WrittenOrigin::Literal(text) if text.as_bytes() == origin);
    policy.origins.iter().any(is_same)
}

/// Whether a pattern that is not a literal takes it.
pub fn allows_origin(policy: &Written, origin: &Origin) -> bool {
    let spec = &policy.spec;
    let any_matches_null = !spec.credentials || spec.dangers.null_with_credentials;
    policy
        .origins
        .iter()
        .any(|written| match (written, origin) {
            (WrittenOrigin::Text(text), origin) => pattern::parse(text)
                .is_some_and(|pattern| pattern::matches(&pattern, origin, any_matches_null)),
            (WrittenOrigin::Literal(_), _) => false,
            (WrittenOrigin::Regex(_), Origin::Null) => false,
            (WrittenOrigin::Regex(text), Origin::Tuple(tuple)) => {
                let port = tuple
                    .port
                    .map(|port| format!(":{port}"))
                    .unwrap_or_default();
                let origin = format!("{}://{}{port}", tuple.scheme, tuple.host);
                regex::is_match(text, &origin) == Some(true)
            }
        })
}

fn allows_method(policy: &Written, method: &[u8]) -> bool {
    let ListSpec::Names(listed) = &policy.spec.methods else {
        return true;
    };
    let forbidden = ["CONNECT", "TRACE", "TRACK"];
    let text = String::from_utf8_lossy(method);
    matches!(method, b"GET" | b"HEAD" | b"POST")
        || listed.names.iter().any(|name| name.as_bytes() == method)
        || (listed.any && method != b"*" && !forbidden.contains(&text.to_uppercase().as_str()))
}

fn allows_header(policy: &Written, name: &[u8]) -> bool {
    let ListSpec::Names(listed) = &policy.spec.headers else {
        return true;
    };
    let name = String::from_utf8_lossy(name).to_lowercase();
    listed
        .names
        .iter()
        .any(|known| known.to_lowercase() == name)
        || (listed.any && name != "authorization" && name != "*")
}

/// The answer to a preflight of an allowed origin, as if all of it were allowed; less its Vary.
fn grant(policy: &Written, request: &Request) -> Fields {
    let spec = &policy.spec;
    let mut fields = Fields::new();
    let origin = one(&request.origin).expect("it was allowed");
    let method = one(&request.request_method).expect("it was allowed");
    match is_constant(policy) {
        true => set(&mut fields, ORIGIN, "*"),
        false => set(&mut fields, ORIGIN, origin),
    }
    if spec.credentials {
        set(&mut fields, CREDENTIALS, "true");
    }
    match value(&spec.methods, false) {
        Some(_) if has_any(&spec.methods) && spec.credentials => set(&mut fields, METHODS, method),
        Some(all) => set(&mut fields, METHODS, all),
        None => {}
    }
    let requested: Vec<String> = list(&request.request_headers)
        .iter()
        .map(|name| String::from_utf8_lossy(name).to_lowercase())
        .collect();
    let echoes = has_any(&spec.headers) && spec.credentials;
    match value(&spec.headers, true) {
        // No names asked for, no field.
        Some(_) if echoes && requested.is_empty() => {}
        Some(_) if echoes => {
            set(&mut fields, HEADERS, requested.join(", "));
        }
        Some(all) => set(&mut fields, HEADERS, all),
        None => {}
    }
    if let Some(all) = value(&spec.expose_headers, true) {
        set(&mut fields, EXPOSE, all);
    }
    if let Some(seconds) = spec.max_age {
        set(&mut fields, MAX_AGE, seconds.to_string());
    }
    if spec.private_network && one(&request.request_private_network) == Some(b"true") {
        set(&mut fields, PRIVATE_NETWORK, "true");
    }
    fields
}

/// Whether a policy allows the request's origin, and the response's fields.
fn response(policies: &[Written], request: &Request, upstream: &Fields) -> (bool, Fields) {
    use UpstreamCorsHeaders::{Fill, Keep, Strip};
    let is_same_for_all = is_constant(&policies[0]);
    let found = match is_same_for_all {
        true => policies.first(),
        false => deciding(policies, request),
    };
    let is_allowed = found.is_some();
    let policy = found.or(policies.last()).expect("there is one");
    let spec = &policy.spec;
    let origin = one(&request.origin).unwrap_or_default();
    let mut fields = upstream.clone();
    let is_usable = match fields.get(ORIGIN).map(Vec::as_slice) {
        None | Some([]) => true,
        Some([value]) => one(&request.origin) == Some(value) || is_usable(value),
        Some(_) => false,
    };
    let mode = spec.upstream_cors_headers;
    if mode == Strip || (mode == Keep && is_allowed) || !is_usable {
        remove_all(&mut fields);
    }
    if is_allowed {
        if !fields.contains_key(ORIGIN) {
            // Credentials that stood alone meant nothing, and must not come to mean something.
            fields.remove(CREDENTIALS);
            match is_constant(policy) {
                true => set(&mut fields, ORIGIN, "*"),
                false => set(&mut fields, ORIGIN, origin),
            }
        }
        let names_this_one = fields[ORIGIN] == [origin.to_vec()];
        if spec.credentials && names_this_one && !fields.contains_key(CREDENTIALS) {
            set(&mut fields, CREDENTIALS, "true");
        }
        if !fields.contains_key(EXPOSE)
            && let Some(all) = value(&spec.expose_headers, true)
        {
            set(&mut fields, EXPOSE, all);
        }
    }
    let is_for_all = is_same_for_all && fields.get(ORIGIN).is_some_and(|o| *o == [b"*"]);
    debug_assert!(mode == Fill || !is_same_for_all || is_for_all);
    if !is_for_all {
        add_vary(&mut fields, &["origin"]);
    }
    (is_allowed, fields)
}

/// Whether a browser could accept it as Access-Control-Allow-Origin.
fn is_usable(value: &[u8]) -> bool {
    match origin::parse(value) {
        Some(Origin::Null) => true,
        Some(Origin::Tuple(tuple)) => !matches!(
            (tuple.scheme.as_str(), tuple.port),
            ("https" | "wss", Some(443)) | ("http" | "ws", Some(80)) | ("ftp", Some(21))
        ),
        None => value == b"*",
    }
}

/// Whether Access-Control-Allow-Origin is `*` for every request.
fn is_constant(policy: &Written) -> bool {
    let is_any = |written: &WrittenOrigin| *written == WrittenOrigin::Text("*".to_owned());
    !policy.spec.credentials && policy.origins.iter().any(is_any)
}

fn one(lines: &[Vec<u8>]) -> Option<&[u8]> {
    match lines {
        [one] => Some(one),
        _ => None,
    }
}

/// RFC 9110 §5.6.2.
pub fn is_token(bytes: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_tchar)
}

/// RFC 9110 §5.6.1.2.
pub fn list(lines: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let all = lines.join(&b","[..]);
    let mut elements = Vec::new();
    for element in all.split(|byte| *byte == b',') {
        let Some(start) = element.iter().position(|byte| !is_space(byte)) else {
            continue;
        };
        let end = element
            .iter()
            .rposition(|byte| !is_space(byte))
            .expect("start");
        elements.push(element[start..=end].to_vec());
    }
    elements
}

/// A text has no `*` of the gateway's, whatever it says.
fn has_any(list: &ListSpec) -> bool {
    matches!(list, ListSpec::Names(list) if list.any)
}

/// The value that is sent for a list: a text as it is, and names joined.
fn value(list: &ListSpec, in_lower_case: bool) -> Option<String> {
    match list {
        ListSpec::Verbatim(text) => Some(text.text().to_owned()).filter(|text| !text.is_empty()),
        ListSpec::Names(list) if in_lower_case => joined(list.any, &lower(&list.names)),
        ListSpec::Names(list) => joined(list.any, &list.names),
    }
}

fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

/// A `*`, then every name once, in the policy's order.
fn joined(any: bool, names: &[String]) -> Option<String> {
    let mut all: Vec<&str> = if any { vec!["*"] } else { vec![] };
    for name in names {
        if !all.contains(&name.as_str()) {
            all.push(name);
        }
    }
    (!all.is_empty()).then(|| all.join(", "))
}

fn set(fields: &mut Fields, name: &str, value: impl AsRef<[u8]>) {
    fields.insert(name.to_owned(), vec![value.as_ref().to_vec()]);
}

fn remove_all(fields: &mut Fields) {
    fields.retain(|name, _| !name.starts_with("access-control-"));
}

/// Vary names everything that it did, in its order, and then what it lacks. `*` says it all.
fn add_vary(fields: &mut Fields, names: &[&str]) {
    let elements = fields.entry("vary".to_owned()).or_default();
    if elements.iter().any(|element| element == b"*") {
        return;
    }
    for name in names {
        if !elements.iter().any(|element| element == name.as_bytes()) {
            elements.push(name.as_bytes().to_vec());
        }
    }
}

/// Whether the policy is refused when it is loaded. `None`: that depends on the public suffix list
/// or on what a regex means, of which this knows nothing.
pub fn is_refused(policy: &Written) -> Option<bool> {
    let spec = &policy.spec;
    let is_any = |written: &WrittenOrigin| *written == WrittenOrigin::Text("*".to_owned());
    let has_star = |name: &String| name.starts_with('*') || name.ends_with('*');
    let is_wrong_header = |name: &String| {
        let lower = name.to_lowercase();
        !is_token(name.as_bytes()) || lower.starts_with("access-control-") || has_star(name)
    };
    let is_wrong_method = |name: &String| {
        let upper = name.to_uppercase();
        !is_token(name.as_bytes())
            || ["CONNECT", "TRACE", "TRACK"].contains(&upper.as_str())
            || has_star(name)
    };
    let is_hidden =
        |name: &String| ["set-cookie", "set-cookie2"].contains(&name.to_lowercase().as_str());
    let names = |list: &ListSpec| list.names().cloned().unwrap_or_default();
    let (methods, headers) = (names(&spec.methods), names(&spec.headers).names);
    let exposed = &names(&spec.expose_headers);
    let contradicts = spec.other_options_requests == OtherOptionsRequests::Reject
        && spec.on_rejected_preflight == OnRejectedPreflight::Forward;
    let is_refused = policy.origins.is_empty()
        || (policy.origins.len() > 1 && policy.origins.iter().any(is_any))
        || contradicts
        || (methods.any && !methods.names.is_empty())
        || methods.names.iter().any(is_wrong_method)
        || headers
            .iter()
            .any(|name| is_wrong_header(name) || is_forbidden_header(name))
        || exposed
            .names
            .iter()
            .any(|name| is_wrong_header(name) || is_hidden(name))
        || (exposed.any && spec.credentials);
    if is_refused || !spec.credentials {
        return Some(is_refused);
    }
    let dangers: Vec<Option<bool>> = policy
        .origins
        .iter()
        .map(|written| match written {
            WrittenOrigin::Text(text) => is_danger(&pattern::parse(text)?, spec),
            WrittenOrigin::Regex(_) => None,
            WrittenOrigin::Literal(_) => {
                Some(!spec.dangers.insecure_origins && !spec.dangers.app_schemes)
            }
        })
        .collect();
    match dangers.contains(&Some(true)) {
        true => Some(true),
        false if dangers.contains(&None) => None,
        false => Some(false),
    }
}

/// <https://fetch.spec.whatwg.org/#forbidden-request-header>, less the names that do no harm.
fn is_forbidden_header(name: &str) -> bool {
    let lower = name.to_lowercase();
    let names = [
        "accept-charset",
        "connection",
        "cookie",
        "cookie2",
        "date",
        "expect",
        "host",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    names.contains(&lower.as_str()) || lower.starts_with("proxy-") || lower.starts_with("sec-")
}

/// Hosts below which anyone can register a name, and hosts with one owner.
const SUFFIXES: [&str; 4] = ["com", "co.uk", "github.io", "dev"];
const NO_SUFFIXES: [&str; 5] = [
    "example.com",
    "a.example.com",
    "localhost",
    "app.test",
    "internal",
];

fn is_danger(pattern: &Pattern, spec: &PolicySpec) -> Option<bool> {
    let dangers = spec.dangers;
    let (scheme, below, host) = match pattern {
        Pattern::Any => return Some(!dangers.any_origin_with_credentials),
        Pattern::Null => return Some(!dangers.null_with_credentials),
        Pattern::Tuple {
            scheme,
            below,
            host,
            ..
        } => (scheme, *below, host.as_str()),
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_loopback = name == "localhost"
        || name.ends_with(".localhost")
        || host == "[::1]"
        || (origin::is_serialized_ipv4(host) && host.starts_with("127."));
    let is_app = !["https", "http", "ws", "wss", "ftp"].contains(&scheme.as_str());
    let is_accepted = dangers.insecure_origins || (is_app && dangers.app_schemes);
    if scheme != "https" && !is_loopback && !is_accepted {
        return Some(true);
    }
    match below && !dangers.public_suffix_wildcards {
        false => Some(false),
        true if is_app => Some(false),
        true if SUFFIXES.contains(&host) => Some(true),
        true if NO_SUFFIXES.contains(&host) => Some(false),
        true => None,
    }
}
