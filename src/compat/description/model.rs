//! A service as its description has it, whichever form the description has.

use super::template::Template;
use crate::compat::address::Address;
use crate::config::{Diagnostic, Place};
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

/// A service.
#[derive(Debug, Clone)]
pub struct Description {
    pub kind: Kind,
    /// The service's name, which is a host; empty if the description has none.
    pub name: String,
    /// The operations that are declared, each for one method and one template. Where several share a
    /// template, the first one's backend gets its OPTIONS requests.
    pub operations: Vec<Operation>,
    /// Whether every OPTIONS request for a declared path goes to the backend.
    pub allows_cors: bool,
    /// The demands for keys and tokens.
    pub demands: Vec<Demand>,
    /// Warnings: settings that have no effect, or another one than they seem to have.
    pub remarks: Vec<Diagnostic>,
    /// One operation for each method of an API, by the path that gRPC has for it.
    pub(super) calls: Vec<Operation>,
}

/// The form of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A `google.api.Service`.
    ServiceConfig,
    OpenApi2,
    OpenApi3,
}

/// An operation, by one of its methods and templates.
#[derive(Debug, Clone)]
pub struct Operation {
    /// A name that no other operation has: the selector, or the selector and a number.
    pub name: String,
    /// The method of an API, as in `api.Method`, or an `operationId`. Several bindings share it.
    pub selector: String,
    pub method: HttpMethod,
    /// The template of the whole path, below the base path.
    pub template: Template,
    /// `None`: the default backend, the path untouched.
    pub backend: Option<Backend>,
    /// Whether it is a stream of messages of gRPC, on either side.
    pub is_streaming: bool,
    /// Whether it is declared by gRPC's path alone, without an HTTP rule. `allows_cors` is not for it.
    pub is_call: bool,
    pub place: Place,
}

/// The method of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HttpMethod {
    /// Every method.
    Any,
    /// A token, as requests have it.
    Token(String),
}

/// A backend for an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// `None`: the default backend.
    pub address: Option<Address>,
    pub translation: PathTranslation,
    /// Whether it is spoken to by HTTP/2 although it is not one of gRPC.
    pub is_http2: bool,
    /// The time for a whole response; 15 s if there is none.
    pub deadline: Option<Duration>,
    /// The audience of the Google ID token that ESPv2 would send along; `None`: it sends no token.
    pub audience: Option<String>,
}

/// The way in which a backend's path comes of the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathTranslation {
    /// The request's path.
    Unset,
    /// The address's path, `/` if it is empty, with the template's variables in the query.
    ConstantAddress,
    /// The address's path, and the request's behind it.
    AppendPathToAddress,
}

/// The thing that a request must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DemandKind {
    ApiKey,
    Token,
}

/// A demand for a key or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub kind: DemandKind,
    /// The place of the rule that demands it.
    pub place: Place,
    pub path: String,
    /// The selectors of the operations that it is demanded for, at least one.
    pub selectors: Vec<String>,
}

// === impl Description ===

impl Description {
    /// Declares the methods of all APIs by the paths that gRPC has for them, as ESPv2 does if any backend
    /// is one of gRPC. `is_default_grpc`: whether the default backend is.
    pub fn declare_grpc_methods(&mut self, is_default_grpc: bool) {
        let is_grpc = |operation: &Operation| {
            let backend = operation.backend.as_ref();
            let address = backend.and_then(|backend| backend.address.as_ref());
            address.is_some_and(|address| address.scheme.is_grpc())
        };
        let all = || self.calls.iter().chain(&self.operations);
        if !is_default_grpc && !all().any(is_grpc) {
            return;
        }
        let key = |operation: &Operation| (operation.method.clone(), operation.template.shape());
        let mut declared: HashSet<_> = self.operations.iter().map(key).collect();
        let calls = std::mem::take(&mut self.calls).into_iter();
        let undeclared = calls.filter(|call| declared.insert(key(call)));
        self.operations.extend(undeclared);
    }

    /// Sends all operations to the default backend, with untouched paths.
    pub fn override_backends(&mut self) {
        for operation in self.operations.iter_mut().chain(&mut self.calls) {
            operation.backend = operation.backend.take().and_then(Backend::without_address);
        }
    }
}

// === impl Kind ===

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceConfig => "service configuration",
            Self::OpenApi2 => "OpenAPI 2.0",
            Self::OpenApi3 => "OpenAPI 3",
        }
    }

    /// Returns the name for a sentence.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::ServiceConfig => "a service configuration",
            Self::OpenApi2 | Self::OpenApi3 => "an OpenAPI document",
        }
    }
}

// === impl HttpMethod ===

impl HttpMethod {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::Token(token) => token,
        }
    }
}

// === impl Backend ===

impl Backend {
    /// Returns the backend of an operation that has no rule.
    pub(super) fn unset() -> Self {
        Self {
            address: None,
            translation: PathTranslation::Unset,
            is_http2: false,
            deadline: None,
            audience: None,
        }
    }

    /// Returns it, or `None` if it says nothing.
    pub(super) fn unless_unset(self) -> Option<Self> {
        (self != Self::unset()).then_some(self)
    }

    fn without_address(self) -> Option<Self> {
        let backend = Self {
            deadline: self.deadline,
            ..Self::unset()
        };
        backend.unless_unset()
    }
}

// === impl PathTranslation ===

impl PathTranslation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "PATH_TRANSLATION_UNSPECIFIED",
            Self::ConstantAddress => "CONSTANT_ADDRESS",
            Self::AppendPathToAddress => "APPEND_PATH_TO_ADDRESS",
        }
    }
}

// === impl Demand ===

impl fmt::Display for Demand {
    /// Writes the demand and the first operations that it is for: `an API key for A, B and 5 more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        f.write_str(match self.kind {
            DemandKind::ApiKey => "an API key for ",
            DemandKind::Token => "a token for ",
        })?;
        let shown = self.selectors.iter().take(SHOWN);
        let shown: Vec<&str> = shown.map(String::as_str).collect();
        f.write_str(&shown.join(", "))?;
        match self.selectors.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
