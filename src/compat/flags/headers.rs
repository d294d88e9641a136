//! Edits of header fields.

use super::arguments::shown;
use super::given::{Given, Value};
use super::options::{HeaderAction, HeaderEdit};
use super::report::Report;
use crate::config::{EditAction, EditedHeader, refused_edit};
use crate::cors::is_token;
use http::HeaderValue;

const HSTS_FLAG: &str = "--enable_strict_transport_security";
/// The value that ESPv2 sends.
const HSTS: &str = "max-age=31536000; includeSubdomains";
const OPERATION_FLAG: &str = "--enable_operation_name_header";
const OPERATION: &str = "X-Endpoint-API-Operation-Name";

/// The edits of one header.
#[derive(Debug, Default)]
struct Edits {
    list: Vec<HeaderEdit>,
}

/// The value of a flag for a field.
enum Content {
    Constant(String),
    /// It has a variable of Envoy.
    Variable,
    /// A `%` without a second one behind it.
    Unfinished,
}

// === impl Edits ===

impl Edits {
    /// Adds an edit. A replacement takes the place of an earlier one of the same field; values that are
    /// added to one field are joined, which means the same.
    fn push(&mut self, edit: HeaderEdit) {
        let same = self.list.iter_mut().find(|other| {
            let is_same_name = other.name.eq_ignore_ascii_case(&edit.name);
            is_same_name && is_append(&other.action) == is_append(&edit.action)
        });
        match same {
            None => self.list.push(edit),
            Some(other) => match (&mut other.action, edit.action) {
                (HeaderAction::Append(value), HeaderAction::Append(more)) => {
                    value.push_str(", ");
                    value.push_str(&more);
                }
                (action, other) => *action = other,
            },
        }
    }
}

/// Reads the edits of requests.
pub(super) fn of_requests(given: &Given, report: &mut Report) -> Vec<HeaderEdit> {
    let mut edits = Edits::default();
    read("--add_request_header", false, given, report, &mut edits);
    read("--append_request_header", false, given, report, &mut edits);
    if given.is_on(OPERATION_FLAG) {
        edits.push(HeaderEdit {
            name: OPERATION.to_owned(),
            action: HeaderAction::Remove,
            flag: OPERATION_FLAG,
        });
    }
    edits.list
}

/// Reads the edits of responses.
pub(super) fn of_responses(given: &Given, report: &mut Report) -> Vec<HeaderEdit> {
    let mut edits = Edits::default();
    if given.is_on(HSTS_FLAG) {
        edits.push(HeaderEdit {
            name: "Strict-Transport-Security".to_owned(),
            action: HeaderAction::Replace(HSTS.to_owned()),
            flag: HSTS_FLAG,
        });
    }
    read("--add_response_header", true, given, report, &mut edits);
    read("--append_response_header", true, given, report, &mut edits);
    edits.list
}

/// Reads the values of a flag. As in ESPv2, one may have several edits with `;` between them.
fn read(
    flag: &'static str,
    is_response: bool,
    given: &Given,
    report: &mut Report,
    edits: &mut Edits,
) {
    for value in given.all(flag) {
        for edit in value.text.split(';').filter(|edit| !edit.is_empty()) {
            if let Some(edit) = one(flag, is_response, value, edit, report) {
                let is_cookie = is_response && edit.name.eq_ignore_ascii_case("set-cookie");
                let has_cookie = edits
                    .list
                    .iter()
                    .any(|other| other.name.eq_ignore_ascii_case("set-cookie"));
                if is_cookie && has_cookie {
                    let message = "there can be one Set-Cookie";
                    report.error(
                        flag,
                        value.source,
                        message,
                        "let the backend set the others",
                    );
                    continue;
                }
                edits.push(edit);
            }
        }
    }
}

fn one(
    flag: &'static str,
    is_response: bool,
    value: &Value,
    text: &str,
    report: &mut Report,
) -> Option<HeaderEdit> {
    let Some((name, content)) = text
        .split_once('=')
        .filter(|(_, content)| !content.contains('='))
    else {
        let message = format!("`{}` is not NAME=VALUE with one `=`", shown(text));
        let hint = format!("write `{flag}=NAME=VALUE`; ESPv2 takes no `=` and no `;` in a value");
        report.error(flag, value.source, message, hint);
        return None;
    };
    let name = name.trim();
    if !is_token(name.as_bytes()) {
        let message = format!("`{}` is not the name of a header field", shown(name));
        let hint = format!("write `{flag}=NAME=VALUE`, with a name such as `x-edge`");
        report.error(flag, value.source, message, hint);
        return None;
    }
    let is_append = flag.starts_with("--append");
    let action = match constant(content) {
        Content::Constant(content) if HeaderValue::from_str(&content).is_err() => {
            let message = "a header field's value is one line without control characters";
            report.error(flag, value.source, message, "remove them");
            return None;
        }
        Content::Constant(content) if is_append => HeaderAction::Append(content),
        Content::Constant(content) => HeaderAction::Replace(content),
        Content::Unfinished => {
            let message = format!("in `{}` a `%` begins no variable of Envoy", shown(content));
            report.error(flag, value.source, message, "write `%%` for a percent sign");
            return None;
        }
        Content::Variable => {
            let of_clients = match is_response || is_append {
                true => "",
                false => ", and a client's own is removed",
            };
            let message =
                format!("Envoy's variables are not known here: `{name}` is not sent{of_clients}");
            report.warn(flag, value.source, message);
            if is_response || is_append {
                return None;
            }
            // A backend takes the field for the gateway's, and a client could write what it likes.
            HeaderAction::Remove
        }
    };
    let header = match is_response {
        true => EditedHeader::Response,
        false => EditedHeader::Request,
    };
    let edit = match action {
        HeaderAction::Remove => EditAction::Remove,
        HeaderAction::Replace(_) => EditAction::Set,
        HeaderAction::Append(_) => EditAction::Add,
    };
    if let Some(why) = refused_edit(header, edit, name) {
        let message = format!("`{name}` {why}: it is left as it is");
        report.warn(flag, value.source, message);
        return None;
    }
    Some(HeaderEdit {
        name: name.to_owned(),
        action,
        flag,
    })
}

/// Reads a value, in which `%NAME%` is a variable of Envoy and `%%` a percent sign.
fn constant(text: &str) -> Content {
    let mut constant = String::with_capacity(text.len());
    let mut parts = text.split('%');
    constant.push_str(parts.next().unwrap_or_default());
    while let Some(within) = parts.next() {
        match (within, parts.next()) {
            ("", Some(after)) => {
                constant.push('%');
                constant.push_str(after);
            }
            (_, Some(_)) => return Content::Variable,
            (_, None) => return Content::Unfinished,
        }
    }
    Content::Constant(constant.trim().to_owned())
}

fn is_append(action: &HeaderAction) -> bool {
    matches!(action, HeaderAction::Append(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_begin_variables_of_envoy() {
        for (text, expected) in [
            ("a", Some("a")),
            ("", Some("")),
            (" a ", Some("a")),
            ("50%%", Some("50%")),
            ("%%a%%b%%", Some("%a%b%")),
            ("%%%%", Some("%%")),
            ("50%", None),
            ("%%%", None),
            ("%REQ(x)%", None),
            ("a%PROTOCOL%b", None),
            ("%%%PROTOCOL%", None),
        ] {
            let found = match constant(text) {
                Content::Constant(constant) => Some(constant),
                Content::Variable | Content::Unfinished => None,
            };
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        assert!(matches!(constant("%A%"), Content::Variable));
        assert!(matches!(constant("5%"), Content::Unfinished));
    }
}
