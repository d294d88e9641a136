//! A decision in words: the steps of [`super::preflight`] and [`super::actual`], one after the other.
//!
//! *Invariant:* every step asks the function that the decision asks; nothing is decided here.

use super::fetch_lists::is_safelisted_method;
use super::near_miss;
use super::origins::matcher::PatternRef;
use super::outcome::Reason;
use super::policy::Policy;
use super::policy_list::PolicyList;
use super::preflight::{check_headers, check_method, check_origin};
use super::request::{CorsRequest, RequestKind, SingleValue};
use super::rule::Rule;

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: StepName,
    pub result: StepResult,
    /// The finding, in words.
    pub finding: String,
    /// An allowed value that is near, in words.
    pub near_miss: Option<String>,
}

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepName {
    /// The kind of request.
    Kind,
    /// The route's rule.
    Rule,
    Origin,
    Method,
    Headers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    Yes,
    /// The step refuses the request, and is the first to do so.
    No(Reason),
    /// The step would refuse the request, had no step before it refused it already.
    WouldBeNo(Reason),
}

/// Returns the steps that lead to the decision of [`decide`](super::decide), which may have blocked the
/// request.
pub fn explain(rule: &Rule, request: &CorsRequest<'_>, is_blocked: bool) -> Vec<Step> {
    let kind = request.kind();
    let mut steps = vec![
        Step::yes(StepName::Kind, kind_of(request)),
        Step::yes(StepName::Rule, rule_of(rule, kind)),
    ];
    if let Rule::Policies(policies) = rule
        && policies.rejects_as_other_options(request)
    {
        let finding = format!(
            "{} has `other_options_requests: reject`, and this OPTIONS is not a preflight",
            the_policy(policies.policy(policies.last_index()))
        );
        steps[1] = Step::no(StepName::Rule, Reason::NotAPreflight, finding, None);
        return steps;
    }
    let policies = match (rule, kind) {
        (Rule::NoRoute(_), RequestKind::Preflight) => {
            steps[1].result = StepResult::No(Reason::NoRoute);
            rule.policies()
        }
        (Rule::Off | Rule::Passthrough, _) => None,
        (_, RequestKind::NotCors) => None,
        (_, RequestKind::Preflight | RequestKind::Actual) => rule.policies(),
    };
    let Some(policies) = policies else {
        return steps;
    };
    steps.push(origin_step(policies, request, is_blocked));
    if kind == RequestKind::Preflight {
        let policy = policies.deciding(request);
        steps.push(method_step(policy, request));
        steps.push(headers_step(policy, request));
    }
    let mut is_over = false;
    for step in &mut steps {
        if let StepResult::No(reason) = step.result {
            if is_over {
                step.result = StepResult::WouldBeNo(reason);
            }
            is_over = true;
        }
    }
    steps
}

fn kind_of(request: &CorsRequest<'_>) -> &'static str {
    match request.kind() {
        RequestKind::NotCors => "no Origin field: not a CORS request",
        RequestKind::Preflight => {
            "OPTIONS with Origin and Access-Control-Request-Method: a preflight"
        }
        RequestKind::Actual if request.method == b"OPTIONS" => {
            "OPTIONS without Access-Control-Request-Method: a CORS request, but not a preflight"
        }
        RequestKind::Actual => "an Origin field: a CORS request",
    }
}

fn rule_of(rule: &Rule, kind: RequestKind) -> String {
    match rule {
        Rule::Policies(policies) if policies.has_several() => format!(
            "the first of {} that matches the origin decides",
            named(policies)
        ),
        Rule::Policies(policies) => format!("{} decides", named(policies)),
        Rule::Passthrough => "`passthrough`: the upstream does its own CORS".to_owned(),
        Rule::Off => "`off`: the gateway does not look at CORS".to_owned(),
        Rule::NoRoute(Some(policies)) if kind == RequestKind::Preflight => format!(
            "no route: a preflight can't be allowed; the 404 has the headers of {}",
            named(policies)
        ),
        Rule::NoRoute(Some(policies)) => {
            format!("no route: the 404 has the headers of {}", named(policies))
        }
        Rule::NoRoute(None) => {
            "no route, and no `default_policy`: the 404 has no CORS headers".to_owned()
        }
    }
}

/// Names one of the policies for a sentence.
fn the_policy(policy: &Policy) -> String {
    match policy.name() {
        "" => "the policy".to_owned(),
        name => format!("the policy `{name}`"),
    }
}

/// Names the policies for a sentence.
fn named(policies: &PolicyList) -> String {
    let names = policies.policies().map(|policy| match policy.name() {
        "" => "one without a name".to_owned(),
        name => format!("`{name}`"),
    });
    let names: Vec<String> = names.collect();
    match (policies.has_several(), names.as_slice()) {
        (true, names) => format!("the policies {}", names.join(", ")),
        (false, [name]) if name.starts_with('`') => format!("the policy {name}"),
        (false, _) => "a policy".to_owned(),
    }
}

fn origin_step(policies: &PolicyList, request: &CorsRequest<'_>, is_blocked: bool) -> Step {
    let name = StepName::Origin;
    let shown = match request.origin {
        SingleValue::One(origin) => quoted(origin),
        SingleValue::Absent => "the Origin field is missing".to_owned(),
        SingleValue::Many => "several Origin fields: all are ignored".to_owned(),
    };
    // `*` is sent with every response.
    if policies.is_constant_any() && request.kind() == RequestKind::Actual {
        return Step::yes(name, "every origin is allowed: `*`");
    }
    let origins = policies.origins();
    match check_origin(policies, request) {
        Ok(policy) => {
            let origin = request.origin.one().unwrap_or_default();
            let found = policies.find(origin).ok().flatten();
            let pattern = found.and_then(|(_, pattern)| pattern);
            let pattern = match pattern.map(|id| origins.pattern(id)) {
                Some(PatternRef::Text(text)) => format!("the pattern `{text}`"),
                Some(PatternRef::Regex(text)) => format!("the regex `{text}`"),
                Some(PatternRef::Literal(text)) => format!("the literal `{text}`"),
                None => "`*`, which is sent whatever the origin is".to_owned(),
            };
            let of = match policies.has_several() {
                true => format!(" of the policy `{}`", policies.policy(policy).name()),
                false => String::new(),
            };
            Step::yes(name, format!("{shown} matches {pattern}{of}"))
        }
        Err(_)
            if !is_blocked && request.kind() == RequestKind::Actual && request.is_beyond_cors() =>
        {
            let why = match request.scheme_of_own_origin() {
                Some(_) => "it is the request's own origin",
                None => "CORS does not guard WebSockets",
            };
            Step::yes(
                name,
                format!("{shown} matches no pattern, but no browser asks: {why}"),
            )
        }
        Err(reason) => {
            let finding = match (request.origin, reason) {
                (SingleValue::One(origin), Reason::MalformedOrigin) => {
                    let why = policies.find(origin).err();
                    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                    format!("{shown} is not a serialized origin{why}")
                }
                (SingleValue::One(_), _) => format!("{shown} matches no pattern"),
                (SingleValue::Absent | SingleValue::Many, _) => shown,
            };
            let origin = request.origin.one();
            let near_miss =
                origin.and_then(|o| near_miss::origin(origins, o).map(|miss| miss.words));
            Step::no(name, reason, finding, near_miss)
        }
    }
}

fn method_step(policy: &Policy, request: &CorsRequest<'_>) -> Step {
    let name = StepName::Method;
    match check_method(policy, request) {
        Ok(()) => {
            let method = request.requested_method().unwrap_or_default();
            let shown = quoted(method);
            let is_listed = policy.method_names().any(|listed| listed == method);
            if policy.as_written().methods && !is_safelisted_method(method) {
                let finding =
                    "not compared: `allow_methods` is sent as written, and the browser compares";
                return Step::yes(name, format!("{shown} is {finding}"));
            }
            let why = match is_safelisted_method(method) {
                true => "GET, HEAD and POST always are",
                false if is_listed => "it is in `allow_methods`",
                false => "`allow_methods` has `*`",
            };
            Step::yes(name, format!("{shown} is allowed: {why}"))
        }
        Err(reason) => {
            let asked = request.request_method.one();
            let finding = match (asked, reason) {
                (None, _) => "several Access-Control-Request-Method fields: all are ignored",
                (_, Reason::MalformedMethod) => "it is not a method: RFC 9110 has no such token",
                _ => "it is not in `allow_methods`",
            };
            let finding = match asked {
                Some(method) => format!("{}: {finding}", quoted(method)),
                None => finding.to_owned(),
            };
            let near_miss = asked.and_then(|method| near_miss::method(policy, method));
            Step::no(name, reason, finding, near_miss)
        }
    }
}

fn headers_step(policy: &Policy, request: &CorsRequest<'_>) -> Step {
    let name = StepName::Headers;
    let headers = &request.request_headers;
    match check_headers(policy, request) {
        Ok(()) if headers.elements().next().is_none() => {
            Step::yes(name, "the preflight asks for none".to_owned())
        }
        Ok(()) => {
            let all: Vec<String> = headers.elements().map(quoted).collect();
            let is_listed = |name: &[u8]| {
                policy
                    .header_names()
                    .any(|known| known.eq_ignore_ascii_case(name))
            };
            let why = match headers.elements().all(is_listed) {
                _ if policy.as_written().headers => {
                    "not compared: `allow_headers` is sent as written, and the browser compares"
                }
                true => "in `allow_headers`",
                false => "`allow_headers` has `*`",
            };
            Step::yes(name, format!("{}: {why}", all.join(", ")))
        }
        Err(reason) => {
            let refused: Vec<&[u8]> = headers
                .elements()
                .filter(|name| !policy.allows_header(name))
                .collect();
            let all: Vec<String> = refused.iter().copied().map(quoted).collect();
            let finding = match (headers.is_within_bounds(), all.as_slice()) {
                (false, _) => "Access-Control-Request-Headers is too long".to_owned(),
                (true, _) if policy.as_written().headers => {
                    "Access-Control-Request-Headers is malformed".to_owned()
                }
                (true, [one]) => format!("{one} is not in `allow_headers`"),
                (true, all) => format!("{} are not in `allow_headers`", all.join(", ")),
            };
            let misses = refused
                .into_iter()
                .filter_map(|name| near_miss::header(policy, name));
            let near_miss = misses.collect::<Vec<_>>().join("; ");
            let near_miss = (!near_miss.is_empty()).then_some(near_miss);
            Step::no(name, reason, finding, near_miss)
        }
    }
}

/// Quotes bytes of a client and escapes them for printing.
fn quoted(bytes: &[u8]) -> String {
    format!("`{}`", bytes.escape_ascii())
}

// === impl Step ===

impl Step {
    fn yes(name: StepName, finding: impl Into<String>) -> Self {
        Self {
            name,
            result: StepResult::Yes,
            finding: finding.into(),
            near_miss: None,
        }
    }

    fn no(name: StepName, reason: Reason, finding: String, near_miss: Option<String>) -> Self {
        Self {
            name,
            result: StepResult::No(reason),
            finding,
            near_miss,
        }
    }
}

impl StepName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Rule => "rule",
            Self::Origin => "origin",
            Self::Method => "method",
            Self::Headers => "headers",
        }
    }
}
