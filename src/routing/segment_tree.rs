//! A tree with one level per segment of templates: literal segments, and `*`.

use super::router::Table;
use super::template::Segment;

/// The beginnings of templates, each with what there is at its end.
#[derive(Debug)]
pub(super) struct SegmentTree<T> {
    /// The first node is the root.
    nodes: Vec<Node<T>>,
}

/// A beginning of templates.
#[derive(Debug, Default)]
pub(super) struct Node<T> {
    pub literals: Table<u32>,
    /// The node behind `*`. The root is behind nothing.
    pub any: Option<u32>,
    pub ends: T,
}

// === impl SegmentTree ===

impl<T: Default> Default for SegmentTree<T> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl<T> SegmentTree<T> {
    pub(super) const ROOT: u32 = 0;

    pub(super) fn node(&self, node: u32) -> &Node<T> {
        &self.nodes[node as usize]
    }

    /// Returns what there is at the ends, of all nodes.
    pub(super) fn ends(&self) -> impl Iterator<Item = &T> {
        self.nodes.iter().map(|node| &node.ends)
    }

    /// Returns the number of branches that one path can be followed along, at most. `more` says how many there
    /// are behind an end.
    pub(super) fn ways(&self, more: impl Fn(&T) -> usize) -> usize {
        self.ways_from(Self::ROOT, &more)
    }

    fn ways_from(&self, node: u32, more: &impl Fn(&T) -> usize) -> usize {
        let Node {
            literals,
            any,
            ends,
        } = self.node(node);
        let literals = literals.values().map(|child| self.ways_from(*child, more));
        let any = any.map_or(0, |child| self.ways_from(child, more));
        let ways = literals.max().unwrap_or(0).saturating_add(any);
        ways.saturating_add(more(ends)).max(1)
    }
}

impl<T: Default> SegmentTree<T> {
    /// Returns what there is at the end of the segments, which the tree has from now on.
    pub(super) fn enter(&mut self, segments: &[Segment]) -> &mut T {
        let mut at = Self::ROOT;
        for segment in segments {
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
        &mut self.nodes[at as usize].ends
    }
}
