//! Where the values and keys of a document stand: an index from path to place.
//!
//! serde_yaml knows the place of its first error only. This index is made from the events of a parser
//! that keeps them all. It mirrors the document as it is written: an alias is a step to the value that
//! its anchor names, and a merge key one to the mappings that it merges, so that a mistake behind them
//! has the place where it can be mended.
//!
//! *Invariant:* nothing is copied for an alias, so that aliases of aliases take no more room here
//! than in the file, and every walk is bounded.

use super::{YAML_1_1_BREAKS, end_of, push_key};
use crate::config::error::Place;
use crate::config::report::{Locator, Spot};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::rc::Rc;

/// Where the values and keys of a document stand.
#[derive(Debug, Default)]
pub(in crate::config) struct Places {
    /// The document itself is the first.
    nodes: Vec<Node>,
    /// Keys that stand twice in one mapping: the path, and the first and the second place.
    pub(super) duplicates: Vec<(String, Place, Place)>,
    /// The values with variables in them, their variables replaced, by path.
    pub(super) substituted: HashMap<String, String>,
}

#[derive(Debug)]
struct Node {
    place: Place,
    parent: usize,
    name: Name,
    content: Content,
}

/// What a value is called within the one around it.
#[derive(Debug)]
enum Name {
    Document,
    Key(Rc<str>),
    Index(usize),
}

#[derive(Debug)]
enum Content {
    /// `None` where nothing is written.
    Scalar(Option<Box<str>>),
    Sequence(Vec<usize>),
    Mapping(HashMap<Rc<str>, usize>),
    Alias(usize),
}

/// So many aliases and merge keys are followed one after the other.
const MAX_STEPS: usize = 64;

/// The key that brings other mappings' keys.
const MERGE: &str = "<<";

// === impl Places ===

impl Places {
    pub(super) fn of(text: &str) -> Self {
        let mut indexer = Indexer::default();
        for event in Parser::new_from_str(text) {
            // What is no YAML is reported by the other parser. Where the two differ, places are
            // coarser, no more.
            let Ok((event, span)) = event else { break };
            indexer.take(&event, span);
        }
        // A value that was left out may have the place behind a line break that is not there.
        let end = end_of(text, &YAML_1_1_BREAKS[..2]);
        for node in &mut indexer.places.nodes {
            node.place = end.min(node.place);
        }
        indexer.places
    }

    /// Finds where `path` stands, or the value around it, if only that has a place of its own. If the
    /// path goes through an alias, that is the alias.
    fn find(&self, path: &str) -> Option<Place> {
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at);
        let alias = ends.filter_map(|end| {
            let node = self.nodes.get(self.walk(0, &path[..end])?)?;
            matches!(node.content, Content::Alias(_)).then_some(node.place)
        });
        let own = |(node, _): (usize, &str)| self.nodes.get(node).map(|node| node.place);
        alias.chain(self.nearest(path).and_then(own)).next()
    }

    fn is_alias(&self, path: &str) -> bool {
        let node = self.walk(0, path).and_then(|node| self.nodes.get(node));
        node.is_some_and(|node| matches!(node.content, Content::Alias(_)))
    }

    fn spot_of(&self, node: usize, rest: &str) -> Option<Spot> {
        let found = self.nodes.get(node)?;
        let value = match &found.content {
            Content::Scalar(Some(text)) if rest.is_empty() => Some(text.to_string()),
            _ => None,
        };
        Some(Spot {
            place: Some(found.place),
            path: self.path_of(node) + rest,
            value,
            ..Spot::default()
        })
    }

    /// A merge key that has something else than mappings to merge.
    pub(super) fn wrong_merge(&self) -> Option<(Place, String)> {
        let is_mapping = |node: usize| {
            let node = self.nodes.get(self.behind_aliases(node));
            node.is_some_and(|node| matches!(node.content, Content::Mapping(_)))
        };
        let is_wrong = |node: &&Node| {
            let Name::Key(key) = &node.name else {
                return false;
            };
            let is_right = match &node.content {
                Content::Sequence(elements) => elements.iter().all(|node| is_mapping(*node)),
                Content::Mapping(_) => true,
                Content::Alias(target) => is_mapping(*target),
                Content::Scalar(_) => false,
            };
            **key == *MERGE && !is_right
        };
        let wrong = self.nodes.iter().find(is_wrong)?;
        let mut path = self.path_of(wrong.parent);
        push_key(&mut path, MERGE);
        Some((wrong.place, path))
    }

    /// What stands at `path`, or the nearest of what is around it, and the rest of the path.
    fn nearest<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let mut end = path.len();
        loop {
            if let Some(node) = self.walk(0, &path[..end]) {
                return Some((node, &path[end..]));
            }
            end = path[..end].rfind(['.', '['])?;
        }
    }

    /// From `node` along `path`. A key may have dots and brackets in it, so that there may be
    /// several ways; the one with the shortest keys is taken.
    fn walk(&self, node: usize, path: &str) -> Option<usize> {
        if path.is_empty() {
            return (node < self.nodes.len()).then_some(node);
        }
        let container = self.behind_aliases(node);
        match &self.nodes.get(container)?.content {
            Content::Sequence(elements) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                self.walk(*elements.get(index.parse::<usize>().ok()?)?, rest)
            }
            Content::Mapping(_) => {
                let path = match container {
                    0 => path,
                    _ => path.strip_prefix('.')?,
                };
                let ends = path.match_indices(['.', '[']).map(|(at, _)| at);
                ends.chain([path.len()]).find_map(|end| {
                    let child = self.child(container, &path[..end], MAX_STEPS)?;
                    self.walk(child, &path[end..])
                })
            }
            Content::Scalar(_) | Content::Alias(_) => None,
        }
    }

    /// The value of a mapping's key, its own or one that a merge key brings.
    fn child(&self, mapping: usize, key: &str, steps: usize) -> Option<usize> {
        let Content::Mapping(children) = &self.nodes.get(mapping)?.content else {
            return None;
        };
        if let Some(own) = children.get(key) {
            return Some(*own);
        }
        let merged = self.behind_aliases(*children.get(MERGE)?);
        let steps = steps.checked_sub(1)?;
        match &self.nodes.get(merged)?.content {
            Content::Sequence(elements) => elements
                .iter()
                .find_map(|element| self.child(self.behind_aliases(*element), key, steps)),
            _ => self.child(merged, key, steps),
        }
    }

    fn behind_aliases(&self, mut node: usize) -> usize {
        for _ in 0..MAX_STEPS {
            match self.nodes.get(node).map(|node| &node.content) {
                Some(Content::Alias(target)) => node = *target,
                _ => break,
            }
        }
        node
    }

    fn path_of(&self, node: usize) -> String {
        let mut nodes = Vec::new();
        let mut at = node;
        while let Some(node) = self.nodes.get(at) {
            nodes.push(node);
            match node.name {
                Name::Document => break,
                _ => at = node.parent,
            }
        }
        let mut path = String::new();
        for node in nodes.iter().rev() {
            match &node.name {
                Name::Document => {}
                Name::Key(key) => push_key(&mut path, key),
                Name::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

impl Locator for Places {
    fn written(&self, path: &str) -> Option<Spot> {
        let (node, rest) = self.nearest(path)?;
        let spot = match rest {
            "" => self.spot_of(self.behind_aliases(node), rest),
            _ => self.spot_of(node, rest),
        }?;
        Some(Spot {
            became: self.substituted.get(path).cloned(),
            is_aliased: spot.path != path,
            ..spot
        })
    }

    fn used(&self, path: &str) -> Option<Spot> {
        let spot = self.written(path)?;
        Some(Spot {
            place: self.find(path),
            path: path.to_owned(),
            is_aliased: false,
            ..spot
        })
    }

    fn element(&self, path: &str) -> Option<Spot> {
        let element = path.rsplit_once('.').map(|(element, _key)| element);
        let element = element.filter(|path| path.ends_with(']') && self.is_alias(path));
        let (node, rest) = self.nearest(element.unwrap_or(path))?;
        Some(Spot {
            became: self.substituted.get(path).cloned(),
            ..self.spot_of(node, rest)?
        })
    }
}

/// Walks over a document's events, within the collections that have begun and not ended.
#[derive(Default)]
struct Indexer {
    places: Places,
    open: Vec<Open>,
    /// By the parser's number of the anchor.
    anchors: HashMap<usize, usize>,
}

struct Open {
    node: usize,
    /// The key that was read last, if its value has not been yet.
    key: Option<(Rc<str>, Place)>,
    seen: HashMap<Rc<str>, Place>,
    /// A mapping or a sequence for a key: nothing here has one, and what is in it has no place.
    is_lost: bool,
}

// === impl Indexer ===

impl Indexer {
    fn take(&mut self, event: &Event<'_>, span: Span) {
        let place = Place {
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        match event {
            Event::Scalar(text, style, anchor, _) => {
                if self.expects_key() {
                    self.set_key(text, place);
                } else {
                    // The parser's word for nothing at all.
                    let is_nothing = *style == ScalarStyle::Plain && text == "~";
                    let text = (!is_nothing).then(|| text.as_ref().into());
                    self.enter(place, *anchor, Content::Scalar(text));
                }
            }
            Event::Alias(_) if self.expects_key() => self.set_unknown_key(place),
            Event::Alias(anchor) => match self.anchors.get(anchor) {
                Some(target) => {
                    let content = Content::Alias(*target);
                    self.enter(place, 0, content);
                }
                None => {
                    self.enter(place, 0, Content::Scalar(None));
                }
            },
            Event::SequenceStart(anchor, _) => {
                self.begin(place, *anchor, Content::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, _) => {
                self.begin(place, *anchor, Content::Mapping(HashMap::new()));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            _ => {}
        }
    }

    fn expects_key(&self) -> bool {
        self.open.last().is_some_and(|open| {
            let content = self.places.nodes.get(open.node).map(|node| &node.content);
            matches!(content, Some(Content::Mapping(_))) && open.key.is_none() && !open.is_lost
        })
    }

    fn set_key(&mut self, text: &str, place: Place) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let key: Rc<str> = text.into();
        open.key = Some((Rc::clone(&key), place));
        if let Some(first) = open.seen.insert(key, place) {
            let mut path = self.places.path_of(open.node);
            push_key(&mut path, text);
            self.places.duplicates.push((path, first, place));
        }
    }

    /// A key that is no string: nothing here has one.
    fn set_unknown_key(&mut self, place: Place) {
        if let Some(open) = self.open.last_mut() {
            open.key = Some(("".into(), place));
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content) {
        let entered = match self.expects_key() {
            true => {
                self.set_unknown_key(place);
                None
            }
            false => self.enter(place, anchor, content),
        };
        self.open.push(Open {
            node: entered.unwrap_or_default(),
            key: None,
            seen: HashMap::new(),
            is_lost: entered.is_none(),
        });
    }

    /// Notes the value that begins here. In a mapping its place is that of the key, which an author
    /// looks for, in a sequence that of the element.
    fn enter(&mut self, place: Place, anchor: usize, content: Content) -> Option<usize> {
        let id = self.places.nodes.len();
        let (place, parent, name) = match self.open.last_mut() {
            None if id == 0 => (place, 0, Name::Document),
            None => return None,
            Some(open) if open.is_lost => return None,
            Some(open) => match &mut self.places.nodes.get_mut(open.node)?.content {
                Content::Sequence(elements) => {
                    elements.push(id);
                    (place, open.node, Name::Index(elements.len() - 1))
                }
                Content::Mapping(children) => {
                    let (key, place) = open.key.take()?;
                    children.insert(Rc::clone(&key), id);
                    (place, open.node, Name::Key(key))
                }
                Content::Scalar(_) | Content::Alias(_) => return None,
            },
        };
        self.places.nodes.push(Node {
            place,
            parent,
            name,
            content,
        });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests;
