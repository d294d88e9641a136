//! Other gateways' flags and descriptions, read so that corsgate can take their place: pure.
//!
//! *Invariant:* nothing here starts anything, and nothing reads a file, a socket or a variable by itself:
//! callers hand in arguments and variables, and get values that are checked.

pub mod description;
pub mod flags;
