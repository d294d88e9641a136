//! The paths of one host's routes, and the look-up of those that a request's path matches. An exact path
//! comes first, then the templates with a verb, then all other templates and prefixes: from the left, a
//! literal segment is more specific than `*`, and that more than `**`. A prefix is literal segments
//! before a `**`.
//!
//! Templates in ESPv2's syntax have ESPv2's order, with and without a verb; see `espv2_templates`. There too, a
//! prefix is literal segments before a `**`, and comes behind the templates that have that.

use super::espv2_templates::Espv2Templates;
use super::matches::PathMatch;
use super::router::Table;
use super::template::MAX_SEGMENTS;
use super::templates::Templates;

/// The paths that the routes of a host have, and the places of these routes.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pub exact: Table<usize>,
    pub prefixes: Table<usize>,
    /// Templates without a verb; `None` if there are none, as in most configurations.
    templates: Option<Templates>,
    verbs: Table<Templates>,
    /// Templates in ESPv2's syntax; `None` if there are none. Then there are no others.
    espv2: Option<Box<Espv2Templates>>,
    /// Bytes of the longest keys; no more of a path is ever hashed.
    longest_exact: usize,
    longest_prefix: usize,
    longest_verb: usize,
}

/// The nodes behind the literal segments at the beginning of a path, as far as `*` may stand behind
/// them: each with the number of bytes before it.
struct Spine {
    nodes: [(u32, usize); MAX_SEGMENTS],
    len: usize,
}

// === impl Paths ===

impl Paths {
    /// Returns the place of a path; it is `next` if the path is new.
    pub(super) fn place(&mut self, path: &PathMatch, next: usize) -> usize {
        let (table, longest, path) = match path {
            PathMatch::Exact(path) => (&mut self.exact, &mut self.longest_exact, path),
            PathMatch::Prefix(path) => (&mut self.prefixes, &mut self.longest_prefix, path),
            PathMatch::Template(template) => {
                let templates = match &template.verb {
                    None => self.templates.get_or_insert_default(),
                    Some(verb) => {
                        self.longest_verb = verb.len().max(self.longest_verb);
                        self.verbs.entry(verb.as_bytes().into()).or_default()
                    }
                };
                return templates.place(template, next);
            }
            PathMatch::Espv2(template) => {
                let new = || Box::new(Espv2Templates::new(template.has_colons));
                let templates = self.espv2.get_or_insert_with(new);
                return templates.place(template, next);
            }
        };
        *longest = path.len().max(*longest);
        *table.entry(path.as_bytes().into()).or_insert(next)
    }

    /// Prepares the look-up, when all paths have their places.
    pub(super) fn seal(&mut self) {
        if let Some(templates) = &mut self.espv2 {
            templates.seal();
        }
    }

    pub(super) fn has_templates(&self) -> bool {
        self.templates.is_some() || !self.verbs.is_empty() || self.espv2.is_some()
    }

    /// Returns all places.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let templates = self.templates.iter().chain(self.verbs.values());
        let texts = self.exact.values().chain(self.prefixes.values()).copied();
        let espv2 = self.espv2.iter().flat_map(|templates| templates.places());
        texts
            .chain(templates.flat_map(Templates::places))
            .chain(espv2)
    }

    /// Returns the number of branches of templates that one path can be followed along, at most.
    pub(super) fn ways(&self) -> usize {
        let templates = self.templates.iter().chain(self.verbs.values());
        let espv2 = self.espv2.iter().map(|templates| templates.ways());
        templates
            .map(Templates::ways)
            .chain(espv2)
            .max()
            .unwrap_or(0)
    }

    /// Visits the places of a path, the most specific first, until `visit` returns something.
    pub(super) fn walk<T>(
        &self,
        path: &[u8],
        mut visit: impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        if path.len() <= self.longest_exact
            && let Some(found) = self.exact.get(path).and_then(|&place| visit(place))
        {
            return Some(found);
        }
        if let Some(templates) = &self.espv2 {
            let path_and_verb = templates.path(path);
            let mut spine = templates.spine(&path_and_verb);
            return self.walk_prefixes(path, visit, |end, visit| {
                spine.walk(end, templates, &path_and_verb, visit)
            });
        }
        if let Some((templates, before)) = self.with_verb(path)
            && let Some(found) = templates.walk(Templates::ROOT, before, 0, &mut visit)
        {
            return Some(found);
        }
        match &self.templates {
            None => self.walk_prefixes(path, visit, |_, _| None),
            Some(templates) => {
                let mut spine = Spine::of(templates, path);
                self.walk_prefixes(path, visit, |end, visit| {
                    while let Some((node, at)) = spine.pop(end) {
                        if let Some(found) = templates.walk_any(node, path, at, visit) {
                            return Some(found);
                        }
                    }
                    None
                })
            }
        }
    }

    /// Visits the places of the prefixes of a path. Calls `before` before a prefix of `end` bytes is looked
    /// up; the last call is for the empty prefix, if the path begins with a slash.
    fn walk_prefixes<T, V: FnMut(usize) -> Option<T>>(
        &self,
        path: &[u8],
        mut visit: V,
        mut before: impl FnMut(usize, &mut V) -> Option<T>,
    ) -> Option<T> {
        // Prefixes are whole segments: one look-up per slash, longest first, the empty prefix last.
        // A path may have thousands of slashes; those behind the longest prefix are skipped.
        let mut end = path.len();
        if end > self.longest_prefix {
            let reach = &path[..=self.longest_prefix];
            end = reach.iter().rposition(|&byte| byte == b'/')?;
        }
        loop {
            let prefix = &path[..end];
            if let Some(found) = before(end, &mut visit) {
                return Some(found);
            }
            if let Some(found) = self.prefixes.get(prefix).and_then(|&place| visit(place)) {
                return Some(found);
            }
            end = prefix.iter().rposition(|&byte| byte == b'/')?;
        }
    }

    /// Splits off a verb that some template has. Returns its templates, and the path before it.
    fn with_verb<'p>(&self, path: &'p [u8]) -> Option<(&Templates, &'p [u8])> {
        if self.verbs.is_empty() || !path.starts_with(b"/") {
            return None;
        }
        let start = path.len().saturating_sub(self.longest_verb + 1);
        let end = &path[start..];
        let at = end.iter().rposition(|&byte| byte == b':')?;
        let templates = self.verbs.get(&end[at + 1..])?;
        Some((templates, &path[..start + at]))
    }
}

// === impl Spine ===

impl Spine {
    fn of(templates: &Templates, path: &[u8]) -> Self {
        let mut spine = Self {
            nodes: [(0, 0); MAX_SEGMENTS],
            len: 0,
        };
        if !path.starts_with(b"/") {
            return spine;
        }
        let mut next = Some((Templates::ROOT, 0));
        while let Some((node, at)) = next {
            // A node with `*` behind it is not the last of a template, so that there is room for it.
            if templates.has_any(node)
                && let Some(slot) = spine.nodes.get_mut(spine.len)
            {
                *slot = (node, at);
                spine.len += 1;
            }
            next = templates.literal(node, path, at);
        }
        spine
    }

    /// Takes the last node off, if there are at least `end` bytes before it.
    fn pop(&mut self, end: usize) -> Option<(u32, usize)> {
        let last = self.nodes.get(self.len.checked_sub(1)?)?;
        if last.1 < end {
            return None;
        }
        self.len -= 1;
        Some(*last)
    }
}
