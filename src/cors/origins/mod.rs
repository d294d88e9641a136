//! Origins: one serialized origin, one pattern of them, and the matcher that is made of many patterns.

pub(super) mod literal;
pub(super) mod matcher;
pub(super) mod origin;
pub(super) mod pattern;
mod punycode;
pub(super) mod regex;
