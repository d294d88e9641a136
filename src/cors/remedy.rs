//! Remedies: the changes that let a refused request through.
//!
//! Operators read them when they ask for an explanation; traffic never gets here.
//!
//! *Invariant:* a remedy is for a step that refuses, and no remedy names a value that a policy could not
//! have.

use super::fetch_lists::{
    is_cors_response_field, is_forbidden_method, is_forbidden_request_header, is_token,
};
use super::near_miss;
use super::origins::origin::Origin;
use super::origins::pattern::OriginPattern;
use super::policy::Policy;
use super::policy_list::PolicyList;
use super::preflight::check_origin;
use super::request::{CorsRequest, RequestKind};
use super::response_fields::FieldName;

/// A change that removes one reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Add the values to the list that the policy has under this key.
    Add {
        key: &'static str,
        values: Vec<String>,
        /// An entry that the list has already, and that is near.
        nearest: Option<String>,
    },
    /// Write the value under this key of the policy.
    Set { key: &'static str, value: String },
    /// Change the page or its script, as these words say.
    Script(String),
}

/// Returns the changes of a policy after which the request is permitted, to a script that reads `reads`
/// among the response's fields. The policy is the one that decides, or one before it that would.
pub fn remedies<'p>(
    policies: &'p PolicyList,
    request: &CorsRequest<'_>,
    credentials: bool,
    reads: &[String],
) -> (&'p Policy, Vec<Remedy>) {
    let mut remedies = Vec::new();
    let policy = policies.deciding(request);
    if credentials
        && !has(policy, FieldName::AllowCredentials)
        && let Some(earlier) = earlier_with_credentials(policies, policy)
        && let Some(remedy) = request.origin.one().and_then(|o| of_origin(earlier, o))
    {
        return (earlier, vec![remedy]);
    }
    if policies.rejects_as_other_options(request) {
        let says_no = policies.policy(policies.last_index());
        let remedy = Remedy::Set {
            key: "other_options_requests",
            value: "forward".to_owned(),
        };
        return (says_no, vec![remedy]);
    }
    let is_any = policies.is_constant_any();
    let is_preflight = request.kind() == RequestKind::Preflight;
    let origin = request.origin.one();
    if check_origin(policies, request).is_err() && (is_preflight || !is_any) {
        remedies.extend(origin.and_then(|origin| of_origin(policy, origin)));
    }
    let lists_method = request
        .requested_method()
        .is_some_and(|method| policy.lists_method(method));
    if is_preflight
        && !lists_method
        && let Some(method) = request.request_method.one()
    {
        remedies.extend(of_method(policy, method));
    }
    if is_preflight {
        remedies.extend(of_headers(policy, request));
    }
    if credentials && !has(policy, FieldName::AllowCredentials) {
        if is_any && let Some(origin) = origin.and_then(own_origin) {
            remedies.push(Remedy::Set {
                key: "allow_origins",
                value: origin,
            });
        }
        remedies.push(Remedy::Set {
            key: "allow_credentials",
            value: "true".to_owned(),
        });
    }
    // No policy can expose these: <https://fetch.spec.whatwg.org/#forbidden-response-header-name>.
    let can_be_exposed = |name: &&String| !name.starts_with("set-cookie");
    let values: Vec<String> = reads.iter().filter(can_be_exposed).cloned().collect();
    remedies.extend((!values.is_empty()).then_some(Remedy::Add {
        key: match policy.as_written().exposed {
            true => "expose_headers.verbatim",
            false => "expose_headers",
        },
        values,
        nearest: None,
    }));
    (policy, remedies)
}

/// Finds the policy with credentials that is asked before `deciding`.
fn earlier_with_credentials<'p>(policies: &'p PolicyList, deciding: &Policy) -> Option<&'p Policy> {
    let earlier = policies.policies();
    let mut earlier = earlier.take_while(|policy| !std::ptr::eq(*policy, deciding));
    earlier.find(|policy| has(policy, FieldName::AllowCredentials))
}

fn has(policy: &Policy, field: FieldName) -> bool {
    policy.actual_fields().any(|(name, _)| *name == field)
}

/// Returns the origin if it is one that a policy can list.
fn own_origin(origin: &[u8]) -> Option<String> {
    match Origin::parse(origin) {
        Ok(Origin::Tuple(_)) => String::from_utf8(origin.to_vec()).ok(),
        Ok(_) | Err(_) => None,
    }
}

fn of_origin(policy: &Policy, origin: &[u8]) -> Option<Remedy> {
    if origin == b"null" {
        let words = "serve the page from a URL with an origin of its own: `null` is the origin of all pages \
                     without one, and an attacker can make one";
        return Some(Remedy::Script(words.to_owned()));
    }
    let is_insecure = OriginPattern::parse(&String::from_utf8_lossy(origin)).is_ok_and(|pattern| {
        matches!(pattern, OriginPattern::Tuple(tuple) if tuple.scheme() == "http" && !tuple.is_loopback())
    });
    if is_insecure && has(policy, FieldName::AllowCredentials) {
        let words = "serve the page with https: anyone on its network's path can change a page without TLS, \
                     and the policy allows credentials";
        return Some(Remedy::Script(words.to_owned()));
    }
    let nearest = near_miss::origin(policy.origins(), origin).and_then(|miss| miss.pattern);
    Some(Remedy::Add {
        key: "allow_origins",
        values: vec![own_origin(origin)?],
        nearest,
    })
}

fn of_method(policy: &Policy, method: &[u8]) -> Vec<Remedy> {
    let text = String::from_utf8_lossy(method);
    if is_forbidden_method(method) {
        let words = format!("use another method: browsers let no script send `{text}`");
        return vec![Remedy::Script(words)];
    }
    if !is_token(method) || text == "*" {
        return Vec::new();
    }
    let upper = text.to_ascii_uppercase();
    let mut remedies = Vec::new();
    if text != upper {
        let words = format!(
            "write `{upper}`: methods are case-sensitive, and browsers send `{text}` as it is"
        );
        remedies.push(Remedy::Script(words));
    }
    if !policy.lists_method(upper.as_bytes()) {
        remedies.push(Remedy::Add {
            key: match policy.as_written().methods {
                true => "allow_methods.verbatim",
                false => "allow_methods",
            },
            values: vec![upper],
            nearest: None,
        });
    }
    remedies
}

fn of_headers(policy: &Policy, request: &CorsRequest<'_>) -> Vec<Remedy> {
    let refused = request
        .requested_names()
        .filter(|name| is_token(name) && !policy.lists_header(name))
        .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
    let (of_responses, names): (Vec<String>, Vec<String>) =
        refused.partition(|name| is_cors_response_field(name));
    let mut remedies: Vec<Remedy> = of_responses
        .into_iter()
        .map(|name| Remedy::Script(format!("take `{name}` out: it is a field of responses")))
        .collect();
    let values: Vec<String> = names
        .into_iter()
        .filter(|name| !is_forbidden_request_header(name) && name != "*")
        .collect();
    if !values.is_empty() {
        remedies.push(Remedy::Add {
            key: match policy.as_written().headers {
                true => "allow_headers.verbatim",
                false => "allow_headers",
            },
            values,
            nearest: None,
        });
    }
    remedies
}
