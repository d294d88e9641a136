//! The look-up of templates as ESPv2 reads them, in the order in which ESPv2 tries them: that of a tree with one
//! level per segment, in which a verb is one more literal segment. A template comes before those that go on
//! behind it; then follow literal segments, `*` and `**`. Only behind `**` are the longer ones first, and
//! among them literal segments go by the order of their bytes.
//!
//! The segments before `**` are followed from the left, as in `templates`. Those behind it are the end of a path,
//! and are followed from the right, in a tree of their own for each `**`. [`Espv2Templates::ways`] counts both
//! kinds, so that a look-up reads a path no more often than there are ways.

use super::espv2_template::Espv2Template;
use super::router::Table;
use super::segment_tree::SegmentTree;
use super::template::MAX_SEGMENTS;
use arrayvec::ArrayVec;
use std::collections::BTreeMap;

/// The templates of a host.
#[derive(Debug)]
pub(super) struct Espv2Templates {
    tree: SegmentTree<Ends>,
    rests: Vec<Rest>,
    /// Bytes of the longest verb; no longer one is ever looked up.
    longest_verb: usize,
    /// Whether wildcards match colons. It is the same for all templates.
    has_colons: bool,
}

/// The templates that end at one node.
#[derive(Debug, Default)]
struct Ends {
    /// The index of the templates that go on with `**`.
    rest: Option<usize>,
    /// The place of the template that ends here.
    end: Option<usize>,
    /// The places of the templates that end here with a verb.
    verbs: Table<usize>,
}

/// The templates that go on with `**` behind one node.
#[derive(Debug)]
struct Rest {
    /// The place of the template that ends with `**`.
    alone: Option<usize>,
    /// The texts behind `**`, with the node and the place of each.
    order: BTreeMap<Text, (usize, usize)>,
    /// Literal segments from the right. The first node is the one before all of them.
    tails: Vec<Tail>,
    /// The places in the order of the texts, by their ranks.
    places: Vec<usize>,
}

/// The literal segments behind `**` and the verb, in the order of the tree; and whether the last one is a verb.
type Text = (Vec<Box<[u8]>>, bool);

#[derive(Debug, Default)]
struct Tail {
    literals: Table<usize>,
    /// The rank of the text that begins here.
    start: Option<usize>,
    /// The same for texts with a verb.
    verbs: Table<usize>,
}

/// A path, and the same path as a template with a verb sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Espv2Path<'p> {
    path: &'p [u8],
    /// The path before its verb, and the verb; `None` if no template can have it.
    verb: Option<(&'p [u8], &'p [u8])>,
}

/// A node, and the part of a path that led to it.
#[derive(Debug, Clone, Copy)]
struct Step {
    node: u32,
    /// The end of that part.
    at: usize,
    /// Whether the last segment is the path's.
    is_whole: bool,
    /// Whether the last segment is the one before the verb.
    is_before_verb: bool,
}

/// The segment behind a step.
struct Next<'p> {
    whole: &'p [u8],
    /// The segment without the path's verb; `None` if the verb is not in it.
    before_verb: Option<&'p [u8]>,
    end: usize,
}

/// The steps along literal segments at the beginning of a path.
pub(super) struct Espv2Spine(ArrayVec<Step, { MAX_SEGMENTS + 1 }>);

// === impl Espv2Templates ===

impl Espv2Templates {
    pub(super) fn new(has_colons: bool) -> Self {
        Self {
            tree: SegmentTree::default(),
            rests: Vec::new(),
            longest_verb: 0,
            has_colons,
        }
    }

    /// Returns the place of a template; it is `next` if the template is new. The templates are found after
    /// [`Self::seal`].
    pub(super) fn place(&mut self, template: &Espv2Template, next: usize) -> usize {
        let verb_len = template.verb.as_ref().map_or(0, String::len);
        self.longest_verb = verb_len.max(self.longest_verb);
        let node = self.tree.enter(&template.front);
        match (&template.tail, &template.verb) {
            (None, None) => *node.end.get_or_insert(next),
            (None, Some(verb)) => {
                let place = node.verbs.entry(verb.as_bytes().into());
                *place.or_insert(next)
            }
            (Some(tail), verb) => {
                let new = self.rests.len();
                let rest = *node.rest.get_or_insert(new);
                if rest == new {
                    self.rests.push(Rest::default());
                }
                self.rests[rest].place(tail, verb.as_deref(), next)
            }
        }
    }

    /// Puts the templates behind each `**` into their order.
    pub(super) fn seal(&mut self) {
        self.rests.iter_mut().for_each(Rest::seal);
    }

    /// Splits a path for the look-up.
    pub(super) fn path<'p>(&self, path: &'p [u8]) -> Espv2Path<'p> {
        let end = path.iter().rposition(|byte| matches!(byte, b':' | b'/'));
        let colon = end.filter(|&end| path[end] == b':');
        let verb = colon.map(|colon| (&path[..colon], &path[colon + 1..]));
        Espv2Path {
            path,
            verb: verb.filter(|(_, verb)| verb.len() <= self.longest_verb),
        }
    }

    /// Returns the steps along literal segments; none if the path does not begin with a slash.
    pub(super) fn spine(&self, path: &Espv2Path<'_>) -> Espv2Spine {
        let mut steps = ArrayVec::new();
        let root = Step {
            node: SegmentTree::<Ends>::ROOT,
            at: 0,
            is_whole: true,
            is_before_verb: false,
        };
        let mut next = Some(root).filter(|_| path.path.starts_with(b"/"));
        while let Some(step) = next {
            // No template has more segments than there is room for.
            if steps.try_push(step).is_err() {
                break;
            }
            next = self.literal(step, path);
        }
        Espv2Spine(steps)
    }

    /// Visits the places below a step but for those behind literal segments, until `visit` returns something.
    fn walk_beside<T>(
        &self,
        step: Step,
        path: &Espv2Path<'_>,
        visit: &mut impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        let Ends { rest, end, verbs } = &self.tree.node(step.node).ends;
        let is_end = step.at == path.path.len() || step.at + 1 == path.path.len();
        if step.is_whole
            && is_end
            && let Some(found) = end.and_then(&mut *visit)
        {
            return Some(found);
        }
        if let Some((before, verb)) = path.verb
            && (step.is_before_verb || step.at + 1 == before.len())
            && let Some(found) = verbs.get(verb).and_then(|&place| visit(place))
        {
            return Some(found);
        }
        if let Some(step) = self.any(step, path)
            && let Some(found) = self.walk(step, path, visit)
        {
            return Some(found);
        }
        let is_there = step.is_whole && step.at < path.path.len();
        let rest = rest.filter(|_| is_there)?;
        self.rests[rest].walk(path, step.at, self.has_colons, visit)
    }

    /// Visits all places below a step.
    fn walk<T>(
        &self,
        step: Step,
        path: &Espv2Path<'_>,
        visit: &mut impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        // No path that ends here goes on with a literal segment, so that their order makes no difference.
        if let Some(child) = self.literal(step, path)
            && let Some(found) = self.walk(child, path, visit)
        {
            return Some(found);
        }
        self.walk_beside(step, path, visit)
    }

    /// Follows the next segment as a literal one.
    fn literal(&self, step: Step, path: &Espv2Path<'_>) -> Option<Step> {
        let literals = &self.tree.node(step.node).literals;
        if literals.is_empty() {
            return None;
        }
        let segments = path.next(step)?;
        let whole = literals.get(segments.whole);
        let before_verb = || segments.before_verb.and_then(|text| literals.get(text));
        // No literal segment has a colon: at most one of the two is found.
        Some(Step {
            node: *whole.or_else(before_verb)?,
            at: segments.end,
            is_whole: whole.is_some(),
            is_before_verb: whole.is_none(),
        })
    }

    /// Follows the next segment as `*`.
    fn any(&self, step: Step, path: &Espv2Path<'_>) -> Option<Step> {
        let node = self.tree.node(step.node).any?;
        let segments = path.next(step)?;
        let is_match = |text: &[u8]| !text.is_empty() && (self.has_colons || !text.contains(&b':'));
        let is_whole = is_match(segments.whole);
        let is_before_verb = segments.before_verb.is_some_and(is_match);
        (is_whole || is_before_verb).then_some(Step {
            node,
            at: segments.end,
            is_whole,
            is_before_verb,
        })
    }

    /// Returns the number of branches that one path can be followed along, at most, those from the right
    /// included.
    pub(super) fn ways(&self) -> usize {
        self.tree.ways(|ends| usize::from(ends.rest.is_some()))
    }

    /// Returns all places.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        let ends = self.tree.ends();
        let ends = ends.flat_map(|ends| ends.end.into_iter().chain(ends.verbs.values().copied()));
        let rests = self.rests.iter();
        let rests = rests.flat_map(|rest| rest.alone.into_iter().chain(rest.places.clone()));
        ends.chain(rests)
    }
}

// === impl Espv2Spine ===

impl Espv2Spine {
    /// Visits the places beside the steps with at least `end` bytes before them, from the last on, and takes
    /// these steps off.
    pub(super) fn walk<T>(
        &mut self,
        end: usize,
        templates: &Espv2Templates,
        path: &Espv2Path<'_>,
        visit: &mut impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        while let Some(&step) = self.0.last().filter(|step| step.at >= end) {
            self.0.pop();
            if let Some(found) = templates.walk_beside(step, path, visit) {
                return Some(found);
            }
        }
        None
    }
}

// === impl Rest ===

impl Default for Rest {
    fn default() -> Self {
        Self {
            alone: None,
            order: BTreeMap::new(),
            tails: vec![Tail::default()],
            places: Vec::new(),
        }
    }
}

impl Rest {
    /// Returns the place of the text behind `**`; it is `next` if the text is new.
    fn place(&mut self, tail: &[String], verb: Option<&str>, next: usize) -> usize {
        if tail.is_empty() && verb.is_none() {
            return *self.alone.get_or_insert(next);
        }
        let mut at = 0;
        for text in tail.iter().rev() {
            let new = self.tails.len();
            let child = self.tails[at].literals.entry(text.as_bytes().into());
            at = *child.or_insert(new);
            if at == new {
                self.tails.push(Tail::default());
            }
        }
        let parts = tail.iter().map(String::as_str).chain(verb);
        let parts = parts.map(|part| part.as_bytes().into()).collect();
        let entry = self.order.entry((parts, verb.is_some()));
        entry.or_insert((at, next)).1
    }

    fn seal(&mut self) {
        self.places.clear();
        for (rank, ((parts, has_verb), (tail, place))) in self.order.iter().enumerate() {
            let tail = &mut self.tails[*tail];
            match parts.last() {
                Some(verb) if *has_verb => {
                    tail.verbs.insert(verb.clone(), rank);
                }
                _ => tail.start = Some(rank),
            }
            self.places.push(*place);
        }
    }

    /// Visits the places of the texts that end the path, where the slash before `**` is at `at`.
    fn walk<T>(
        &self,
        path: &Espv2Path<'_>,
        at: usize,
        has_colons: bool,
        visit: &mut impl FnMut(usize) -> Option<T>,
    ) -> Option<T> {
        // With a verb, the last segment has a colon, and no literal one has.
        let (text, verb) = match path.verb {
            Some((before, verb)) => (before, Some(verb)),
            None => (path.path, None),
        };
        let start = at + 1;
        let colon = path.path[start..].iter().position(|&byte| byte == b':');
        let colon = colon.filter(|_| !has_colons).map(|colon| start + colon);
        let is_free = |end: usize| colon.is_none_or(|colon| colon >= end);
        let mut ranks: ArrayVec<usize, { MAX_SEGMENTS + 1 }> = ArrayVec::new();
        let mut end = text.len();
        if end > start && text.ends_with(b"/") {
            end -= 1;
        }
        let mut next = Some(0);
        while let Some(tail) = next {
            let tail = &self.tails[tail];
            let rank = match verb {
                None => tail.start.as_ref(),
                Some(verb) => tail.verbs.get(verb),
            };
            if let Some(rank) = rank.filter(|_| is_free(end)) {
                // No text has more segments than there is room for.
                let _ = ranks.try_push(*rank);
            }
            let slash = text[start..end].iter().rposition(|&byte| byte == b'/');
            next = slash.and_then(|slash| {
                let segment = &text[start + slash + 1..end];
                end = start + slash;
                tail.literals.get(segment).copied()
            });
        }
        ranks.sort_unstable();
        let mut places = ranks.into_iter().map(|rank| self.places[rank]);
        let alone = self.alone.filter(|_| is_free(path.path.len()));
        places
            .find_map(&mut *visit)
            .or_else(|| alone.and_then(visit))
    }
}

// === impl Espv2Path ===

impl<'p> Espv2Path<'p> {
    /// Returns the segment behind a step; `None` at the end of the path.
    fn next(&self, step: Step) -> Option<Next<'p>> {
        if !step.is_whole {
            return None;
        }
        let rest = self.path.get(step.at + 1..)?;
        let whole = rest.split(|&byte| byte == b'/').next()?;
        let end = step.at + 1 + whole.len();
        let is_last = end == self.path.len();
        let before = self.verb.filter(|_| is_last);
        Some(Next {
            whole,
            before_verb: before.and_then(|(before, _)| before.get(step.at + 1..)),
            end,
        })
    }
}
