//! `rewrite`, `request_headers` and `response_headers` of a route.

use super::matches::check_path;
use super::values::one_or_many;
use crate::config::edits::{Edits, FieldEdit, HeaderEdits, HostRewrite, PathRewrite};
use crate::config::error::Problem;
use crate::config::raw::{OneOrMany, RawHeaderEdits, RawHost, RawRewrite, RawScalar};
use crate::config::report::Report;
use crate::cors::is_token;
use crate::routing::Variables;
use http::{HeaderName, HeaderValue};
use std::collections::{BTreeMap, HashSet};

/// Maximum bytes of a path in place of another; a longer one is refused.
const MAX_PATH: usize = 4096;
/// Maximum bytes of a field's value; a longer one is refused.
const MAX_VALUE: usize = 4096;
/// Maximum number of fields that are edited in a header; more are refused.
const MAX_FIELDS: usize = 64;

/// The variables of the template in a route's `match`.
pub(super) enum TemplateVariables {
    NoTemplate,
    /// The template could not be read.
    Unknown,
    Of(Variables),
}

/// The edits of a route as they are written.
pub(super) struct RawEdits {
    pub rewrite: Option<RawRewrite>,
    pub request: Option<RawHeaderEdits>,
    pub response: Option<RawHeaderEdits>,
}

/// The header that is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditedHeader {
    Request,
    Response,
}

/// The edit of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditAction {
    Remove,
    Set,
    Add,
}

// === impl RawEdits ===

impl RawEdits {
    /// Compiles the edits of the route at `route`, whose template has these variables.
    pub(super) fn compile(
        self,
        report: &mut Report<'_>,
        route: &str,
        variables: TemplateVariables,
    ) -> Edits {
        let Self {
            rewrite,
            request,
            response,
        } = self;
        let path = format!("{route}.rewrite");
        let (path, host) = match rewrite {
            Some(raw) => of_target(report, &path, raw, variables),
            None => Default::default(),
        };
        let mut of = |key: &str, side, raw: Option<RawHeaderEdits>| {
            let path = format!("{route}.{key}");
            raw.map(|raw| Box::new(HeaderCompiler::new(report, &path, side).compile(raw)))
        };
        Edits {
            path,
            host,
            request: of("request_headers", EditedHeader::Request, request),
            response: of("response_headers", EditedHeader::Response, response),
        }
    }
}

/// Compiles the `rewrite` at `path`.
fn of_target(
    report: &mut Report<'_>,
    path: &str,
    raw: RawRewrite,
    variables: TemplateVariables,
) -> (PathRewrite, HostRewrite) {
    let RawRewrite {
        path_prefix,
        path: whole,
        prepend,
        append_variables,
        host,
    } = raw;
    let has_path = path_prefix.is_some() || whole.is_some() || prepend.is_some();
    if !has_path && host.is_none() && append_variables.is_none() {
        if !report.was_refused_within(path) {
            report
                .error(path, "this rewrites nothing")
                .hint("write what the path becomes, such as `path_prefix: /`, or remove it");
        }
        return Default::default();
    }
    let host = match host {
        Some(RawHost::Upstream) => HostRewrite::Upstream,
        Some(RawHost::Client) | None => HostRewrite::Client,
    };
    if append_variables.is_some() && whole.is_none() {
        if !report.was_refused(&format!("{path}.path")) {
            report
                .error(
                    format!("{path}.append_variables"),
                    "without `path`, the variables stay in the path",
                )
                .hint("write the `path` to append them to, or remove it");
        }
    } else if append_variables == Some(true) {
        check_variables(report, &format!("{path}.append_variables"), &variables);
    }
    let rewrite = match (path_prefix, whole, prepend) {
        (None, None, None) => PathRewrite::Untouched,
        (Some(prefix), None, None) => {
            check_replacement(report, &format!("{path}.path_prefix"), &prefix);
            PathRewrite::Prefix(prefix.trim_end_matches('/').to_owned())
        }
        (None, Some(whole), None) => {
            check_replacement(report, &format!("{path}.path"), &whole);
            match (append_variables, variables) {
                (Some(true), TemplateVariables::Of(variables)) => {
                    PathRewrite::WithVariables(whole, variables)
                }
                _ => PathRewrite::Whole(whole),
            }
        }
        (None, None, Some(base)) => {
            let path = format!("{path}.prepend");
            check_replacement(report, &path, &base);
            let base = base.trim_end_matches('/').to_owned();
            if base.is_empty() && !report.was_refused(&path) {
                report
                    .error(path, "`/` in front of a path changes nothing")
                    .hint("write a path such as `/v1`, or remove it");
            }
            PathRewrite::Prepended(base)
        }
        _ => {
            report
                .error(
                    path,
                    "a rewrite has a `path`, a `path_prefix` or a `prepend`",
                )
                .hint("write one of them");
            PathRewrite::Untouched
        }
    };
    (rewrite, host)
}

/// Checks that there are variables to append.
fn check_variables(report: &mut Report<'_>, path: &str, variables: &TemplateVariables) {
    let message = match variables {
        TemplateVariables::Unknown => return,
        TemplateVariables::Of(variables) if !variables.all.is_empty() => return,
        TemplateVariables::Of(_) => "the match's `path_template` has no variable",
        TemplateVariables::NoTemplate => {
            "the match has no `path_template`, whose variables these would be"
        }
    };
    report
        .error(path, message)
        .hint("write one in the `match`, such as `path_template: '/pet/{id}'`, or remove this");
}

/// Checks what a path, or the beginning of one, becomes.
fn check_replacement(report: &mut Report<'_>, path: &str, text: &str) {
    let problem = match check_path(text) {
        Err(problem) => problem,
        Ok(()) if text.len() > MAX_PATH => {
            let message = format!("the path has {} bytes, more than {MAX_PATH}", text.len());
            Problem::from(message).hint("write a shorter one")
        }
        Ok(()) if text.contains(['*', '{', '}']) => {
            let problem = Problem::from(format!("`{text}`: the new path is written out"));
            problem.hint("write it without wildcards and variables")
        }
        Ok(()) if text.contains("//") => {
            let message =
                format!("`{text}` has an empty segment, which servers read in several ways");
            Problem::from(message).hint("write each slash once")
        }
        Ok(()) => return,
    };
    report.error(path, problem);
}

/// Compiles the edits of one header.
struct HeaderCompiler<'r, 'a> {
    report: &'r mut Report<'a>,
    path: &'r str,
    side: EditedHeader,
}

// === impl HeaderCompiler ===

impl<'r, 'a> HeaderCompiler<'r, 'a> {
    fn new(report: &'r mut Report<'a>, path: &'r str, side: EditedHeader) -> Self {
        Self { report, path, side }
    }

    fn compile(mut self, raw: RawHeaderEdits) -> HeaderEdits {
        let RawHeaderEdits { remove, set, add } = raw;
        let path = self.path;
        let is_empty = remove.is_none() && set.is_none() && add.is_none();
        if is_empty && !self.report.was_refused_within(path) {
            self.report
                .error(path, "this edits nothing")
                .hint("write `set`, `add` or `remove`, or remove it");
        }
        let removed = self.names(remove);
        let set = self.fields(EditAction::Set, set.unwrap_or_default());
        let add = self.fields(EditAction::Add, add.unwrap_or_default());
        for (at, name) in &removed {
            if set.iter().any(|field| field.name == *name) {
                self.report
                    .error(at.as_str(), format!("`{name}` is removed, and set as well"))
                    .hint("`set` replaces all lines of a field: remove it here")
                    .as_element();
            }
        }
        let count = removed.len() + set.len() + add.len();
        if count > MAX_FIELDS {
            let message = format!("here are edits of {count} fields, more than {MAX_FIELDS}");
            self.report.error(path, message).hint("remove some of them");
        }
        HeaderEdits {
            remove: removed.into_iter().map(|(_, name)| name).collect(),
            set,
            add,
        }
    }

    /// Reads `remove`. The names have their places with them.
    fn names(&mut self, raw: Option<OneOrMany<String>>) -> Vec<(String, HeaderName)> {
        let Some(raw) = raw else { return Vec::new() };
        let path = format!("{}.remove", self.path);
        if matches!(&raw, OneOrMany::Many(many) if many.is_empty()) {
            self.report
                .error(&path, "an empty list removes nothing")
                .hint("leave it out");
        }
        let mut known = HashSet::new();
        let mut names = Vec::new();
        for (at, written) in one_or_many(self.report, &path, raw) {
            let Some(name) = self.name(EditAction::Remove, &at, &written) else {
                continue;
            };
            match known.insert(name.clone()) {
                true => names.push((at, name)),
                false => {
                    self.report
                        .error(at, format!("`{name}` is there twice"))
                        .hint("remove one of them")
                        .as_element();
                }
            }
        }
        names
    }

    /// Reads `set` or `add`.
    fn fields(&mut self, action: EditAction, raw: BTreeMap<String, RawScalar>) -> Vec<FieldEdit> {
        let key = match action {
            EditAction::Add => "add",
            EditAction::Remove | EditAction::Set => "set",
        };
        let mut known = HashSet::new();
        let mut fields = Vec::new();
        for (written, RawScalar(value)) in raw {
            let at = format!("{}.{key}.{written}", self.path);
            let name = self.name(action, &at, &written);
            let value = self.value(&at, &value);
            let Some((name, value)) = name.zip(value) else {
                continue;
            };
            if !known.insert(name.clone()) {
                let message =
                    format!("`{written}` stands here twice: names are compared without case");
                self.report
                    .error(&at, message)
                    .hint("remove one of them")
                    .quoting(&written);
            }
            fields.push(FieldEdit {
                name,
                written: written.into(),
                value,
            });
        }
        fields
    }

    fn name(&mut self, action: EditAction, at: &str, written: &str) -> Option<HeaderName> {
        let name = HeaderName::try_from(written).ok();
        let Some(name) = name.filter(|_| is_token(written.as_bytes())) else {
            let message = format!("`{written}` is not a header name: RFC 9110 has no such token");
            self.report
                .error(at, message)
                .hint("write a name such as `x-edge`")
                .quoting(written);
            return None;
        };
        if let Some((why, instead)) = refusal(self.side, action, name.as_str()) {
            self.report
                .error(at, format!("`{written}` {why}"))
                .hint(instead)
                .quoting(written);
            return None;
        }
        Some(name)
    }

    fn value(&mut self, at: &str, text: &str) -> Option<HeaderValue> {
        let (problem, hint) = match HeaderValue::from_str(text) {
            _ if text.len() > MAX_VALUE => {
                let message = format!("the value has {} bytes, more than {MAX_VALUE}", text.len());
                (message, "write a shorter one")
            }
            _ if text.trim_matches([' ', '\t']) != text => {
                let message = "blanks at the ends of a value are not part of it".to_owned();
                (message, "remove them")
            }
            Ok(value) => return Some(value),
            Err(_) => {
                let message = "a field's value is one line of ASCII".to_owned();
                (
                    message,
                    "percent-encode other characters, or write one line",
                )
            }
        };
        self.report.error(at, problem).hint(hint);
        None
    }
}

/// Returns the reason for which a field can't be edited, as the rest of a sentence about it; `None` if it can.
pub fn refused_edit(header: EditedHeader, action: EditAction, name: &str) -> Option<&'static str> {
    let refusal = refusal(header, action, &name.to_ascii_lowercase());
    refusal.map(|(why, _)| why)
}

/// Returns the reason for which a field is not edited, as the rest of a sentence about it, and what to write
/// instead. `name` is in lower case.
fn refusal(
    side: EditedHeader,
    action: EditAction,
    name: &str,
) -> Option<(&'static str, &'static str)> {
    // Programs behind CGI and its kind can't tell `_` from `-`.
    let spelled: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| spelled.starts_with(prefix));
    if side == EditedHeader::Request && (spelled == "origin" || starts(&["access-control-"])) {
        return Some((
            "is what a policy decides about: the upstream would judge another request than the gateway",
            "remove it; `cors: passthrough` leaves the decision to the upstream",
        ));
    }
    if starts(&["access-control-"]) {
        return Some((
            "is a field of CORS, which policies decide about",
            "write `cors:` with a policy; its `upstream_cors_headers` says what becomes of the upstream's fields",
        ));
    }
    if starts(&["x-corsgate-"]) {
        return Some((
            "is a field of the gateway's own",
            "remove it; `debug_header: true` in a policy sends X-Corsgate-Reason",
        ));
    }
    if spelled == "host" {
        return Some(match side {
            EditedHeader::Request => (
                "says which host is asked for",
                "write `rewrite: { host: upstream }` for the upstream's own",
            ),
            EditedHeader::Response => ("is a field of requests", "remove it"),
        });
    }
    if side == EditedHeader::Request && starts(&["client-cert"]) {
        return Some((
            "says who the client is, which the gateway tells the upstream",
            "write `forward_client_certificate: true` in the listener's `tls`",
        ));
    }
    if side == EditedHeader::Request
        && (starts(&["x-forwarded"]) || matches!(spelled.as_str(), "forwarded" | "x-real-ip"))
    {
        return Some((
            "says who the client is, which the gateway tells the upstream",
            "list the proxies in front, if there are any, in `trusted_proxies`",
        ));
    }
    let is_of_the_connection = matches!(
        spelled.as_str(),
        "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "content-length"
            | "expect"
    );
    if is_of_the_connection || starts(&["proxy-", "sec-websocket-"]) {
        return Some((
            "is about the connection, or about where the body ends, which the gateway writes itself",
            "remove it",
        ));
    }
    match (side, action, spelled.as_str()) {
        (EditedHeader::Response, _, "date") => {
            Some(("says when the response was made", "remove it"))
        }
        (EditedHeader::Response, EditAction::Set, "set-cookie") => Some((
            "would take the place of the upstream's cookies",
            "write it under `add`",
        )),
        (EditedHeader::Response, EditAction::Set | EditAction::Remove, "vary") => Some((
            "says what the upstream's response depends on, and caches have to know that",
            "write more names under `add`",
        )),
        _ => None,
    }
}
