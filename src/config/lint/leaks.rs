//! A scanner's probes against a policy's compiled patterns: what an attacker could have in place of
//! what the patterns themselves say they want.
//!
//! A plain pattern matches what it says and nothing else, so that it is never probed for leaks; what
//! is dangerous about it, it says openly, and that is a note. A regex that matches more than it seems
//! to is a warning. Of a hundred thousand plain patterns none is looked at twice, and few are probed.

use crate::config::compile::Compiler;
use crate::config::compile::origins::Source;
use crate::config::error::{Diagnostic, Severity};
use crate::cors::{
    Dangers, Origin, OriginMatcher, OriginPattern, PatternRef, PolicySpec, PortPattern, Probe,
    ProbeKind, RegexPattern, UNRELATED_ORIGINS, probes, registrable_domain,
};
use std::collections::{HashMap, HashSet};

/// Patterns that may let a probe through.
#[derive(Debug)]
pub(in crate::config) struct Suspects {
    suspects: Vec<Suspect>,
    /// Origins that plain patterns trust, to derive probes from for the regexes beside them.
    trusted: Vec<String>,
    credentials: bool,
    dangers: Dangers,
}

#[derive(Debug)]
struct Suspect {
    pattern: OriginPattern,
    source: Source,
}

/// So many plain patterns are suspects. A note on each of them would say nothing more.
const MAX_PLAIN: usize = 64;
/// So many trusted origins are derived from plain patterns, and so many from all regexes together.
const MAX_TRUSTED: usize = 16;
const MAX_EXAMPLES: usize = 2048;
/// So many probes are named in one message; where there are more, each is of another kind. The
/// diagnostic has all of them.
const MAX_NAMED: usize = 3;
/// A port that nobody writes into a pattern.
const ANY_PORT: &str = "49151";

/// What was found: by suspect, every probe that it lets through.
type Leaks = Vec<Vec<Probe>>;

/// What is to be said of a suspect.
struct Verdict {
    severity: Severity,
    message: String,
    hint: &'static str,
    /// The probes that it is about.
    probes: Vec<Probe>,
}

// === impl Suspects ===

impl Suspects {
    pub(in crate::config) fn of(spec: &PolicySpec, sources: &[Source]) -> Self {
        let is_regex = |pattern: &OriginPattern| matches!(pattern, OriginPattern::Regex(_));
        let has_regex = spec.origins.iter().any(is_regex);
        let mut suspects = Vec::new();
        let mut trusted = Vec::new();
        let mut plain = 0;
        for (pattern, source) in spec.origins.iter().zip(sources) {
            if is_suspect(pattern) && (is_regex(pattern) || plain < MAX_PLAIN) {
                plain += usize::from(!is_regex(pattern));
                suspects.push(Suspect {
                    pattern: pattern.clone(),
                    source: source.clone(),
                });
            }
            if has_regex && trusted.len() < MAX_TRUSTED {
                trusted.extend(pattern.examples().into_iter().next());
            }
        }
        Self {
            suspects,
            trusted,
            credentials: spec.credentials,
            dangers: spec.dangers,
        }
    }

    /// Probes the patterns of a policy, and reports what lets them through. Of a policy that is wrong
    /// in another way there is no matcher: its regexes are asked by themselves.
    pub(in crate::config) fn probe(
        &self,
        compiler: &mut Compiler<'_>,
        matcher: Option<&OriginMatcher>,
    ) {
        let leaks = self.leaks(matcher);
        for (suspect, leaks) in self.suspects.iter().zip(&leaks) {
            let Some(verdict) = self.verdict(suspect, leaks) else {
                continue;
            };
            let Verdict {
                severity,
                message,
                hint,
                probes,
            } = verdict;
            let hint = Some(hint.to_owned());
            let diagnostic = suspect.source.diagnostic(compiler.file(), message, hint);
            compiler.push(Diagnostic {
                severity,
                probes,
                ..diagnostic
            });
        }
    }

    fn leaks(&self, matcher: Option<&OriginMatcher>) -> Leaks {
        let mut leaks: Leaks = vec![Vec::new(); self.suspects.len()];
        // The same probe is derived in several ways.
        let mut known: Vec<HashSet<Probe>> = vec![HashSet::new(); self.suspects.len()];
        if self.suspects.is_empty() {
            return leaks;
        }
        let by_text: HashMap<(bool, String), usize> = self
            .suspects
            .iter()
            .enumerate()
            .map(|(index, suspect)| (suspect.key(), index))
            .collect();
        let found = |origin: &str| {
            let matcher = matcher?;
            let id = matcher.find(origin.as_bytes()).ok().flatten()?;
            let key = match matcher.pattern(id) {
                PatternRef::Text(text) => (false, text.to_owned()),
                PatternRef::Regex(text) => (true, text.to_owned()),
            };
            by_text.get(&key).copied()
        };
        let examples = self.examples(matcher);
        let trusted = examples.iter().flatten().chain(&self.trusted);
        let domains: HashSet<&str> = trusted.filter_map(|t| registrable_domain(t)).collect();
        // A name below a domain that the policy trusts is its owner's.
        let is_foreign = |probe: &Probe| {
            registrable_domain(&probe.origin).is_none_or(|domain| !domains.contains(domain))
                || !is_of_a_name(probe.kind)
        };
        let mut take = |own: Option<usize>, probe: Probe| {
            if Origin::parse(probe.origin.as_bytes()).is_err() {
                return;
            }
            // What the regex itself matches is its own doing, whichever pattern is asked first.
            let itself = own.filter(|own| self.suspects[*own].matches(&probe.origin));
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
            let regex = match &suspect.pattern {
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

    /// By suspect, origins that it trusts, or whose https twin the policy does.
    fn examples(&self, matcher: Option<&OriginMatcher>) -> Vec<Vec<String>> {
        let most = (MAX_EXAMPLES / self.suspects.len().max(1)).clamp(1, MAX_TRUSTED);
        let of = |suspect: &Suspect| match &suspect.pattern {
            OriginPattern::Regex(regex) => {
                // An example over http says less than its twin does, where both are matched.
                let secure = |example: String| match https_twin(&example) {
                    Some(twin) if regex.is_match(&twin) => twin,
                    _ => example,
                };
                regex.examples(most).into_iter().map(secure).collect()
            }
            OriginPattern::Tuple(_) => {
                let own = suspect.pattern.examples().into_iter().next();
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
            OriginPattern::Any | OriginPattern::Null => Vec::new(),
        };
        self.suspects.iter().map(of).collect()
    }

    /// What is to be said of a pattern that let these probes through.
    fn verdict(&self, suspect: &Suspect, leaks: &[Probe]) -> Option<Verdict> {
        let text = suspect.pattern.text();
        let first_of = |kind: ProbeKind| leaks.iter().find(|probe| probe.kind == kind);
        let note_on = |probes: Vec<Probe>, message: String, hint| {
            Some(Verdict {
                severity: Severity::Note,
                message,
                hint,
                probes,
            })
        };
        let note = |kind: ProbeKind, message: String, hint| {
            note_on(each_once(leaks, |probe| probe.kind == kind), message, hint)
        };
        // Where a dangerously_ key permits it, a warning says so already.
        let Dangers {
            any_origin_with_credentials,
            null_with_credentials,
            insecure_origins,
            public_suffix_wildcards: _,
        } = self.dangers;
        let is_said = |key: bool| self.credentials && key;
        match &suspect.pattern {
            OriginPattern::Any if is_said(any_origin_with_credentials) => None,
            OriginPattern::Any => {
                leaks.first()?;
                let hint = "list the origins, unless the responses are for everyone";
                let message = format!("`{text}` lets any site read the responses");
                note_on(each_once(leaks, |_| true), message, hint)
            }
            OriginPattern::Null if is_said(null_with_credentials) => None,
            OriginPattern::Null => {
                first_of(ProbeKind::Null)?;
                let message = format!(
                    "any site can have the origin `{text}`, by a sandboxed frame, and read the responses"
                );
                note(
                    ProbeKind::Null,
                    message,
                    "remove it, unless pages without an origin need it",
                )
            }
            OriginPattern::Tuple(tuple) => {
                let insecure = first_of(ProbeKind::Insecure).filter(|_| tuple.scheme() == "http");
                if let Some(probe) = insecure.filter(|_| !is_said(insecure_origins)) {
                    let message = format!(
                        "`{text}` is allowed beside its https twin: whoever is on the network's path \
                         can be `{}` and read the responses",
                        probe.origin
                    );
                    return note(
                        ProbeKind::Insecure,
                        message,
                        "remove it, if http only redirects to https",
                    );
                }
                first_of(ProbeKind::Port).filter(|_| tuple.port() == PortPattern::Any)?;
                let message =
                    format!("`{text}` allows whatever is served from any port of that host");
                note(
                    ProbeKind::Port,
                    message,
                    "name the ports, if they are known",
                )
            }
            OriginPattern::Regex(regex) => {
                let unmeant = each_once(leaks, is_unmeant);
                if !unmeant.is_empty() {
                    return Some(Verdict {
                        severity: Severity::Warning,
                        message: format!("`{text}` also matches {}", named(&unmeant)),
                        hint: "say what may stand where, and write each `.` of a name as `\\.`",
                        probes: unmeant,
                    });
                }
                let is_public = |probe: &&Probe| !is_loopback(&probe.origin);
                let insecure = first_of(ProbeKind::Insecure).filter(is_public);
                if let Some(probe) = insecure.filter(|_| !is_said(insecure_origins)) {
                    let message = format!(
                        "`{text}` also matches `{}`: whoever is on the network's path can read the \
                         responses",
                        probe.origin
                    );
                    return note(
                        ProbeKind::Insecure,
                        message,
                        "write `https` alone, if http only redirects to it",
                    );
                }
                let port = first_of(ProbeKind::Port).filter(is_public)?;
                let host = port.origin.rsplit_once(':').map_or("", |(host, _)| host);
                let origin = format!("{host}:{ANY_PORT}");
                regex.is_match(&origin).then_some(())?;
                let message =
                    format!("`{text}` allows whatever is served from any port, such as `{origin}`");
                note(
                    ProbeKind::Port,
                    message,
                    "name the ports, if they are known",
                )
            }
        }
    }
}

// === impl Suspect ===

impl Suspect {
    fn key(&self) -> (bool, String) {
        let is_regex = matches!(self.pattern, OriginPattern::Regex(_));
        (is_regex, self.pattern.text())
    }

    /// Whether this pattern alone matches `origin`, where that costs less than to ask all of them.
    fn matches(&self, origin: &str) -> bool {
        match &self.pattern {
            OriginPattern::Regex(regex) => origin != "null" && regex.is_match(origin),
            _ => false,
        }
    }
}

/// Whether the pattern may let a probe through. An exact `https:` origin is what it says.
fn is_suspect(pattern: &OriginPattern) -> bool {
    match pattern {
        OriginPattern::Any | OriginPattern::Null | OriginPattern::Regex(_) => true,
        OriginPattern::Tuple(tuple) => {
            (tuple.scheme() == "http" || tuple.port() == PortPattern::Any) && !tuple.is_loopback()
        }
    }
}

fn https_twin(origin: &str) -> Option<String> {
    let rest = origin.strip_prefix("http://")?;
    Some(format!("https://{rest}"))
}

fn is_loopback(origin: &str) -> bool {
    matches!(OriginPattern::parse(origin), Ok(OriginPattern::Tuple(tuple)) if tuple.is_loopback())
}

/// The kinds that try another registrable domain's name.
fn is_of_a_name(kind: ProbeKind) -> bool {
    matches!(
        kind,
        ProbeKind::Suffix | ProbeKind::Truncated | ProbeKind::UnescapedDot | ProbeKind::LookAlike
    )
}

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

/// What can stand behind the literals that a regex starts with, and before those that it ends with.
fn of_literals(regex: &RegexPattern) -> impl Iterator<Item = Probe> {
    let extended = regex.literal_starts().into_iter().flat_map(|start| {
        [".evil.test", "evil.test", "-evil.test"].map(|end| Probe {
            kind: ProbeKind::Prefix,
            origin: format!("{start}{end}"),
        })
    });
    let prefixed = regex.literal_ends().into_iter().flat_map(|end| {
        // `.example.com` at the end is what a subdomain has; `example.com` and `-example.com` are
        // what a look-alike has as well.
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

/// Whether the regex says openly that the name which somebody has registered may be any.
fn takes_any_name(regex: &RegexPattern, example: &str) -> bool {
    registrable_domain(example).is_some_and(|domain| {
        let other = match domain.split_once('.') {
            Some((_, rest)) => format!("zq7.{rest}"),
            None => "zq7".to_owned(),
        };
        regex.is_match(&example.replacen(domain, &other, 1))
    })
}

/// Those of the probes, each origin once: it may be of several kinds.
fn each_once(probes: &[Probe], is_wanted: impl Fn(&Probe) -> bool) -> Vec<Probe> {
    let mut origins = HashSet::new();
    let wanted = probes.iter().filter(|probe| is_wanted(probe));
    let each_once = wanted.filter(|probe| origins.insert(&probe.origin));
    each_once.cloned().collect()
}

/// Whether nobody can have meant to let the probe through.
fn is_unmeant(probe: &Probe) -> bool {
    use ProbeKind as K;
    !matches!(
        probe.kind,
        K::Insecure | K::Port | K::TrailingDot | K::Subdomain
    )
}

/// Some of the probes with what they are, and how many there are beside them.
fn named(probes: &[Probe]) -> String {
    let mut kinds = HashSet::new();
    let named: Vec<&Probe> = match probes.iter().find(|p| p.kind == ProbeKind::Reflected) {
        // It says all.
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
