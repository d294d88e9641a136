//! Asking a server as a scanner for CORS mistakes does, and rating each origin that gets through.

use super::exchange::{Answer, ExchangeError, Transport};
use super::{AskError, ProbeRequest, Stage, cors_request};
use crate::cors::browser::ScriptRequest;
use crate::cors::{FieldName, Origin, Probe, ProbeKind, probes};
use http::{HeaderName, Method};

/// The result of a scan.
#[derive(Debug)]
pub struct ScanReport {
    /// Access of the origin that is meant to be allowed.
    pub control: Access,
    /// One per probe, in the order in which they were sent.
    pub findings: Vec<Finding>,
}

/// The result of one probe.
#[derive(Debug)]
pub struct Finding {
    pub probe: Probe,
    /// Granted by the response to a GET, or to a preflight if the script needs one: the wider one.
    pub access: Access,
    pub severity: LeakSeverity,
    /// Set where the server gave no answer: some hang up on odd origins, which grants no access.
    pub error: Option<ExchangeError>,
}

/// Access that a server grants to an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Nothing,
    /// By `*`, which says openly that every page may read the response: it is public.
    Public,
    /// By its name, without credentials.
    Named,
    /// By its name, with credentials.
    NamedWithCredentials,
}

/// Danger of an origin's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeakSeverity {
    /// The origin has no access.
    None,
    /// It has access, which may well be meant.
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// Sends the probes, each as a GET, and as a preflight too if the script needs one. Only GET and
/// OPTIONS are sent.
///
/// # Errors
///
/// Where the origin that is meant to be allowed gets no answer at all.
pub fn scan(question: &ProbeRequest, transport: &impl Transport) -> Result<ScanReport, AskError> {
    let stage = Stage::Response;
    let control =
        access(question, &question.origin, transport).map_err(|error| AskError { stage, error })?;
    let findings = all_probes(question)
        .into_iter()
        .map(|probe| {
            let found = access(question, &probe.origin, transport);
            let (access, error) = match found {
                Ok(access) => (access, None),
                Err(error) => (Access::Nothing, Some(error)),
            };
            Finding {
                severity: LeakSeverity::of(&probe, access),
                probe,
                access,
                error,
            }
        })
        .collect();
    Ok(ScanReport { control, findings })
}

/// Makes the probes: variants of the origin that is meant to be allowed, and of the URL's own, which
/// servers often trust without being told to.
fn all_probes(question: &ProbeRequest) -> Vec<Probe> {
    let own = question.target.origin();
    let mut all: Vec<Probe> = Vec::new();
    for probe in probes(&question.origin).into_iter().chain(probes(&own)) {
        let is_trusted = probe.origin == own || probe.origin == question.origin;
        if !is_trusted && all.iter().all(|known| known.origin != probe.origin) {
            all.push(probe);
        }
    }
    all
}

/// Returns the access of `origin` for the question's script.
fn access(
    question: &ProbeRequest,
    origin: &str,
    transport: &impl Transport,
) -> Result<Access, ExchangeError> {
    let script = ScriptRequest {
        origin,
        ..question.script()
    };
    let with_credentials = ScriptRequest {
        credentials: true,
        ..script
    };
    let without = ScriptRequest {
        credentials: false,
        ..script
    };
    let asked = [("Origin", origin.to_owned())];
    let answer = transport.exchange(cors_request(&question.target, Method::GET, &asked, []))?;
    let response = Access::of(
        &answer,
        with_credentials.judge_response(&answer.fields).is_ok(),
        without.judge_response(&answer.fields).is_ok(),
    );
    if script.preflight_causes().is_empty() {
        return Ok(response);
    }
    let asked = script.preflight_fields();
    let answer = transport.exchange(cors_request(&question.target, Method::OPTIONS, &asked, []))?;
    let allows = |script: ScriptRequest<'_>| {
        let judged = script.judge_preflight(answer.status, &answer.fields);
        judged.is_ok()
    };
    let preflight = Access::of(&answer, allows(with_credentials), allows(without));
    Ok(response.max(preflight))
}

// === impl ScanReport ===

impl ScanReport {
    /// Whether an origin has access that hardly was meant.
    pub fn leaks(&self) -> bool {
        self.worst() >= LeakSeverity::Medium
    }

    pub fn worst(&self) -> LeakSeverity {
        let severities = self.findings.iter().map(|finding| finding.severity);
        severities.max().unwrap_or(LeakSeverity::None)
    }
}

// === impl Access ===

impl Access {
    fn of(answer: &Answer, with_credentials: bool, without: bool) -> Self {
        let field = HeaderName::from(FieldName::AllowOrigin);
        let is_star = answer.fields.get(field).is_some_and(|value| value == "*");
        match (with_credentials, without) {
            (true, _) => Self::NamedWithCredentials,
            (false, true) if is_star => Self::Public,
            (false, true) => Self::Named,
            (false, false) => Self::Nothing,
        }
    }

    /// Returns a name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Public => "public",
            Self::Named => "allowed",
            Self::NamedWithCredentials => "allowed_with_credentials",
        }
    }

    /// Returns the predicate of a sentence whose subject is an origin.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "is not allowed",
            Self::Public => "is allowed by `*`, like every origin",
            Self::Named => "is allowed, without credentials",
            Self::NamedWithCredentials => "is allowed, with credentials",
        }
    }
}

// === impl LeakSeverity ===

impl LeakSeverity {
    /// Rates that `probe` gets `access`.
    pub fn of(probe: &Probe, access: Access) -> Self {
        let (with_credentials, without) = match probe.kind {
            ProbeKind::Reflected
            | ProbeKind::Prefix
            | ProbeKind::Suffix
            | ProbeKind::Truncated
            | ProbeKind::UnescapedDot
            | ProbeKind::LookAlike
            | ProbeKind::Null => (Self::Critical, Self::Medium),
            // Browsers differ in which of these characters they accept in a host.
            ProbeKind::SpecialCharacter => (Self::High, Self::Medium),
            ProbeKind::Insecure => (Self::High, Self::Low),
            ProbeKind::Port
            | ProbeKind::UpperCase
            | ProbeKind::TrailingDot
            | ProbeKind::UserInfo
            | ProbeKind::Backslash => (Self::Low, Self::Info),
            // Often meant, since subdomains have the same owner; one that is taken over can read along.
            ProbeKind::Subdomain => (Self::Low, Self::Info),
        };
        let severity = match access {
            Access::Nothing => return Self::None,
            Access::Public => return Self::Info,
            Access::Named => without,
            Access::NamedWithCredentials => with_credentials,
        };
        // A site can't use an origin that no browser sends; that it gets through still shows a careless
        // comparison.
        let is_sent = Origin::parse(probe.origin.as_bytes()).is_ok()
            || probe.kind == ProbeKind::SpecialCharacter;
        match is_sent {
            true => severity,
            false => severity.min(Self::Low),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}
