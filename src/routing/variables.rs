//! The variables of a path template, and the text that each has in a path. The router does not know them.

/// The variables of a template, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    pub all: Vec<Variable>,
    /// Whether the template ends with a verb.
    pub has_verb: bool,
    /// Whether a path may have one slash more at its end, before the verb.
    pub takes_slash: bool,
}

/// A variable: one segment of a template, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub start: Bound,
    pub end: Bound,
}

/// A place between two segments of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The one with so many segments before it.
    Behind(usize),
    /// The one with so many segments behind it.
    Before(usize),
}

// === impl Variables ===

impl Variables {
    /// Returns the name of each variable with its text in a path that the template matches, byte for byte. It is
    /// empty where the path has nothing for it.
    pub fn values<'v>(&'v self, path: &'v [u8]) -> impl Iterator<Item = (&'v str, &'v [u8])> {
        let path = self.without_end(path);
        self.all.iter().map(move |variable| {
            let start = variable.start.slash(path) + 1;
            let text = path.get(start..variable.end.slash(path));
            (variable.name.as_str(), text.unwrap_or_default())
        })
    }

    /// Returns the path without its verb, and without the slash that it may have beside the template's.
    fn without_end<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let colon = path.iter().rposition(|&byte| byte == b':');
        let path = match colon {
            Some(colon) if self.has_verb => &path[..colon],
            _ => path,
        };
        match path.strip_suffix(b"/") {
            Some(shorter) if self.takes_slash => shorter,
            _ => path,
        }
    }
}

// === impl Bound ===

impl Bound {
    /// Returns the place of the slash at the bound; it is the path's length if there is none.
    fn slash(self, path: &[u8]) -> usize {
        let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let slash = match self {
            Self::Behind(count) => slashes.nth(count),
            Self::Before(0) => None,
            Self::Before(count) => slashes.nth_back(count - 1),
        };
        slash.map_or(path.len(), |(at, _)| at)
    }
}
