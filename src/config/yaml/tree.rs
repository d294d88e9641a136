//! A document that is not a configuration, as a tree of values with their places.
//!
//! The gateway's own file is read by serde, which wants to know its keys. Other programs' files have
//! keys that the gateway doesn't read, and are often JSON, which is YAML. Only shapes are known here.
//!
//! *Invariant:* nothing is copied for an alias or a merge key. They are followed when a value is asked
//! for, and what they come to is bounded while the document is read.

use super::SyntaxError;
use super::bounds::{Bounds, Excess, Limits};
use super::nodes::{Name, Node, keep_within, path_of};
use super::paths::push_key;
use super::places::{Event, MAX_STEPS, MERGE, ScalarStyle, Stop, bytes_of, each_event};
use crate::config::error::{Diagnostic, Firsts, Place, Problem};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

/// Maximum bytes of a document; a larger one is refused unread.
const MAX_BYTES: usize = 16 << 20;

/// A document of another program.
#[derive(Debug)]
pub struct Tree {
    /// All values; the first is the document itself.
    nodes: Vec<Node<Content>>,
}

/// A value of a [`Tree`]. One that is written as an alias is the value that the alias repeats.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    tree: &'a Tree,
    node: usize,
}

/// The shape of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape<'a> {
    /// Nothing is written, or a sign for nothing.
    Nothing,
    Flag(bool),
    Number(f64),
    Text(&'a str),
    List,
    Mapping,
}

#[derive(Debug)]
enum Content {
    Scalar { text: Box<str>, is_plain: bool },
    Sequence(Vec<usize>),
    Mapping(Vec<usize>),
    Alias(usize),
}

// === impl Tree ===

impl Tree {
    /// Reads `text`, which may start with a byte order mark. Messages call it `file`.
    ///
    /// # Errors
    ///
    /// Fails if the text is not one document of YAML or JSON, exceeds a bound, or has a key twice.
    pub fn read(text: &str, file: &Path) -> Result<Self, Vec<Diagnostic>> {
        if text.len() > MAX_BYTES {
            let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
            return Err(vec![Diagnostic::of_file(file, message)]);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut builder = Builder::new();
        each_event(text, &Limits::TREE, |event, place| {
            builder.take(event, place)
        })
        .map_err(|stop| SyntaxError::of_stop(with_own_hint(stop), text).into())
        .and_then(|()| builder.finish(text))
        .map_err(|errors| SyntaxError::diagnostics(errors, file))
    }

    /// Returns the value that is the whole document.
    pub fn root(&self) -> Value<'_> {
        self.value(0)
    }

    fn value(&self, mut node: usize) -> Value<'_> {
        for _ in 0..MAX_STEPS {
            match self.nodes.get(node).map(|node| &node.content) {
                Some(Content::Alias(target)) => node = *target,
                _ => break,
            }
        }
        Value { tree: self, node }
    }

    /// Finds a merge key whose value is not a mapping or a list of mappings.
    fn wrong_merge(&self) -> Option<SyntaxError> {
        let is_wrong = |node: &usize| {
            let Some(Name::Key(key)) = self.nodes.get(*node).map(|node| &node.name) else {
                return false;
            };
            let value = self.value(*node);
            let is_right = match value.shape() {
                Shape::Mapping => true,
                Shape::List => value.elements().all(|e| e.shape() == Shape::Mapping),
                _ => false,
            };
            **key == *MERGE && !is_right
        };
        let wrong = (0..self.nodes.len()).find(is_wrong)?;
        let problem = Problem::from("a merge key merges a mapping, or a list of mappings");
        Some(SyntaxError {
            place: self.nodes.get(wrong).map(|node| node.place),
            path: path_of(&self.nodes, wrong),
            problem: problem.hint("write `<<: *NAME`, with the anchor of a mapping"),
        })
    }
}

// === impl Value ===

impl<'a> Value<'a> {
    /// Returns where the value stands: in a mapping, the place of its key.
    pub fn place(self) -> Place {
        let first = Place { line: 1, column: 1 };
        self.node().map_or(first, |node| node.place)
    }

    /// Returns the path to the value, as messages write it.
    pub fn path(self) -> String {
        path_of(&self.tree.nodes, self.node)
    }

    /// Returns the text of a scalar as it is written, whatever its shape.
    pub fn written(self) -> Option<&'a str> {
        match self.content()? {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns the shape that YAML's core schema gives to the value.
    pub fn shape(self) -> Shape<'a> {
        match self.content() {
            Some(Content::Scalar {
                text,
                is_plain: true,
            }) => shape_of_plain(text),
            Some(Content::Scalar { text, .. }) => Shape::Text(text),
            Some(Content::Sequence(_)) => Shape::List,
            Some(Content::Mapping(_)) => Shape::Mapping,
            Some(Content::Alias(_)) | None => Shape::Nothing,
        }
    }

    /// Returns the elements of a list; of anything else, none.
    pub fn elements(self) -> impl Iterator<Item = Self> {
        let elements = match self.content() {
            Some(Content::Sequence(elements)) => elements.as_slice(),
            _ => &[],
        };
        elements.iter().map(move |node| self.tree.value(*node))
    }

    /// Returns the keys and values of a mapping: its own, and then those that it merges.
    pub fn entries(self) -> Vec<(&'a str, Self)> {
        let mut found = Vec::new();
        self.collect(&mut HashSet::new(), &mut found, MAX_STEPS);
        found
    }

    fn collect(self, seen: &mut HashSet<&'a str>, found: &mut Vec<(&'a str, Self)>, steps: usize) {
        let Some(steps) = steps.checked_sub(1) else {
            return;
        };
        for (key, value) in self.own_entries() {
            if key != MERGE && seen.insert(key) {
                found.push((key, value));
            }
        }
        for merged in self.merged() {
            merged.collect(seen, found, steps);
        }
    }

    /// Returns the value of a mapping's key: its own, or one that is merged.
    pub fn get(self, key: &str) -> Option<Self> {
        self.get_within(key, MAX_STEPS)
    }

    fn get_within(self, key: &str, steps: usize) -> Option<Self> {
        let steps = steps.checked_sub(1)?;
        let own = self.own_entries().find(|(own, _)| *own == key);
        own.map(|(_, value)| value).or_else(|| {
            let mut merged = self.merged();
            merged.find_map(|mapping| mapping.get_within(key, steps))
        })
    }

    /// Returns the mappings that a mapping merges.
    fn merged(self) -> impl Iterator<Item = Self> {
        let merged = self.own_entries().find(|(key, _)| *key == MERGE);
        let merged = merged.map(|(_, value)| value);
        let one = merged.filter(|value| value.shape() == Shape::Mapping);
        one.into_iter()
            .chain(merged.into_iter().flat_map(Self::elements))
    }

    fn own_entries(self) -> impl Iterator<Item = (&'a str, Self)> {
        let entries = match self.content() {
            Some(Content::Mapping(entries)) => entries.as_slice(),
            _ => &[],
        };
        let tree = self.tree;
        entries
            .iter()
            .filter_map(move |node| match &tree.nodes.get(*node)?.name {
                Name::Key(key) => Some((&**key, tree.value(*node))),
                Name::Document | Name::Index(_) => None,
            })
    }

    fn node(self) -> Option<&'a Node<Content>> {
        self.tree.nodes.get(self.node)
    }

    fn content(self) -> Option<&'a Content> {
        self.node().map(|node| &node.content)
    }
}

/// A walk over a document's events, which makes the tree.
#[derive(Debug)]
struct Builder {
    nodes: Vec<Node<Content>>,
    bounds: Bounds,
    /// Collections that have begun and not ended, the innermost last.
    open: Vec<Open>,
    /// Anchored values, by the parser's number of the anchor.
    anchors: HashMap<usize, usize>,
    documents: usize,
    /// Keys that stand twice in one mapping: the path, the first place and the second.
    duplicates: Firsts<(String, Place, Place)>,
}

/// A collection that has begun and not ended.
#[derive(Debug)]
struct Open {
    node: usize,
    /// The key that was read last, if its value was not read yet.
    key: Option<(Rc<str>, Place)>,
    seen: HashMap<Rc<str>, Place>,
}

// === impl Builder ===

impl Builder {
    fn new() -> Self {
        Self {
            nodes: Vec::new(),
            bounds: Bounds::new(Limits::TREE),
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: 0,
            duplicates: Firsts::default(),
        }
    }

    fn take(&mut self, event: &Event<'_>, place: Place) -> Result<(), Stop> {
        let excess = |excess| Stop::Excess(place, excess);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let problem = Problem::from("a second document begins here");
                    return Err(Stop::Refused(place, problem.hint("keep one of them")));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let bytes = text.len() + bytes_of(tag);
                self.bounds.scalar(bytes, *anchor).map_err(excess)?;
                if self.expects_key() {
                    self.bounds.key(text.len()).map_err(excess)?;
                    self.set_key(text, place);
                } else {
                    let content = Content::Scalar {
                        text: text.as_ref().into(),
                        is_plain: *style == ScalarStyle::Plain && tag.is_none(),
                    };
                    self.enter(place, *anchor, content)?;
                }
            }
            Event::Alias(anchor) => {
                self.bounds.alias(*anchor).map_err(excess)?;
                // The bounds know the same anchors.
                if let Some(target) = self.anchors.get(anchor).copied() {
                    self.enter(place, 0, Content::Alias(target))?;
                }
            }
            Event::SequenceStart(anchor, tag) => {
                let bytes = bytes_of(tag);
                self.bounds.begin(bytes, *anchor).map_err(excess)?;
                self.begin(place, *anchor, Content::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let bytes = bytes_of(tag);
                self.bounds.begin(bytes, *anchor).map_err(excess)?;
                self.begin(place, *anchor, Content::Mapping(Vec::new()))?;
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
            let content = self.nodes.get(open.node).map(|node| &node.content);
            matches!(content, Some(Content::Mapping(_))) && open.key.is_none()
        })
    }

    fn set_key(&mut self, text: &str, place: Place) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let key: Rc<str> = text.into();
        open.key = Some((Rc::clone(&key), place));
        if let Some(first) = open.seen.insert(key, place) {
            self.duplicates.push_with(|| {
                let mut path = path_of(&self.nodes, open.node);
                push_key(&mut path, text);
                (path, first, place)
            });
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), Stop> {
        let node = self.enter(place, anchor, content)?;
        self.open.push(Open {
            node,
            key: None,
            seen: HashMap::new(),
        });
        Ok(())
    }

    /// Adds a value to the collection around it. In a mapping its place is that of the key, which an
    /// operator looks for.
    fn enter(&mut self, place: Place, anchor: usize, content: Content) -> Result<usize, Stop> {
        if self.expects_key() {
            let problem = Problem::from("this key is not text");
            return Err(Stop::Refused(place, problem.hint("write a name")));
        }
        let id = self.nodes.len();
        let mut entered = Node {
            place,
            parent: 0,
            name: Name::Document,
            content,
        };
        if let Some(open) = self.open.last_mut()
            && let Some(around) = self.nodes.get_mut(open.node)
        {
            entered.parent = open.node;
            match (&mut around.content, open.key.take()) {
                (Content::Sequence(elements), _) => {
                    entered.name = Name::Index(elements.len());
                    elements.push(id);
                }
                (Content::Mapping(entries), Some((key, place))) => {
                    entered.name = Name::Key(key);
                    entered.place = place;
                    entries.push(id);
                }
                _ => {}
            }
        }
        self.nodes.push(entered);
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    /// Returns the tree of a text that was read to its end.
    fn finish(self, text: &str) -> Result<Tree, Firsts<SyntaxError>> {
        if !self.duplicates.kept.is_empty() {
            let Firsts { kept, more } = self.duplicates;
            let kept = kept.into_iter().map(SyntaxError::duplicate).collect();
            return Err(Firsts { kept, more });
        }
        let mut tree = Tree { nodes: self.nodes };
        keep_within(&mut tree.nodes, text);
        match tree.wrong_merge() {
            Some(wrong) => Err(wrong.into()),
            None => Ok(tree),
        }
    }
}

/// Replaces the hint of a bound, which is about configurations.
fn with_own_hint(stop: Stop) -> Stop {
    let Stop::Excess(place, excess) = stop else {
        return stop;
    };
    let hint = match excess {
        Excess::TooDeep(_) | Excess::TooManyValues(_) | Excess::TooMuchText(_) => {
            "leave out of it what is for readers only: examples, descriptions and schemas"
        }
        Excess::LongKey(_) | Excess::Circle => excess.hint(),
    };
    Stop::Refused(place, Problem::from(excess.to_string()).hint(hint))
}

/// Returns the shape of a scalar that is written without quotes.
fn shape_of_plain(text: &str) -> Shape<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Shape::Nothing,
        "true" | "True" | "TRUE" => return Shape::Flag(true),
        "false" | "False" | "FALSE" => return Shape::Flag(false),
        _ => {}
    }
    // Rust reads `inf` and `nan` as numbers, too.
    let begins_as_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let has_letters = text.contains(|c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E'));
    match text.parse() {
        Ok(number) if begins_as_number && !has_letters => Shape::Number(number),
        _ => Shape::Text(text),
    }
}

#[cfg(test)]
mod tests;
