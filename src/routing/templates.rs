//! The look-up of templates: a tree with one level per segment. At each node a literal segment is
//! followed before `*`, and that before `**`, as google.api.http's matchers do.
//!
//! A path may have to be followed along several branches, one after the other: where the text after a
//! literal segment does not match, that after `*` may. Every template with `*` where another has a literal
//! segment can double their number. [`Templates::ways`] bounds it, and the configuration refuses
//! templates with too many.

use super::router::Table;
use super::template::{Segment, Template};

/// Templates without a verb, or with the same one.
#[derive(Debug)]
pub(super) struct Templates {
    /// The first node is the root.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    literals: Table<u32>,
    /// The node behind `*`. The root is behind nothing.
    any: Option<u32>,
    /// The place of the template that ends here.
    end: Option<usize>,
    /// The place of the template that goes on with `**`.
    rest: Option<usize>,
}

// === impl Templates ===

impl Default for Templates {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl Templates {
    pub(super) const ROOT: u32 = 0;

    /// Returns the place of a template; it is `next` if the template is new.
    pub(super) fn place(&mut self, template: &Template, next: usize) -> usize {
        let mut at = Self::ROOT;
        for segment in &template.segments {
            // There are never as many nodes as `u32` has numbers.
            let new = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
            let node = &mut self.nodes[at as usize];
            at = match segment {
                Segment::Any => *node.any.get_or_insert(new),
                Segment::Literal(text) => {
                    let child = node.literals.entry(text.as_bytes().into());
                    *child.or_insert(new)
                }
            };
            if at == new {
                self.nodes.push(Node::default());
            }
        }
        let node = &mut self.nodes[at as usize];
        let place = match template.has_rest {
            true => &mut node.rest,
            false => &mut node.end,
        };
        *place.get_or_insert(next)
    }

    pub(super) fn has_any(&self, node: u32) -> bool {
        self.nodes[node as usize].any.is_some()
    }

    /// Returns the node behind the literal segment that begins with the slash at `at`, and the end of it.
    pub(super) fn literal(&self, node: u32, path: &[u8], at: usize) -> Option<(u32, usize)> {
        let literals = &self.nodes[node as usize].literals;
        if literals.is_empty() {
            return None;
        }
        let segment = segment(path, at)?;
        let child = literals.get(segment)?;
        Some((*child, at + 1 + segment.len()))
    }

    /// Returns the node behind `*`, and the end of the segment that begins with the slash at `at`.
    fn any(&self, node: u32, path: &[u8], at: usize) -> Option<(u32, usize)> {
        let child = self.nodes[node as usize].any?;
        let segment = segment(path, at)?;
        (!segment.is_empty()).then_some((child, at + 1 + segment.len()))
    }

    /// Visits the places below a node, for the path from `at` on, until `visit` returns something.
    pub(super) fn walk<T>(
        &self,
        node: u32,
        path: &[u8],
        at: usize,
        visit: &mut impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        let Node { end, rest, .. } = &self.nodes[node as usize];
        if at == path.len() {
            // `**` may be nothing at all.
            return end.and_then(&mut *visit).or_else(|| rest.and_then(visit));
        }
        if let Some((child, at)) = self.literal(node, path, at)
            && let Some(found) = self.walk(child, path, at, visit)
        {
            return Some(found);
        }
        self.walk_any(node, path, at, visit)
            .or_else(|| rest.and_then(visit))
    }

    /// Does the same for the places behind the node's `*`.
    pub(super) fn walk_any<T>(
        &self,
        node: u32,
        path: &[u8],
        at: usize,
        visit: &mut impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        let (child, at) = self.any(node, path, at)?;
        self.walk(child, path, at, visit)
    }

    /// Returns the number of branches that one path can be followed along, at most: no path has more,
    /// though all may have fewer.
    pub(super) fn ways(&self) -> usize {
        self.ways_from(Self::ROOT)
    }

    fn ways_from(&self, node: u32) -> usize {
        let Node { literals, any, .. } = &self.nodes[node as usize];
        let literals = literals.values().map(|child| self.ways_from(*child));
        let any = any.map_or(0, |child| self.ways_from(child));
        literals.max().unwrap_or(0).saturating_add(any).max(1)
    }

    /// Returns all places.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.nodes
            .iter()
            .flat_map(|node| node.end.into_iter().chain(node.rest))
    }
}

/// Returns the segment that begins with the slash at `at`.
fn segment(path: &[u8], at: usize) -> Option<&[u8]> {
    path.get(at + 1..)?.split(|&byte| byte == b'/').next()
}
