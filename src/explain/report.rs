//! The report about a request: as data for programs, and as text for people.

use super::forwarded::{FieldEdits, Forwarded};
use crate::config::escaped;
use serde::Serialize;
use std::fmt;

/// Everything about one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub method: String,
    pub url: String,
    pub origin: Option<String>,
    pub credentials: bool,
    /// The listener with the URL's port. Routes are the same on all listeners.
    pub listener: Option<String>,
    /// The outcome for the script.
    pub verdict: Ruling,
    /// The reason, in a line or two.
    pub why: String,
    /// The changes that would let the request through; empty if nothing is refused.
    pub changes: Vec<Change>,
    /// The causes of the preflight, and other remarks.
    pub notes: Vec<String>,
    /// The preflight; `None` if the browser sends none.
    pub preflight: Option<Exchange>,
    /// The request itself; `None` if the question is a preflight.
    pub request: Option<Exchange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// The script gets its response.
    Allowed,
    /// The script gets an error of the gateway, and may read it.
    Fails,
    /// The script gets a network error.
    Blocked,
    /// The upstream's answer decides.
    DependsOnUpstream,
    /// CORS does not apply.
    NoCors,
}

/// A change that removes one reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The configuration file; `None` if the page or its script is what to change.
    pub file: Option<String>,
    pub line: Option<usize>,
    pub column: Option<usize>,
    /// The path of the value in the file, such as `policies.web.allow_methods`.
    pub key: Option<String>,
    /// The change, in words.
    pub change: String,
}

/// One request, and the gateway's and the browser's treatment of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub route: RouteReport,
    /// Other readings of the path, which some servers have; left out if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<ReadingReport>,
    pub steps: Vec<StepReport>,
    /// The translation of a request in gRPC-Web that is forwarded; left out for any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_web: Option<GrpcWebReport>,
    /// The outcome as in metrics; `none` is not counted.
    pub outcome: &'static str,
    pub reason: Option<&'static str>,
    /// The request that the upstream gets; left out if it is this one, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    pub response: Response,
    pub browser: Browser,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteReport {
    /// The name as in metrics.
    pub name: String,
    pub upstream: Option<String>,
    /// Whether it is a fallback, and no other route matches; left out if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_fallback: bool,
    /// The predicates that the request meets.
    pub because: Vec<String>,
    /// The nearest route, if none matches, or none but a fallback.
    pub nearest: Option<NearestRoute>,
}

/// Another reading of the path, and the route that it would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadingReport {
    pub path: String,
    pub route: String,
    /// The route's policy, `passthrough` or `off`; `None` if no route matches.
    pub cors: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearestRoute {
    pub name: String,
    /// The predicates that the request does not meet.
    pub unmet: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepReport {
    pub step: &'static str,
    pub result: StepOutcome,
    pub reason: Option<&'static str>,
    pub finding: String,
    pub near_miss: Option<String>,
}

/// A request in gRPC-Web, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrpcWebReport {
    /// Whether the route translates it.
    pub is_translated: bool,
    /// The Content-Type that the upstream gets.
    pub request_type: String,
    /// The Content-Type that the client gets, if the response is gRPC.
    pub response_type: Option<String>,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Yes,
    No,
    /// No, but a step before it already said no.
    WouldBeNo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Response {
    /// The maker of the response.
    pub from: Author,
    /// `None` if the upstream decides.
    pub status: Option<u16>,
    /// All fields of the gateway's own response, or those it adds to an upstream's. Date and Connection
    /// are left out.
    pub headers: Vec<(String, String)>,
    /// The edits that the route makes in an upstream's response; left out if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<FieldEdits>,
    /// The treatment of the upstream's own CORS fields.
    pub upstream_cors_headers: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    Gateway,
    Upstream,
}

/// A browser's judgement of a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Browser {
    /// `None` if the upstream decides, or CORS does not apply.
    pub permits: Option<bool>,
    /// A stable name for the refusal.
    pub code: Option<&'static str>,
    pub says: String,
}

// === impl Report ===

impl Report {
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists can always be written as JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            url,
            origin,
            credentials,
            listener,
            verdict,
            why,
            changes,
            notes,
            preflight,
            request,
        } = self;
        let verdict = match verdict {
            Ruling::Allowed => "ALLOWED",
            Ruling::Fails => "FAILS",
            Ruling::Blocked => "BLOCKED",
            Ruling::DependsOnUpstream => "THE UPSTREAM DECIDES",
            Ruling::NoCors => "NO CORS",
        };
        writeln!(f, "{verdict}: {why}")?;
        for change in changes {
            writeln!(f, "  change    {change}")?;
        }
        writeln!(f)?;
        write!(f, "{} {}", escaped(method), escaped(url))?;
        if let Some(origin) = origin {
            write!(f, " from a page of origin {}", escaped(origin))?;
        }
        writeln!(
            f,
            "{}",
            if *credentials {
                ", with credentials"
            } else {
                ""
            }
        )?;
        let listener = listener.as_deref().unwrap_or("none with this port");
        writeln!(f, "  listener  {listener}")?;
        for note in notes {
            writeln!(f, "  note      {}", escaped(note))?;
        }
        for (what, exchange) in [("preflight", preflight), ("request", request)] {
            if let Some(exchange) = exchange {
                writeln!(f)?;
                write!(f, "{what}: {exchange}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    /// Writes `FILE:LINE:COLUMN: PATH: WORDS`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            key,
            change,
        } = self;
        match file {
            Some(file) => write!(f, "{}:", escaped(file))?,
            None => f.write_str("in the page or its script: ")?,
        }
        if let Some((line, column)) = line.zip(*column) {
            write!(f, "{line}:{column}:")?;
        }
        if let Some(key) = key {
            write!(f, " {}: ", escaped(key))?;
        }
        f.write_str(&escaped(change))
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            target,
            headers,
            route,
            readings,
            steps,
            grpc_web,
            outcome,
            reason,
            forwarded,
            response,
            browser,
        } = self;
        writeln!(f, "{} {}", escaped(method), escaped(target))?;
        for (name, value) in headers {
            writeln!(f, "    {}: {}", escaped(name), escaped(value))?;
        }
        writeln!(f, "  {route}")?;
        for reading in readings {
            writeln!(f, "  {reading}")?;
        }
        for step in steps {
            writeln!(f, "  {step}")?;
        }
        if let Some(grpc_web) = grpc_web {
            writeln!(f, "  grpc-web  {grpc_web}")?;
        }
        let reason = reason
            .map(|reason| format!(", {reason}"))
            .unwrap_or_default();
        writeln!(f, "  counted   {outcome}{reason}")?;
        if let Some(forwarded) = forwarded {
            write!(f, "  {forwarded}")?;
        }
        write!(f, "{response}")?;
        writeln!(f, "  browser   {}", browser.says)
    }
}

impl RouteReport {
    /// Says why a fallback gets the request; `None` for any other route.
    pub(super) fn because_of_others(&self) -> Option<String> {
        let nearest = self.nearest.as_ref();
        let nearest = nearest.map(|NearestRoute { name, unmet }| {
            let unmet = unmet.join(", ");
            format!(" (the nearest is `{name}`: {unmet})")
        });
        let nearest = nearest.unwrap_or_default();
        self.is_fallback
            .then(|| format!("no route without `fallback` matches{nearest}"))
    }
}

impl fmt::Display for RouteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.upstream, &self.nearest) {
            (Some(upstream), _) => {
                write!(
                    f,
                    "route     `{}` to the upstream `{upstream}`: ",
                    self.name
                )?;
                if let Some(words) = self.because_of_others() {
                    write!(f, "{words}; ")?;
                }
                f.write_str(&self.because.join("; "))
            }
            (None, Some(NearestRoute { name, unmet })) => write!(
                f,
                "route     none; the nearest is `{name}`: {}",
                unmet.join("; ")
            ),
            (None, None) => write!(f, "route     none"),
        }
    }
}

impl fmt::Display for ReadingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, route, cors } = self;
        write!(f, "reading   `{}`: ", escaped(path))?;
        match cors {
            Some(cors) => write!(f, "the route `{route}` with `{cors}`"),
            None => write!(f, "no route"),
        }
    }
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            result,
            reason,
            finding,
            near_miss,
        } = self;
        let mark = match result {
            StepOutcome::Yes => "",
            StepOutcome::No => "NO: ",
            StepOutcome::WouldBeNo => "would be no: ",
        };
        write!(f, "{step:<9} {mark}{finding}")?;
        if let Some(reason) = reason {
            write!(f, " ({reason})")?;
        }
        match near_miss {
            Some(near_miss) => write!(f, "\n            nearest miss: {near_miss}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for GrpcWebReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            is_translated,
            request_type,
            response_type,
        } = self;
        if !is_translated {
            return f.write_str(
                "passes as it is: write `grpc_web: true` in the route, unless the upstream speaks gRPC-Web",
            );
        }
        write!(f, "translated: the upstream gets `{request_type}`")?;
        match response_type {
            Some(response_type) => write!(f, ", and the client `{response_type}`"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            status,
            headers,
            edits,
            upstream_cors_headers,
        } = self;
        let line = match (from, status) {
            (Author::Gateway, Some(status)) => {
                let status = http::StatusCode::from_u16(*status).ok();
                let phrase = status.and_then(|status| status.canonical_reason());
                let number = status.map_or(0, |status| status.as_u16());
                format!("HTTP/1.1 {number} {}", phrase.unwrap_or_default())
            }
            _ => "the upstream's".to_owned(),
        };
        writeln!(f, "  response  {line}")?;
        if let Some(edits) = edits {
            write!(f, "{edits}")?;
        }
        for (name, value) in headers {
            let plus = if *from == Author::Upstream { "+ " } else { "" };
            writeln!(f, "    {plus}{name}: {}", escaped(value))?;
        }
        match upstream_cors_headers {
            Some(words) => writeln!(f, "    its own Access-Control-* {words}"),
            None => Ok(()),
        }
    }
}
