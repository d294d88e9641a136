//! Asking a server as a scanner for CORS mistakes does, and saying how bad what gets through is.

use super::exchange::{Answer, ExchangeError, Transport};
use super::{AskError, ProbeRequest, Stage, cors_request};
use crate::cors::browser::ScriptRequest;
use crate::cors::{FieldName, Origin, Probe, ProbeKind, probes};
use http::{HeaderName, Method};

/// What a scan found.
#[derive(Debug)]
pub struct ScanReport {
    /// What the origin that is meant to be allowed gets.
    pub control: Access,
    /// One for every probe, in the order in which they were sent.
    pub findings: Vec<Finding>,
}

/// What one probe got.
#[derive(Debug)]
pub struct Finding {
    pub probe: Probe,
    /// By the response to a GET, or to a preflight where the script needs one: the wider of them.
    pub access: Access,
    pub severity: LeakSeverity,
    /// Some servers hang up on odd origins, which lets nobody in.
    pub error: Option<ExchangeError>,
}

/// What a server gives to an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Nothing,
    /// By `*`, which says openly that everybody may read what is public.
    Public,
    /// By its name, without credentials.
    Named,
    /// By its name, with credentials.
    NamedWithCredentials,
}

/// How bad that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeakSeverity {
    /// It doesn't get through.
    None,
    /// It does, which may well be meant.
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// Sends the probes, each as a GET, and as a preflight too where the script needs one. Nothing but
/// GET and OPTIONS is sent.
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

/// What is made of the origin that is meant to be allowed and of the URL's own, which servers often
/// trust without a word.
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

/// What `origin` gets for the question's script.
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
    /// Whether somebody gets in who hardly was meant to.
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

    /// A name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Public => "public",
            Self::Named => "allowed",
            Self::NamedWithCredentials => "allowed_with_credentials",
        }
    }

    /// In words, behind the name of an origin.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nothing => "is not allowed",
            Self::Public => "is allowed, as everybody is, by `*`",
            Self::Named => "is allowed, without credentials",
            Self::NamedWithCredentials => "is allowed, with credentials",
        }
    }
}

// === impl LeakSeverity ===

impl LeakSeverity {
    /// How bad it is that `probe` gets `access`.
    pub fn of(probe: &Probe, access: Access) -> Self {
        let (with_credentials, without) = match probe.kind {
            ProbeKind::Reflected
            | ProbeKind::Prefix
            | ProbeKind::Suffix
            | ProbeKind::Truncated
            | ProbeKind::UnescapedDot
            | ProbeKind::LookAlike
            | ProbeKind::Null => (Self::Critical, Self::Medium),
            // Browsers differ in which of these they take for a host's.
            ProbeKind::SpecialCharacter => (Self::High, Self::Medium),
            ProbeKind::Insecure => (Self::High, Self::Low),
            ProbeKind::Port
            | ProbeKind::UpperCase
            | ProbeKind::TrailingDot
            | ProbeKind::UserInfo
            | ProbeKind::Backslash => (Self::Low, Self::Info),
            // The owner's own, and often meant: a taken-over subdomain reads along.
            ProbeKind::Subdomain => (Self::Low, Self::Info),
        };
        let severity = match access {
            Access::Nothing => return Self::None,
            Access::Public => return Self::Info,
            Access::Named => without,
            Access::NamedWithCredentials => with_credentials,
        };
        // What no browser sends can't be used by a site, and still says that somebody compares
        // carelessly.
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
