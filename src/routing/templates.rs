//! The look-up of templates: a tree with one level per segment. At each node a literal segment is
//! followed before `*`, and that before `**`, as google.api.http's matchers do.
//!
//! A path may have to be followed along several branches, one after the other: where the text after a
//! literal segment does not match, that after `*` may. Every template with `*` where another has a literal
//! segment can double their number. [`Templates::ways`] bounds it, and the configuration refuses
//! templates with too many.

use super::segment_tree::SegmentTree;
use super::template::Template;

/// Templates without a verb, or with the same one.
#[derive(Debug, Default)]
pub(super) struct Templates {
    tree: SegmentTree<Ends>,
}

/// The templates that end at one node.
#[derive(Debug, Default)]
struct Ends {
    /// The place of the template that ends here.
    end: Option<usize>,
    /// The place of the template that goes on with `**`.
    rest: Option<usize>,
}

// === impl Templates ===

impl Templates {
    pub(super) const ROOT: u32 = SegmentTree::<Ends>::ROOT;

    /// Returns the place of a template; it is `next` if the template is new.
    pub(super) fn place(&mut self, template: &Template, next: usize) -> usize {
        let ends = self.tree.enter(&template.segments);
        let place = match template.has_rest {
            true => &mut ends.rest,
            false => &mut ends.end,
        };
        *place.get_or_insert(next)
    }

    pub(super) fn has_any(&self, node: u32) -> bool {
        self.tree.node(node).any.is_some()
    }

    /// Returns the node behind the literal segment that begins with the slash at `at`, and the end of it.
    pub(super) fn literal(&self, node: u32, path: &[u8], at: usize) -> Option<(u32, usize)> {
        let literals = &self.tree.node(node).literals;
        if literals.is_empty() {
            return None;
        }
        let segment = segment(path, at)?;
        let child = literals.get(segment)?;
        Some((*child, at + 1 + segment.len()))
    }

    /// Returns the node behind `*`, and the end of the segment that begins with the slash at `at`.
    fn any(&self, node: u32, path: &[u8], at: usize) -> Option<(u32, usize)> {
        let child = self.tree.node(node).any?;
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
        let Ends { end, rest } = &self.tree.node(node).ends;
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
        self.tree.ways(|_| 0)
    }

    /// Returns all places.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let ends = self.tree.ends();
        ends.flat_map(|ends| ends.end.into_iter().chain(ends.rest))
    }
}

/// Returns the segment that begins with the slash at `at`.
fn segment(path: &[u8], at: usize) -> Option<&[u8]> {
    path.get(at + 1..)?.split(|&byte| byte == b'/').next()
}
