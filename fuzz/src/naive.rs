//! The naive twins: what is right, said as plainly as it can be, at whatever cost.

pub mod content;
pub mod decision;
pub mod frames;
pub mod framing;
pub mod grpc_web;
pub mod origin;
pub mod pattern;
pub mod proxy_protocol;
pub mod regex;
