//! Rules about backends: `backend.rules` of a service configuration, and OpenAPI's `x-google-backend`.

use super::model::{Backend, PathTranslation};
use super::reader::Reader;
use crate::compat::address::{Address, Scheme};
use crate::config::TreeValue;
use std::collections::HashSet;
use std::time::Duration;

/// A reader of rules about backends.
#[derive(Default)]
pub(super) struct Backends {
    /// The backends that a remark about tokens was made for.
    told: HashSet<Address>,
}

// === impl Backends ===

impl Backends {
    /// Reads a rule. `default`: the translation of an address whose rule names none.
    ///
    /// Returns `None` for a rule that says nothing, or whose address is not valid.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        rule: TreeValue<'_>,
        default: PathTranslation,
    ) -> Option<Backend> {
        let address = match reader.text(rule, "address") {
            None => None,
            Some((text, field)) => match Address::parse(text, Scheme::Https) {
                Ok(address) => Some(address),
                Err(problem) => {
                    reader.problem(field, problem);
                    return None;
                }
            },
        };
        let default = match address {
            Some(_) => default,
            None => PathTranslation::Unset,
        };
        let is_grpc = address.as_ref().is_some_and(|a| a.scheme.is_grpc());
        let backend = Backend {
            translation: translation(reader, rule).unwrap_or(default),
            is_http2: is_http2(reader, rule) && !is_grpc,
            deadline: deadline(reader, rule),
            audience: audience(reader, rule, address.as_ref()),
            address,
        };
        self.tell_of_token(reader, rule, &backend);
        backend.unless_unset()
    }

    /// Remarks once for each backend that ESPv2 sends it Google's tokens.
    fn tell_of_token(&mut self, reader: &mut Reader<'_>, rule: TreeValue<'_>, backend: &Backend) {
        if let (Some(audience), Some(address)) = (&backend.audience, &backend.address)
            && self.told.insert(Address {
                path: String::new(),
                ..address.clone()
            })
        {
            let message = format!(
                "ESPv2 sends this backend a Google ID token for `{audience}`, and this gateway sends none"
            );
            let hint = "let the backend take requests without it, and write `disable_auth: true`";
            reader.remark(rule, message, hint);
        }
    }
}

fn translation(reader: &mut Reader<'_>, rule: TreeValue<'_>) -> Option<PathTranslation> {
    const ALL: [PathTranslation; 3] = [
        PathTranslation::Unset,
        PathTranslation::ConstantAddress,
        PathTranslation::AppendPathToAddress,
    ];
    let (text, field) = reader.text(rule, "path_translation")?;
    let found = ALL.into_iter().find(|known| known.as_str() == text);
    if found.is_none() {
        let hint = "write `CONSTANT_ADDRESS` or `APPEND_PATH_TO_ADDRESS`";
        reader.error(field, "there is no such path translation", hint);
    }
    // Unspecified is the same as not written.
    found.filter(|found| *found != PathTranslation::Unset)
}

fn is_http2(reader: &mut Reader<'_>, rule: TreeValue<'_>) -> bool {
    match reader.text(rule, "protocol") {
        None => false,
        Some((text, _)) if text.eq_ignore_ascii_case("http/1.1") => false,
        Some((text, _)) if text.eq_ignore_ascii_case("h2") => true,
        Some((_, field)) => {
            reader.error(
                field,
                "there is no such protocol",
                "write `http/1.1` or `h2`",
            );
            false
        }
    }
}

/// Reads a deadline in seconds, to the nearest millisecond, as ESPv2 does.
fn deadline(reader: &mut Reader<'_>, rule: TreeValue<'_>) -> Option<Duration> {
    const MAX_SECONDS: f64 = 86_400.0;
    let (seconds, field) = reader.number(rule, "deadline")?;
    if seconds < 0.0 {
        let message = "a deadline can't be negative, and ESPv2 takes 15 s in its place";
        reader.remark(field, message, "write a number of seconds, or remove it");
    } else if seconds > MAX_SECONDS {
        let message = "a deadline can't be longer than a day: it is a day";
        reader.remark(field, message, "write a number of seconds up to 86400");
    }
    let milliseconds = (seconds.min(MAX_SECONDS) * 1_000.0).round().max(1.0);
    (seconds > 0.0).then_some(Duration::from_millis(milliseconds as u64))
}

/// Returns the audience of the token that ESPv2 would send; without one that is written, the backend.
fn audience(
    reader: &mut Reader<'_>,
    rule: TreeValue<'_>,
    address: Option<&Address>,
) -> Option<String> {
    let is_disabled = reader.flag(rule, "disable_auth");
    let written = reader.text(rule, "jwt_audience").map(|(text, _)| text);
    let address = address?;
    match written {
        Some(audience) => Some(audience.to_owned()),
        None if is_disabled => None,
        None => {
            let scheme = if address.scheme.is_tls() {
                "https"
            } else {
                "http"
            };
            Some(format!("{scheme}://{}", address.host))
        }
    }
}
