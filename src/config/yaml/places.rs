//! An index from path to place: where the values and keys of a document are written.
//!
//! serde_yaml knows the place of its first error only. This index is made from the events of a
//! parser that keeps them all. It mirrors the document as it is written: an alias is a step to the
//! value that its anchor names, and a merge key one to the mappings that it merges, so that a
//! mistake behind them has the place where it can be mended.
//!
//! *Invariant:* nothing is copied for an alias, so that aliases of aliases take no more room here
//! than in the file, and every walk has a bound. What they would take elsewhere is bounded while the
//! events are read: see `bounds`.

use super::bounds::{Bounds, Excess, Limits, check_text};
use super::nodes::{Name, Node, keep_within, path_of};
use super::paths::push_key;
use crate::config::error::{Firsts, Place, Problem};
use crate::config::report::{Locator, Spot};
use saphyr_parser::{Marker, Parser, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

pub(super) use saphyr_parser::{Event, ScalarStyle};

/// The places of a document's values and keys.
#[derive(Debug, Default)]
pub(in crate::config) struct Places {
    /// All values; the first is the document itself.
    nodes: Vec<Node<Content>>,
    /// Keys that stand twice in one mapping: the path, the first place and the second.
    pub(super) duplicates: Firsts<(String, Place, Place)>,
    /// The values with variables in them, their variables replaced, by path.
    pub(super) substituted: HashMap<String, String>,
}

#[derive(Debug)]
enum Content {
    /// `None` if nothing is written there.
    Scalar(Option<Box<str>>),
    Sequence(Vec<usize>),
    Mapping(HashMap<Rc<str>, usize>),
    Alias(usize),
}

/// The reason why the index ends before the document.
#[derive(Debug)]
pub(super) enum Stop {
    /// A bound is exceeded here.
    Excess(Place, Excess),
    /// The document has something here that the file format does not have.
    Refused(Place, Problem),
    /// The text is not YAML here, which is behind so many of its bytes.
    Syntax {
        place: Place,
        at: usize,
        reason: String,
    },
}

/// Maximum number of aliases and merge keys followed one after the other; beyond it, the walk ends.
pub(super) const MAX_STEPS: usize = 64;

/// The key that merges other mappings.
pub(super) const MERGE: &str = "<<";

// === impl Places ===

impl Places {
    /// Indexes the whole of `text`.
    ///
    /// # Errors
    ///
    /// Fails where the text is not YAML, or exceeds a bound. What is behind was not read.
    pub(super) fn of(text: &str) -> Result<Self, Stop> {
        let mut indexer = Indexer::new();
        each_event(text, &Limits::CONFIG, |event, place| {
            let taken = indexer.take(event, place);
            taken.map_err(|excess| Stop::Excess(place, excess))
        })?;
        keep_within(&mut indexer.places.nodes, text);
        Ok(indexer.places)
    }

    /// Does the same as [`Places::of`] for a document, which may start with a byte order mark.
    pub(in crate::config) fn of_document(text: &str) -> Option<Self> {
        Self::of(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()
    }

    /// Whether there is a value at `path`.
    pub(in crate::config) fn contains(&self, path: &str) -> bool {
        self.walk(0, path).is_some()
    }

    /// Finds where `path` stands, or the value around it, if only that has a place of its own. If
    /// the path goes through an alias, that is the alias.
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
            path: path_of(&self.nodes, node) + rest,
            value,
            ..Spot::default()
        })
    }

    /// Finds a merge key whose value is not a mapping or a list of mappings.
    pub(super) fn wrong_merge(&self) -> Option<(Place, String)> {
        let is_mapping = |node: usize| {
            let node = self.nodes.get(self.behind_aliases(node));
            node.is_some_and(|node| matches!(node.content, Content::Mapping(_)))
        };
        let is_wrong = |node: &&Node<Content>| {
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
        let mut path = path_of(&self.nodes, wrong.parent);
        push_key(&mut path, MERGE);
        Some((wrong.place, path))
    }

    /// Finds the value at `path`, or the nearest value around it; returns it with the rest of the
    /// path.
    fn nearest<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let mut end = path.len();
        loop {
            if let Some(node) = self.walk(0, &path[..end]) {
                return Some((node, &path[end..]));
            }
            end = path[..end].rfind(['.', '['])?;
        }
    }

    /// Walks from `node` along `path`. A key may have dots and brackets in it, so that there may be
    /// several ways; the walk takes the one with the shortest keys.
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

    /// Finds the value of a mapping's key: its own, or one that is merged.
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

    /// Follows aliases from `node` to a value.
    fn behind_aliases(&self, mut node: usize) -> usize {
        for _ in 0..MAX_STEPS {
            match self.nodes.get(node).map(|node| &node.content) {
                Some(Content::Alias(target)) => node = *target,
                _ => break,
            }
        }
        node
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

/// A walk over a document's events, which makes the index.
struct Indexer {
    places: Places,
    bounds: Bounds,
    /// Collections that have begun and not ended, the innermost last.
    open: Vec<Open>,
    /// Anchored values, by the parser's number of the anchor.
    anchors: HashMap<usize, usize>,
}

/// A collection that has begun and not ended.
struct Open {
    node: usize,
    /// The key that was read last, if its value was not read yet.
    key: Option<(Rc<str>, Place)>,
    seen: HashMap<Rc<str>, Place>,
    /// Whether it is a mapping or a sequence for a key. The file format has no such key, and the
    /// values in it get no place.
    is_lost: bool,
}

// === impl Indexer ===

impl Indexer {
    fn new() -> Self {
        Self {
            places: Places::default(),
            bounds: Bounds::new(Limits::CONFIG),
            open: Vec::new(),
            anchors: HashMap::new(),
        }
    }

    fn take(&mut self, event: &Event<'_>, place: Place) -> Result<(), Excess> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.bounds.scalar(text.len() + bytes_of(tag), *anchor)?;
                if self.expects_key() {
                    self.bounds.key(text.len())?;
                    self.set_key(text, place);
                } else {
                    // A value that is not written, or that is YAML's sign for nothing.
                    let is_nothing =
                        *style == ScalarStyle::Plain && matches!(text.as_ref(), "" | "~");
                    let text = (!is_nothing).then(|| text.as_ref().into());
                    self.enter(place, *anchor, Content::Scalar(text));
                }
            }
            Event::Alias(anchor) => {
                self.bounds.alias(*anchor)?;
                if self.expects_key() {
                    self.set_unknown_key(place);
                } else if let Some(target) = self.anchors.get(anchor) {
                    let content = Content::Alias(*target);
                    self.enter(place, 0, content);
                } else {
                    self.enter(place, 0, Content::Scalar(None));
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.bounds.begin(bytes_of(tag), *anchor)?;
                self.begin(place, *anchor, Content::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.bounds.begin(bytes_of(tag), *anchor)?;
                self.begin(place, *anchor, Content::Mapping(HashMap::new()));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.bounds.end();
                self.open.pop();
            }
            _ => {}
        }
        Ok(())
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
            self.places.duplicates.push_with(|| {
                let mut path = path_of(&self.places.nodes, open.node);
                push_key(&mut path, text);
                (path, first, place)
            });
        }
    }

    /// Takes a key that is not a string, which the file format does not have.
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

    /// Notes the value that begins here. In a mapping its place is that of the key, which an
    /// operator looks for; in a sequence, that of the element.
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

/// Hands the events of `text` to `take`, each with its place, until it refuses one.
///
/// # Errors
///
/// Fails where the text is not YAML, or is refused. What is behind was not read.
pub(super) fn each_event(
    text: &str,
    limits: &Limits,
    mut take: impl FnMut(&Event<'_>, Place) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let excess_at = |(at, excess): (usize, Excess)| Stop::Excess(end_of(&text[..at]), excess);
    check_text(text, limits).map_err(excess_at)?;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Stop::Syntax {
            place: place_of(error.marker()),
            at: text
                .char_indices()
                .nth(error.marker().index())
                .map_or(text.len(), |(at, _)| at),
            reason: error.info().to_owned(),
        })?;
        take(&event, place_of(&span.start))?;
    }
    Ok(())
}

fn place_of(marker: &Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// Returns the bytes of a tag, whose prefix a `%TAG` line may make long.
pub(super) fn bytes_of(tag: &Option<Cow<'_, Tag>>) -> usize {
    let tag = tag.as_ref();
    tag.map_or(0, |tag| tag.handle.len() + tag.suffix.len())
}

/// Returns the place behind the last character.
pub(super) fn end_of(text: &str) -> Place {
    const BREAKS: [char; 2] = ['\n', '\r'];
    let text = text.replace("\r\n", "\n");
    let last = text.rsplit(BREAKS).next().unwrap_or_default();
    Place {
        line: text.matches(BREAKS).count() + 1,
        column: last.chars().count() + 1,
    }
}

#[cfg(test)]
mod tests;
