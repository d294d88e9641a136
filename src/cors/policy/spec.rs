//! A policy as the operator wrote it.

use crate::cors::origins::pattern::OriginPattern;

/// A policy as it is written, its origin patterns parsed.
#[derive(Debug, Clone, Default)]
pub struct PolicySpec {
    /// What people call it; may be empty.
    pub name: String,
    pub origins: Vec<OriginPattern>,
    /// Methods beside the safelisted GET, HEAD and POST, which are always allowed.
    pub methods: NameList,
    pub headers: NameList,
    pub expose_headers: NameList,
    pub credentials: bool,
    /// In seconds. `None`: the field is not sent, and browsers take 5 s.
    pub max_age: Option<u64>,
    pub preflight_status: PreflightStatus,
    pub on_rejected_preflight: OnRejectedPreflight,
    pub upstream_cors_headers: UpstreamCorsHeaders,
    pub private_network: bool,
    /// Whether refusals say why, in a field of our own.
    pub debug_header: bool,
    pub dangers: Dangers,
}

/// Names of methods or headers, and whether `*` stands among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameList {
    pub any: bool,
    pub names: Vec<String>,
}

/// The status of an allowed preflight's answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PreflightStatus {
    #[default]
    NoContent,
    /// For old clients that choke on 204.
    Ok,
}

/// Who answers a preflight that the policy refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnRejectedPreflight {
    /// The gateway, with 403.
    #[default]
    Respond,
    /// The upstream, less its `Access-Control-*`.
    Forward,
}

/// What becomes of the `Access-Control-*` fields that the upstream sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UpstreamCorsHeaders {
    /// They are removed.
    #[default]
    Strip,
    /// They stay where the policy does not allow the origin, and are replaced where it does.
    Keep,
    /// They stay, and only what is missing is added.
    Fill,
}

/// The keys that name a danger. Each permits what is refused without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dangers {
    pub any_origin_with_credentials: bool,
    pub null_with_credentials: bool,
    pub insecure_origins: bool,
    pub public_suffix_wildcards: bool,
}

// === impl NameList ===

impl NameList {
    pub(super) fn lower_case(self) -> Self {
        let names = self.names.iter().map(|name| name.to_ascii_lowercase());
        Self {
            names: names.collect(),
            ..self
        }
    }

    pub(super) fn without_duplicates(self) -> Self {
        let mut names: Vec<String> = Vec::with_capacity(self.names.len());
        for name in self.names {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Self { names, ..self }
    }
}
