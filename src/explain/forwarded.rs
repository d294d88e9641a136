//! The request that the upstream gets, where its route rewrites or edits it, and the edits of the response.

use super::question::browser_headers;
use crate::config::{FieldEdit, HeaderEdits, HostRewrite, PathRewrite, escaped};
use crate::proxy::rewrite;
use crate::proxy::snapshot::Route;
use serde::Serialize;
use std::fmt;

/// The request that the upstream gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forwarded {
    pub method: String,
    pub target: String,
    /// Whether the upstream is asked for its own host, and not for the client's.
    pub own_host: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<FieldEdits>,
}

/// The edits of the fields of a header, in the order in which they are made. Values that are secrets are not
/// shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldEdits {
    pub remove: Vec<String>,
    pub set: Vec<(String, String)>,
    pub add: Vec<(String, String)>,
}

// === impl Forwarded ===

impl Forwarded {
    /// Returns the request that the upstream gets in place of this one; `None` if the route changes nothing.
    pub(super) fn of(route: &Route, method: &str, target: &str) -> Option<Self> {
        let edits = &route.edits;
        let own_host = edits.host == HostRewrite::Upstream;
        if edits.path == PathRewrite::Untouched && !own_host && edits.request.is_none() {
            return None;
        }
        let matches = route.matches.as_ref()?;
        let rewritten = rewrite::target(&edits.path, &matches.path, target.as_bytes());
        let rewritten = rewritten.map(|new| String::from_utf8_lossy(&new).into_owned());
        Some(Self {
            method: method.to_owned(),
            target: rewritten.unwrap_or_else(|| target.to_owned()),
            own_host,
            edits: edits.request.as_deref().map(FieldEdits::of),
        })
    }
}

// === impl FieldEdits ===

impl FieldEdits {
    pub(super) fn of(edits: &HeaderEdits) -> Self {
        let shown = |field: &FieldEdit| {
            let name = String::from_utf8_lossy(&field.written).into_owned();
            let value = String::from_utf8_lossy(field.value.as_bytes());
            let value = browser_headers::shown(&name, &value).to_owned();
            (name, value)
        };
        Self {
            remove: edits.remove.iter().map(ToString::to_string).collect(),
            set: edits.set.iter().map(shown).collect(),
            add: edits.add.iter().map(shown).collect(),
        }
    }
}

impl fmt::Display for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            target,
            own_host,
            edits,
        } = self;
        write!(f, "forwarded {} {}", escaped(method), escaped(target))?;
        f.write_str(match own_host {
            true => ", with the endpoint's own Host\n",
            false => "\n",
        })?;
        edits.as_ref().map_or(Ok(()), |edits| write!(f, "{edits}"))
    }
}

impl fmt::Display for FieldEdits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { remove, set, add } = self;
        for name in remove {
            writeln!(f, "    remove {name}")?;
        }
        for (verb, fields) in [("set", set), ("add", add)] {
            for (name, value) in fields {
                writeln!(f, "    {verb} {name}: {}", escaped(value))?;
            }
        }
        Ok(())
    }
}
