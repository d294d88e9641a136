//! Other gateways' settings and descriptions, read so that corsgate can take their place: pure.

pub mod description;
