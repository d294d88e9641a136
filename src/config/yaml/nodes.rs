//! The values of a document, each with its place and its name: what the index of places and the tree of
//! another program's document have in common.

use super::paths::{push_index, push_key};
use super::places::end_of;
use crate::config::error::Place;
use std::rc::Rc;

/// A value of a document.
#[derive(Debug)]
pub(super) struct Node<C> {
    pub place: Place,
    pub parent: usize,
    pub name: Name,
    pub content: C,
}

/// The name of a value within the one around it.
#[derive(Debug)]
pub(super) enum Name {
    Document,
    Key(Rc<str>),
    Index(usize),
}

/// Returns the path to a node, as messages write it.
pub(super) fn path_of<C>(nodes: &[Node<C>], node: usize) -> String {
    let mut way = Vec::new();
    let mut at = node;
    while let Some(node) = nodes.get(at) {
        way.push(node);
        match node.name {
            Name::Document => break,
            _ => at = node.parent,
        }
    }
    let mut path = String::new();
    for node in way.iter().rev() {
        match &node.name {
            Name::Document => {}
            Name::Key(key) => push_key(&mut path, key),
            Name::Index(index) => push_index(&mut path, *index),
        }
    }
    path
}

/// Moves places into the text: a value that was left out may get one behind a line break that the text does
/// not have.
pub(super) fn keep_within<C>(nodes: &mut [Node<C>], text: &str) {
    let end = end_of(text);
    for node in nodes {
        node.place = end.min(node.place);
    }
}
