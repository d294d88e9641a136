//! The parts that streams are made of: requests that are not bytes yet, and chance.

use std::cell::RefCell;
use std::collections::HashMap;

/// A request before it is bytes, so that it can be changed where that hurts.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) before: Vec<u8>,
    pub(super) method: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) version: Vec<u8>,
    /// Between method, target and version.
    pub(super) space: &'static str,
    pub(super) fields: Vec<Line>,
    pub(super) end: &'static str,
    pub(super) body: Vec<u8>,
}

/// A field line and what ends the line before it.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) break_before: &'static str,
    pub(super) text: Vec<u8>,
}

thread_local! {
    /// Lists of words by their place in memory: some are long, and most are split thousands of times.
    static SPLIT: RefCell<HashMap<(usize, usize), Vec<&'static str>>> = RefCell::default();
}

/// Random numbers that are the same everywhere: splitmix64.
pub(crate) struct Rng(u64);

// === impl Draft ===

impl Draft {
    /// Without those fields that are empty.
    pub(super) fn new(method: &str, target: &str, fields: &[&str], body: &str) -> Self {
        let fields = fields.iter().filter(|text| !text.is_empty());
        Self {
            before: Vec::new(),
            method: method.into(),
            target: target.into(),
            version: b"HTTP/1.1".to_vec(),
            space: " ",
            fields: fields.map(|text| Line::new(*text)).collect(),
            end: "\r\n\r\n",
            body: body.into(),
        }
    }

    /// Gives the field's first line another value, or adds one.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let line = Line::new(format!("{name}: {value}"));
        match self.fields.iter_mut().find(|line| line.is_named(name)) {
            Some(found) => found.text = line.text,
            None => self.fields.push(line),
        }
    }

    /// Adds a line anywhere.
    pub(super) fn insert(&mut self, rng: &mut Rng, text: &str) {
        let at = rng.below(self.fields.len() + 1);
        self.fields.insert(at, Line::new(text));
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let space = self.space.as_bytes();
        let mut bytes = self.before.clone();
        bytes.extend([&self.method, space, &self.target, space, &self.version].concat());
        for line in &self.fields {
            bytes.extend(line.break_before.as_bytes());
            bytes.extend(&line.text);
        }
        bytes.extend(self.end.as_bytes());
        bytes.extend(&self.body);
        bytes
    }
}

impl Line {
    pub(super) fn is_named(&self, name: &str) -> bool {
        let (found, next) = (self.text.get(..name.len()), self.text.get(name.len()));
        found.is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes())) && next == Some(&b':')
    }

    pub(super) fn new(text: impl Into<Vec<u8>>) -> Self {
        Self {
            break_before: "\r\n",
            text: text.into(),
        }
    }
}

// === impl Rng ===

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the words between which there is a `¦`.
    pub(crate) fn word(&mut self, words: &'static str) -> &'static str {
        SPLIT.with_borrow_mut(|split| {
            let key = (words.as_ptr().addr(), words.len());
            let entry = split.entry(key);
            let words = entry.or_insert_with(|| words.split('¦').collect());
            words[self.below(words.len())]
        })
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}
