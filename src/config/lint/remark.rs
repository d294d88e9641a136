//! The remark on a pattern that lets a scanner's probes through.
//!
//! A regex that matches more than it seems to deserves a warning. A danger that a pattern states
//! openly deserves a note.

use crate::config::error::{Problem, Severity};
use crate::cors::{
    Dangers, OriginPattern, PortPattern, Probe, ProbeKind, RegexPattern, TuplePattern,
};
use std::collections::HashSet;

/// A warning or a note on a pattern.
pub(super) struct Remark {
    pub severity: Severity,
    pub problem: Problem,
    /// The probes that it is about.
    pub probes: Vec<Probe>,
}

/// Maximum number of probes named in one message. If there are more, each one named is of another
/// kind; the diagnostic has all of them.
const MAX_NAMED: usize = 3;

/// A port that no operator writes into a pattern.
const ANY_PORT: &str = "49151";

// === impl Remark ===

impl Remark {
    /// Remarks on a pattern that let `leaks` through; `None` if there is nothing to say. A danger
    /// that one of the `dangerously_…` keys permits is left out, because a warning names the key
    /// already.
    pub(super) fn on(
        pattern: &OriginPattern,
        leaks: &[Probe],
        credentials: bool,
        dangers: Dangers,
    ) -> Option<Self> {
        let Dangers {
            any_origin_with_credentials,
            null_with_credentials,
            insecure_origins,
            app_schemes: _,
            public_suffix_wildcards: _,
        } = dangers;
        let is_permitted = |key: bool| credentials && key;
        match pattern {
            OriginPattern::Any if is_permitted(any_origin_with_credentials) => None,
            OriginPattern::Any => on_any(leaks),
            OriginPattern::Null if is_permitted(null_with_credentials) => None,
            OriginPattern::Null => on_null(leaks),
            OriginPattern::Tuple(tuple) => on_tuple(
                tuple,
                &pattern.text(),
                leaks,
                is_permitted(insecure_origins),
            ),
            OriginPattern::Literal(_) => None,
            OriginPattern::Regex(regex) => on_regex(regex, leaks, is_permitted(insecure_origins)),
        }
    }

    fn note(probes: Vec<Probe>, message: String, hint: &str) -> Option<Self> {
        Some(Self {
            severity: Severity::Note,
            problem: Problem::from(message).hint(hint),
            probes,
        })
    }
}

fn on_any(leaks: &[Probe]) -> Option<Remark> {
    leaks.first()?;
    let message = "`*` lets any site read the responses".to_owned();
    let hint = "list the origins, unless the responses are for everyone";
    Remark::note(each_once(leaks, |_| true), message, hint)
}

fn on_null(leaks: &[Probe]) -> Option<Remark> {
    let null = of_kind(leaks, ProbeKind::Null)?;
    let message =
        "any site can have the origin `null`, by a sandboxed frame, and read the responses"
            .to_owned();
    let hint = "remove it, unless pages without an origin need it";
    Remark::note(null, message, hint)
}

fn on_tuple(
    tuple: &TuplePattern,
    text: &str,
    leaks: &[Probe],
    insecure_is_permitted: bool,
) -> Option<Remark> {
    if tuple.scheme() == "http"
        && !insecure_is_permitted
        && let Some(insecure) = of_kind(leaks, ProbeKind::Insecure)
        && let Some(Probe { origin, .. }) = insecure.first()
    {
        let message = format!(
            "`{text}` is allowed beside its https twin: an attacker on the network's path can be \
             `{origin}` and read the responses"
        );
        return Remark::note(
            insecure,
            message,
            "remove it, if http only redirects to https",
        );
    }
    let ports = of_kind(leaks, ProbeKind::Port)?;
    (tuple.port() == PortPattern::Any).then_some(())?;
    let message = format!("`{text}` allows whatever is served from any port of that host");
    Remark::note(ports, message, "name the ports, if they are known")
}

fn on_regex(regex: &RegexPattern, leaks: &[Probe], insecure_is_permitted: bool) -> Option<Remark> {
    let text = regex.text();
    let unmeant = each_once(leaks, is_unmeant);
    if !unmeant.is_empty() {
        let message = format!("`{text}` also matches {}", named(&unmeant));
        let hint = "write only what may stand in each place, and each `.` of a name as `\\.`";
        return Some(Remark {
            severity: Severity::Warning,
            problem: Problem::from(message).hint(hint),
            probes: unmeant,
        });
    }
    if !insecure_is_permitted
        && let Some(insecure) = of_kind(leaks, ProbeKind::Insecure)
        && let Some(Probe { origin, .. }) = insecure.first()
        && !is_loopback(origin)
    {
        let message = format!(
            "`{text}` also matches `{origin}`: an attacker on the network's path can read the responses"
        );
        let hint = "write `https` alone, if http only redirects to it";
        return Remark::note(insecure, message, hint);
    }
    let ports = of_kind(leaks, ProbeKind::Port)?;
    let port = ports.first().filter(|probe| !is_loopback(&probe.origin))?;
    let host = port.origin.rsplit_once(':').map_or("", |(host, _)| host);
    let origin = format!("{host}:{ANY_PORT}");
    regex.is_match(&origin).then_some(())?;
    let message = format!("`{text}` allows whatever is served from any port, such as `{origin}`");
    Remark::note(ports, message, "name the ports, if they are known")
}

/// Returns the probes of this kind, each origin once; `None` if there are none.
fn of_kind(probes: &[Probe], kind: ProbeKind) -> Option<Vec<Probe>> {
    let found = each_once(probes, |probe| probe.kind == kind);
    (!found.is_empty()).then_some(found)
}

fn is_loopback(origin: &str) -> bool {
    matches!(OriginPattern::parse(origin), Ok(OriginPattern::Tuple(tuple)) if tuple.is_loopback())
}

/// Returns the probes that are wanted, each origin once: a probe may be of several kinds.
fn each_once(probes: &[Probe], is_wanted: impl Fn(&Probe) -> bool) -> Vec<Probe> {
    let mut origins = HashSet::new();
    let wanted = probes.iter().filter(|probe| is_wanted(probe));
    let each_once = wanted.filter(|probe| origins.insert(&probe.origin));
    each_once.cloned().collect()
}

/// Whether the operator can't have meant to let the probe through.
fn is_unmeant(probe: &Probe) -> bool {
    use ProbeKind as K;
    !matches!(
        probe.kind,
        K::Insecure | K::Port | K::TrailingDot | K::Subdomain
    )
}

/// Names some of the probes with their kinds, and says how many more there are.
fn named(probes: &[Probe]) -> String {
    let mut kinds = HashSet::new();
    let named: Vec<&Probe> = match probes.iter().find(|p| p.kind == ProbeKind::Reflected) {
        // A regex that matches an unrelated origin matches everything: one is enough.
        Some(any) => vec![any],
        None if probes.len() <= MAX_NAMED => probes.iter().collect(),
        None => {
            let one_of_each = probes.iter().filter(|probe| kinds.insert(probe.kind));
            one_of_each.take(MAX_NAMED).collect()
        }
    };
    let more = match probes.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more (`corsgate check --format json` names them)"),
    };
    let named = named.iter();
    let named: Vec<String> = named
        .map(|probe| format!("`{}` ({})", probe.origin, probe.kind.what()))
        .collect();
    named.join(", ") + &more
}
