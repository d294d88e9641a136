//! The response fields of a policy, rendered when it is compiled.

use super::{NameList, PolicySpec};
use crate::cors::response_fields::{FieldName, FieldValue, RequestPart, VarySet};
use http::HeaderValue;

/// Renders the fields of the answer to a preflight that is allowed, in the order in which they are
/// sent.
pub(super) fn preflight(
    spec: &PolicySpec,
    is_constant_any: bool,
) -> Box<[(FieldName, FieldValue)]> {
    let fixed = |text| FieldValue::Fixed(HeaderValue::from_static(text));
    let allow_origin = match is_constant_any {
        true => fixed("*"),
        false => FieldValue::Echo(RequestPart::Origin),
    };
    let max_age = |seconds| FieldValue::Fixed(HeaderValue::from(seconds));
    // https://wicg.github.io/private-network-access/#headers, which browsers have given up.
    let private_network = FieldValue::Echo(RequestPart::PrivateNetwork);
    let (credentials, exposed) = (spec.credentials, &spec.expose_headers);
    [
        (FieldName::AllowOrigin, Some(allow_origin)),
        (
            FieldName::AllowCredentials,
            credentials.then(|| fixed("true")),
        ),
        (
            FieldName::AllowMethods,
            allowance(&spec.methods, credentials, RequestPart::Method),
        ),
        (
            FieldName::AllowHeaders,
            allowance(&spec.headers, credentials, RequestPart::HeaderNames),
        ),
        (
            FieldName::ExposeHeaders,
            list(exposed).map(FieldValue::Fixed),
        ),
        (FieldName::MaxAge, spec.max_age.map(max_age)),
        (
            FieldName::AllowPrivateNetwork,
            spec.private_network.then_some(private_network),
        ),
        (
            FieldName::Vary,
            Some(fixed(VarySet::of_preflight(spec.private_network).as_str())),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Returns the value that allows `names`; `None` if nothing is configured. Browsers take a `*` with
/// credentials for a name, so that the part of the request that asks is repeated instead.
fn allowance(names: &NameList, credentials: bool, asked: RequestPart) -> Option<FieldValue> {
    let list = list(names)?;
    Some(match names.any && credentials {
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
