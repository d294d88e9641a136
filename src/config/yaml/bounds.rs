//! Bounds on what a document expands to. They are kept while its events are read, before any value is
//! made of it: an alias is counted as what it repeats, and never expanded for that.
//!
//! *Invariant:* whatever is within these bounds can be held in memory and walked through recursively.

use std::collections::HashMap;

/// The sizes that a document may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Maximum depth of lists and mappings within each other.
    pub depth: usize,
    /// Maximum number of keys and values, with those that aliases repeat.
    pub values: usize,
    /// Maximum bytes of keys and values, with those that aliases repeat, and of their tags.
    pub text: usize,
    /// Maximum bytes of a key; names that are keys become paths in messages.
    pub key: usize,
}

/// The bound that a document exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Excess {
    #[error("lists and mappings are more than {0} deep here")]
    TooDeep(usize),
    #[error("the file has more than {0} values up to here, with those that aliases repeat")]
    TooManyValues(usize),
    #[error("the file has more than {} MiB of text up to here, with what aliases repeat", .0 >> 20)]
    TooMuchText(usize),
    #[error("this key is longer than {0} bytes")]
    LongKey(usize),
    #[error("this alias stands within the value that it repeats")]
    Circle,
}

/// The size of a document, as far as it was read.
#[derive(Debug)]
pub(super) struct Bounds {
    limits: Limits,
    total: Size,
    /// Collections that have begun and not ended, the innermost last.
    open: Vec<Collection>,
    /// The anchored values that have ended, by the parser's number of the anchor.
    anchored: HashMap<usize, Value>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    values: usize,
    text: usize,
}

#[derive(Debug)]
struct Collection {
    anchor: usize,
    /// The document's size where the collection begins.
    before: Size,
    /// The number of collections within each other in it, so far.
    height: usize,
}

/// An anchored value, as large as it is when all its aliases are followed.
#[derive(Debug, Clone, Copy)]
struct Value {
    size: Size,
    height: usize,
}

// === impl Limits ===

impl Limits {
    /// The sizes of a configuration, whose deepest value is in fewer than ten lists and mappings.
    pub(super) const CONFIG: Self = Self {
        depth: 64,
        values: 200_000,
        text: 8 << 20,
        key: 256,
    };

    /// The sizes of other programs' documents, which a generator writes, with texts for readers and
    /// schemas within each other.
    pub(super) const TREE: Self = Self {
        depth: 128,
        values: 500_000,
        text: 16 << 20,
        key: 1_000,
    };

    /// Returns the maximum number of characters that begin or end values within `[ ]` and `{ }`. The parser reads
    /// such a list to its end before the first event, and keeps some hundred bytes for each of them.
    fn indicators(&self) -> usize {
        2 * self.values
    }
}

// === impl Excess ===

impl Excess {
    /// Returns the remedy.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::TooDeep(_) => {
                "the deepest value of a configuration is in fewer than ten lists and mappings"
            }
            Self::TooManyValues(_) | Self::TooMuchText(_) => {
                "name policies instead of repeating them, and move origins into files: write \
                 `- file: origins.txt`"
            }
            Self::LongKey(_) => "give it a shorter name",
            Self::Circle => "write the value that is meant",
        }
    }
}

/// Checks a text before it is read. Returns the place, in bytes, where it exceeds a bound.
pub(super) fn check_text(text: &str, limits: &Limits) -> Result<(), (usize, Excess)> {
    let is_indicator = |(_, byte): &(usize, u8)| b",:?[]{}".contains(byte);
    let mut indicators = text.bytes().enumerate().filter(is_indicator);
    match indicators.nth(limits.indicators()) {
        Some((at, _)) => Err((at, Excess::TooManyValues(limits.values))),
        None => Ok(()),
    }
}

// === impl Bounds ===

impl Bounds {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            total: Size::default(),
            open: Vec::new(),
            anchored: HashMap::new(),
        }
    }

    /// Takes a scalar; 0 is the anchor of a value without one.
    pub(super) fn scalar(&mut self, bytes: usize, anchor: usize) -> Result<(), Excess> {
        let size = Size {
            values: 1,
            text: bytes,
        };
        self.add(size)?;
        self.anchor(anchor, Value { size, height: 0 });
        Ok(())
    }

    /// Checks the length of a scalar that is a key.
    pub(super) fn key(&self, bytes: usize) -> Result<(), Excess> {
        match bytes > self.limits.key {
            true => Err(Excess::LongKey(self.limits.key)),
            false => Ok(()),
        }
    }

    /// Takes the beginning of a list or a mapping, with a tag of so many bytes.
    pub(super) fn begin(&mut self, tag_bytes: usize, anchor: usize) -> Result<(), Excess> {
        if self.open.len() == self.limits.depth {
            return Err(Excess::TooDeep(self.limits.depth));
        }
        self.open.push(Collection {
            anchor,
            before: self.total,
            height: 1,
        });
        self.add(Size {
            values: 1,
            text: tag_bytes,
        })
    }

    /// Takes the end of the innermost list or mapping.
    pub(super) fn end(&mut self) {
        let Some(ended) = self.open.pop() else { return };
        self.raise(ended.height);
        let size = Size {
            values: self.total.values - ended.before.values,
            text: self.total.text - ended.before.text,
        };
        let height = ended.height;
        self.anchor(ended.anchor, Value { size, height });
    }

    /// Takes an alias of the value with this anchor.
    pub(super) fn alias(&mut self, anchor: usize) -> Result<(), Excess> {
        let Some(value) = self.anchored.get(&anchor).copied() else {
            // The values around an alias have not ended.
            return Err(Excess::Circle);
        };
        if self.open.len() + value.height > self.limits.depth {
            return Err(Excess::TooDeep(self.limits.depth));
        }
        self.raise(value.height);
        self.add(value.size)
    }

    fn add(&mut self, size: Size) -> Result<(), Excess> {
        // Neither can overflow: both summands are within the bounds, but for one text in memory.
        self.total.values += size.values;
        self.total.text += size.text;
        let Limits { values, text, .. } = self.limits;
        match self.total {
            total if total.values > values => Err(Excess::TooManyValues(values)),
            total if total.text > text => Err(Excess::TooMuchText(text)),
            _ => Ok(()),
        }
    }

    /// Notes that the innermost collection has a value of this height in it.
    fn raise(&mut self, height: usize) {
        if let Some(around) = self.open.last_mut() {
            around.height = around.height.max(height + 1);
        }
    }

    fn anchor(&mut self, anchor: usize, value: Value) {
        if anchor != 0 {
            self.anchored.insert(anchor, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Limits = Limits::CONFIG;

    #[test]
    fn an_alias_counts_as_what_it_repeats() {
        let mut bounds = Bounds::new(CONFIG);
        bounds.begin(0, 0).expect("within");
        // A list of 99 values and one more for itself; then the same again, until it is too much.
        bounds.begin(0, 1).expect("within");
        for _ in 0..99 {
            bounds.scalar(1, 0).expect("within");
        }
        bounds.end();
        let aliases = (0..).find(|_| bounds.alias(1).is_err());
        assert_eq!(aliases, Some((CONFIG.values - 101) / 100));
        let mut bounds = Bounds::new(CONFIG);
        bounds.scalar(CONFIG.text / 2, 1).expect("within");
        assert_eq!(bounds.alias(1), Ok(()));
        assert_eq!(bounds.alias(1), Err(Excess::TooMuchText(CONFIG.text)));
    }

    #[test]
    fn depth_is_that_of_the_values_behind_aliases() {
        let mut bounds = Bounds::new(CONFIG);
        bounds.begin(0, 0).expect("within");
        bounds.begin(0, 1).expect("within");
        bounds.scalar(1, 0).expect("within");
        bounds.end();
        // Each anchored list has an alias of the one before it.
        let last = (2..).find(|anchor| {
            bounds.begin(0, *anchor).expect("within");
            let result = bounds.alias(anchor - 1);
            bounds.end();
            result == Err(Excess::TooDeep(CONFIG.depth))
        });
        assert_eq!(last, Some(CONFIG.depth));
        let mut bounds = Bounds::new(CONFIG);
        let depth = (0..).find(|_| bounds.begin(0, 0).is_err());
        assert_eq!(depth, Some(CONFIG.depth));
    }

    #[test]
    fn an_alias_in_its_own_value_is_a_circle() {
        let mut bounds = Bounds::new(CONFIG);
        bounds.begin(0, 1).expect("within");
        assert_eq!(bounds.alias(1), Err(Excess::Circle));
    }
}
