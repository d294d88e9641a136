//! Path templates as ESPv2's configuration manager reads them, and the order in which it writes their routes.

use std::collections::BTreeMap;

/// One operation's method and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// A method, or `*` for all.
    pub(super) method: String,
    pub(super) template: Template,
    /// Whether the operation has a backend of its own.
    pub(super) has_other_backend: bool,
}

/// A parsed path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// The template as the description has it.
    pub(super) text: String,
    segments: Vec<String>,
    verb: Option<String>,
}

/// Patterns by the segments of their templates. The verb is one more segment.
#[derive(Default)]
struct Trie {
    patterns: BTreeMap<String, Pattern>,
    children: BTreeMap<String, Trie>,
}

/// Returns the patterns in the order of their routes: on each level literals, then `*`, then `**`.
pub(super) fn sorted(patterns: Vec<Pattern>) -> Vec<Pattern> {
    let mut trie = Trie::default();
    for pattern in patterns {
        trie.insert(pattern);
    }
    let mut sorted = Vec::new();
    trie.collect(false, &mut sorted);
    sorted
}

// === impl Template ===

impl Template {
    pub(super) fn parse(text: &str) -> Self {
        // A variable stands for its segments: `{x}` for `*`, `{x=a/*}` for `a/*`.
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (variable, behind) = behind.split_once('}').expect("a whole variable");
            let (_name, segments) = variable.split_once('=').unwrap_or((variable, "*"));
            plain = plain + before + segments;
            rest = behind;
        }
        plain += rest;
        let path = plain.strip_prefix('/').expect("a template begins with `/`");
        let (path, verb) = match path.rsplit_once(':') {
            Some((path, verb)) => (path, Some(verb.to_owned())),
            None => (path, None),
        };
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        Self {
            text: text.to_owned(),
            segments: segments.map(str::to_owned).collect(),
            verb,
        }
    }

    fn is_exact(&self) -> bool {
        self.segments.iter().all(|s| s != "*" && s != "**")
    }

    /// Returns the exact paths that the template matches, with and without a slash at the end; `None` if it has
    /// wildcards.
    pub(super) fn paths(&self) -> Option<Vec<String>> {
        if !self.is_exact() {
            return None;
        }
        if self.segments.is_empty() {
            return Some(vec!["/".to_owned()]);
        }
        let path = format!("/{}", self.segments.join("/"));
        let verb = self.verb.iter().map(|verb| format!(":{verb}"));
        let verb: String = verb.collect();
        Some(vec![format!("{path}{verb}"), format!("{path}/{verb}")])
    }

    /// Returns the regular expression for the paths of the template.
    pub(super) fn regex(&self, without_colons: bool) -> String {
        let (one, rest) = match without_colons {
            true => (r"[^\/:]+", "[^:]*"),
            false => (r"[^\/]+", ".*"),
        };
        let segments = self.segments.iter().map(|segment| match segment.as_str() {
            "*" => format!("/{one}"),
            "**" => format!("/{rest}"),
            literal => format!("/{}", escaped(literal)),
        });
        let segments: String = segments.collect();
        let verb = self.verb.iter().map(|verb| format!(":{verb}"));
        let verb: String = verb.collect();
        format!(r"^{segments}\/?{verb}$")
    }
}

// === impl Trie ===

impl Trie {
    fn insert(&mut self, pattern: Pattern) {
        let template = &pattern.template;
        let parts = template.segments.iter().chain(&template.verb);
        let node = parts.fold(self, |node, part| {
            node.children.entry(part.clone()).or_default()
        });
        let text = format!("{} {}", pattern.method, pattern.template.text);
        let old = node.patterns.insert(pattern.method.clone(), pattern);
        assert!(old.is_none(), "{text} is declared twice");
    }

    /// Appends the patterns. Those of a node come before its children's, but for `**`, which matches what its
    /// children match, too.
    fn collect(&self, is_double: bool, sorted: &mut Vec<Pattern>) {
        // `*` sorts before letters, and is for what no other method takes.
        let (all, one): (Vec<_>, Vec<_>) = self.patterns.values().partition(|p| p.method == "*");
        let own = one.into_iter().chain(all).cloned();
        if !is_double {
            sorted.extend(own.clone());
        }
        let is_literal = |name: &str| name != "*" && name != "**";
        let literals = self.children.iter();
        for (_, child) in literals.filter(|(name, _)| is_literal(name)) {
            child.collect(false, sorted);
        }
        for name in ["*", "**"] {
            if let Some(child) = self.children.get(name) {
                child.collect(name == "**", sorted);
            }
        }
        if is_double {
            sorted.extend(own);
        }
    }
}

/// Escapes the characters that mean something in a regular expression.
fn escaped(literal: &str) -> String {
    let escaped = |c: char| match r"\.+*?()|[]{}^$".contains(c) {
        true => format!("\\{c}"),
        false => c.to_string(),
    };
    literal.chars().map(escaped).collect()
}
