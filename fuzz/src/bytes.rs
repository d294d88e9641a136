//! A fuzzer's bytes as a series of choices. By hand, and not by a crate, because what the seeds mean
//! must not change with a crate's version.

/// The remaining bytes; when they are used up, every choice is the first.
#[derive(Debug, Clone)]
pub struct Bytes<'a>(&'a [u8]);

// === impl Bytes ===

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn next(&mut self) -> u8 {
        match self.0 {
            [first, rest @ ..] => {
                self.0 = rest;
                *first
            }
            [] => 0,
        }
    }

    /// A number from 0 to `end` - 1.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.next()) % end
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn flag(&mut self) -> bool {
        self.next() % 2 == 1
    }

    /// Free bytes: a length, and so many.
    pub fn chunk(&mut self) -> &'a [u8] {
        let len = usize::from(self.next()).min(self.0.len());
        let (chunk, rest) = self.0.split_at(len);
        self.0 = rest;
        chunk
    }
}
