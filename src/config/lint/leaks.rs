//! A scanner's probes against a policy's compiled patterns: origins that an attacker could have and
//! that look like those that the patterns are meant for.
//!
//! A plain pattern matches only what it says, so that it is not probed for look-alikes; a danger
//! that it states openly is a note. A regex that matches more than it seems to is a warning. Of a
//! hundred thousand plain patterns only a few are probed, and none is looked at twice.

use super::PolicyDraft;
use super::remark::Remark;
use crate::config::error::Severity;
use crate::config::report::{At, Report};
use crate::config::warning::WarningName;
use crate::cors::{
    Dangers, Origin, OriginMatcher, OriginPattern, PatternRef, PortPattern, Probe, ProbeKind,
    RegexPattern, UNRELATED_ORIGINS, probes, registrable_domain,
};
use std::collections::{HashMap, HashSet};

/// Patterns that may let a probe through.
#[derive(Debug)]
pub(in crate::config) struct Suspects {
    suspects: Vec<At<OriginPattern>>,
    /// Origins that plain patterns trust, to derive probes from for the regexes beside them.
    trusted: Vec<String>,
    credentials: bool,
    dangers: Dangers,
}

/// Maximum number of plain patterns that are suspects; a note on each further one would add
/// nothing.
const MAX_PLAIN: usize = 64;
/// Maximum number of trusted origins taken from plain patterns, and from one regex; more would only
/// take time.
const MAX_TRUSTED: usize = 16;
/// Maximum number of trusted origins taken from all suspects together; each of many gets fewer.
const MAX_EXAMPLES: usize = 2048;

/// The probes that each suspect lets through, in the order of the suspects.
type Leaks = Vec<Vec<Probe>>;

// === impl Suspects ===

impl Suspects {
    /// Chooses the patterns of `policy` that may let a probe through.
    pub(in crate::config) fn of(policy: &PolicyDraft<'_>) -> Self {
        let has_regex = policy.origins.iter().any(|origin| is_regex(&origin.value));
        let mut suspects = Vec::new();
        let mut trusted = Vec::new();
        let mut plain = 0;
        for origin in policy.origins {
            let pattern = &origin.value;
            if is_suspect(pattern) && (is_regex(pattern) || plain < MAX_PLAIN) {
                plain += usize::from(!is_regex(pattern));
                suspects.push(origin.clone());
            }
            if has_regex && trusted.len() < MAX_TRUSTED {
                trusted.extend(pattern.examples().into_iter().next());
            }
        }
        Self {
            suspects,
            trusted,
            credentials: policy.credentials,
            dangers: policy.dangers,
        }
    }

    /// Probes the patterns of a policy, and reports those that let probes through. A policy that is
    /// wrong in another way has no matcher: its regexes are asked by themselves.
    pub(in crate::config) fn probe(
        &self,
        report: &mut Report<'_>,
        matcher: Option<&OriginMatcher>,
    ) {
        let leaks = self.leaks(matcher);
        for (suspect, leaks) in self.suspects.iter().zip(&leaks) {
            let remark = Remark::on(&suspect.value, leaks, self.credentials, self.dangers);
            if let Some(Remark {
                severity,
                problem,
                probes,
            }) = remark
            {
                let at = &suspect.at;
                let finding = match severity {
                    Severity::Warning => report.warn(WarningName::RegexMatchesTooMuch, at, problem),
                    Severity::Error | Severity::Note => report.note(at, problem),
                };
                finding.probes(probes);
            }
        }
    }

    /// Finds, for each suspect, the probes that it lets through.
    fn leaks(&self, matcher: Option<&OriginMatcher>) -> Leaks {
        let mut leaks: Leaks = vec![Vec::new(); self.suspects.len()];
        // The same probe can be derived in several ways.
        let mut known: Vec<HashSet<Probe>> = vec![HashSet::new(); self.suspects.len()];
        if self.suspects.is_empty() {
            return leaks;
        }
        let by_text: HashMap<(bool, String), usize> = self
            .suspects
            .iter()
            .enumerate()
            .map(|(index, suspect)| (key(&suspect.value), index))
            .collect();
        let found = |origin: &str| {
            let matcher = matcher?;
            let id = matcher.find(origin.as_bytes()).ok().flatten()?;
            let key = match matcher.pattern(id) {
                PatternRef::Text(text) => (false, text.to_owned()),
                PatternRef::Regex(text) => (true, text.to_owned()),
                // No probe has the bytes of one; it is not a suspect.
                PatternRef::Literal(_) => return None,
            };
            by_text.get(&key).copied()
        };
        let examples = self.examples(matcher);
        let trusted = examples.iter().flatten().chain(&self.trusted);
        let domains: HashSet<&str> = trusted.filter_map(|t| registrable_domain(t)).collect();
        // A name below a domain that the policy trusts belongs to the domain's owner.
        let is_foreign = |probe: &Probe| {
            registrable_domain(&probe.origin).is_none_or(|domain| !domains.contains(domain))
                || !is_of_a_name(probe.kind)
        };
        let mut take = |own: Option<usize>, probe: Probe| {
            // Attackers can't register names in an app's scheme.
            match Origin::parse(probe.origin.as_bytes()) {
                Ok(Origin::Tuple(origin)) if origin.is_of_an_app() => return,
                Ok(_) => {}
                Err(_) => return,
            }
            // A probe that the regex itself matches is counted against it, even if another pattern
            // is asked first.
            let itself = own.filter(|own| matches(&self.suspects[*own].value, &probe.origin));
            if let Some(index) = itself.or_else(|| found(&probe.origin))
                && let (Some(leaks), Some(known)) = (leaks.get_mut(index), known.get_mut(index))
                && is_foreign(&probe)
                && known.insert(probe.clone())
            {
                leaks.push(probe);
            }
        };
        let unrelated = unrelated();
        for probe in unrelated.clone() {
            take(None, probe);
        }
        for origin in &self.trusted {
            for probe in probes(origin) {
                take(None, probe);
            }
        }
        for (index, (suspect, examples)) in self.suspects.iter().zip(&examples).enumerate() {
            let regex = match &suspect.value {
                OriginPattern::Regex(regex) => Some(regex),
                _ => None,
            };
            let literal = regex.into_iter().flat_map(|regex| {
                let probes = of_literals(regex).map(with_scheme);
                unrelated.iter().cloned().chain(probes)
            });
            let derived = examples.iter().flat_map(|example| {
                let open = regex.is_some_and(|regex| takes_any_name(regex, example));
                let probes = probes(example).into_iter();
                probes.filter(move |probe| !(open && is_of_a_name(probe.kind)))
            });
            for probe in literal.chain(derived) {
                take(Some(index), probe);
            }
        }
        leaks
    }

    /// Derives, for each suspect, origins that it trusts, or whose https twin the policy trusts.
    fn examples(&self, matcher: Option<&OriginMatcher>) -> Vec<Vec<String>> {
        let most = (MAX_EXAMPLES / self.suspects.len().max(1)).clamp(1, MAX_TRUSTED);
        let of = |suspect: &At<OriginPattern>| match &suspect.value {
            OriginPattern::Regex(regex) => {
                // If both are matched, the https twin says more than the http example.
                let secure = |example: String| match https_twin(&example) {
                    Some(twin) if regex.is_match(&twin) => twin,
                    _ => example,
                };
                regex.examples(most).into_iter().map(secure).collect()
            }
            OriginPattern::Tuple(_) => {
                let own = suspect.value.examples().into_iter().next();
                let is_trusted = |origin: &String| {
                    let found = matcher.map(|matcher| matcher.find(origin.as_bytes()));
                    matches!(found, Some(Ok(Some(_))))
                };
                let twin = own.as_ref().and_then(|own| own.strip_prefix("http://"));
                let twin = twin
                    .map(|rest| format!("https://{rest}"))
                    .filter(is_trusted);
                twin.into_iter().chain(own).collect()
            }
            OriginPattern::Any | OriginPattern::Null | OriginPattern::Literal(_) => Vec::new(),
        };
        self.suspects.iter().map(of).collect()
    }
}

/// Whether it is a regex, and its text: no two patterns of a policy have the same.
fn key(pattern: &OriginPattern) -> (bool, String) {
    (is_regex(pattern), pattern.text())
}

/// Whether this pattern alone matches `origin`, if that is cheaper to tell than by asking all of
/// them.
fn matches(pattern: &OriginPattern, origin: &str) -> bool {
    match pattern {
        OriginPattern::Regex(regex) => origin != "null" && regex.is_match(origin),
        _ => false,
    }
}

fn is_regex(pattern: &OriginPattern) -> bool {
    matches!(pattern, OriginPattern::Regex(_))
}

/// Whether the pattern may let a probe through. An exact `https:` origin can't.
fn is_suspect(pattern: &OriginPattern) -> bool {
    match pattern {
        OriginPattern::Any | OriginPattern::Null | OriginPattern::Regex(_) => true,
        OriginPattern::Literal(_) => false,
        OriginPattern::Tuple(tuple) => {
            (tuple.scheme() == "http" || tuple.port() == PortPattern::Any) && !tuple.is_loopback()
        }
    }
}

/// Returns the same origin over https.
fn https_twin(origin: &str) -> Option<String> {
    let rest = origin.strip_prefix("http://")?;
    Some(format!("https://{rest}"))
}

/// Whether probes of this kind have the name of another registrable domain.
fn is_of_a_name(kind: ProbeKind) -> bool {
    matches!(
        kind,
        ProbeKind::Suffix | ProbeKind::Truncated | ProbeKind::UnescapedDot | ProbeKind::LookAlike
    )
}

/// Makes the probes that are derived from no trusted origin.
fn unrelated() -> Vec<Probe> {
    let mut unrelated = probes("");
    let with_port = UNRELATED_ORIGINS.map(|origin| format!("{origin}:8443"));
    let more = with_port.into_iter().chain(["http://evil.test".to_owned()]);
    unrelated.extend(more.map(|origin| Probe {
        kind: ProbeKind::Reflected,
        origin,
    }));
    unrelated
}

/// Derives probes from the literals that a regex starts and ends with: names that continue the
/// former or end with the latter.
fn of_literals(regex: &RegexPattern) -> impl Iterator<Item = Probe> {
    let extended = regex.literal_starts().into_iter().flat_map(|start| {
        [".evil.test", "evil.test", "-evil.test"].map(|end| Probe {
            kind: ProbeKind::Prefix,
            origin: format!("{start}{end}"),
        })
    });
    let prefixed = regex.literal_ends().into_iter().flat_map(|end| {
        // Only subdomains end with `.example.com`; look-alikes can end with `example.com` and
        // `-example.com` as well.
        let starts = ["https://evil", "https://evil-"].into_iter();
        let starts = starts.filter(|_| !end.starts_with('.'));
        let probe = |start| Probe {
            kind: ProbeKind::Suffix,
            origin: format!("{start}{end}"),
        };
        starts.map(probe).collect::<Vec<_>>()
    });
    extended.chain(prefixed)
}

fn with_scheme(mut probe: Probe) -> Probe {
    if !probe.origin.contains("://") {
        probe.origin = format!("https://{}", probe.origin);
    }
    probe
}

/// Whether the regex states openly that the registered name may be any name.
fn takes_any_name(regex: &RegexPattern, example: &str) -> bool {
    registrable_domain(example).is_some_and(|domain| {
        let other = match domain.split_once('.') {
            Some((_, rest)) => format!("zq7.{rest}"),
            None => "zq7".to_owned(),
        };
        regex.is_match(&example.replacen(domain, &other, 1))
    })
}
