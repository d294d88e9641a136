//! The response fields of a policy, rendered when it is compiled.

use super::{ListSpec, NameList, PolicySpec};
use crate::cors::response_fields::{FieldName, FieldValue, RequestPart};
use http::HeaderValue;

/// Renders the fields of the answer to a preflight that is allowed, in the order in which they are
/// sent; Vary, which is that of all policies of a route, aside.
pub(super) fn preflight(
    spec: &PolicySpec,
    is_constant_any: bool,
) -> Box<[(FieldName, FieldValue)]> {
    use FieldValue::{Echo, Fixed};
    let fixed = |text| Fixed(HeaderValue::from_static(text));
    let allow_origin = match is_constant_any {
        true => fixed("*"),
        false => Echo(RequestPart::Origin),
    };
    let credentials = spec.credentials.then(|| fixed("true"));
    let methods = allowance(spec, &spec.methods, RequestPart::Method);
    let headers = allowance(spec, &spec.headers, RequestPart::HeaderNames);
    let exposed = match &spec.expose_headers {
        ListSpec::Names(names) => list(names),
        ListSpec::Verbatim(text) => text.value(),
    };
    let exposed = exposed.map(Fixed);
    let max_age = spec.max_age.map(|seconds| Fixed(seconds.into()));
    // https://wicg.github.io/private-network-access/#headers, which browsers have given up.
    let asked = Echo(RequestPart::PrivateNetwork);
    let private_network = spec.private_network.then_some(asked);
    [
        (FieldName::AllowOrigin, Some(allow_origin)),
        (FieldName::AllowCredentials, credentials),
        (FieldName::AllowMethods, methods),
        (FieldName::AllowHeaders, headers),
        (FieldName::ExposeHeaders, exposed),
        (FieldName::MaxAge, max_age),
        (FieldName::AllowPrivateNetwork, private_network),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Returns the value that allows what `written` says; `None` if nothing is configured. Browsers take a `*` with
/// credentials for a name, so that the part of the request that asks is repeated instead. A text is sent as it
/// is, whatever browsers take it for.
fn allowance(spec: &PolicySpec, written: &ListSpec, asked: RequestPart) -> Option<FieldValue> {
    let names = match written {
        ListSpec::Names(names) => names,
        ListSpec::Verbatim(text) => return text.value().map(FieldValue::Fixed),
    };
    let list = list(names)?;
    Some(match names.any && spec.credentials {
        true => FieldValue::Echo(asked),
        false => FieldValue::Fixed(list),
    })
}

/// Renders the list, the `*` first; `None` if it is empty. The names are tokens, so that they make
/// a value.
fn list(NameList { any, names }: &NameList) -> Option<HeaderValue> {
    let star = any.then_some("*").into_iter();
    let all: Vec<&str> = star.chain(names.iter().map(String::as_str)).collect();
    match all.is_empty() {
        true => None,
        false => HeaderValue::try_from(all.join(", ")).ok(),
    }
}
