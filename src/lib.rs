//! corsgate: an edge gateway that answers CORS preflights, puts the right CORS headers on every
//! response, and can say why.
//!
//! | module      | responsible for                                                          |
//! |-------------|--------------------------------------------------------------------------|
//! | [`cors`]    | what CORS says about a request: pure                                      |
//! | [`config`]  | a file's text → a validated, compiled configuration, or all its errors   |
//! | [`metrics`] | the counters, their names and labels                                     |
//!
//! With the default feature `gateway`: `proxy` (the pingora adapter), `admin`, `server` (which
//! starts things) and `cli`.

pub mod cors;
