//! Room for the bytes of one reading, and for what is made of them. A thread has one: bytes that a side does not
//! take at once are kept with their request.

use crate::proxy::edge::date::Date;
use crate::proxy::edge::lines::Written;
use std::cell::RefCell;

/// Maximum length of what is read at once. pingora's streams read into the room of others without a copy if it
/// is as large as their own.
const INPUT: usize = 64 << 10;

/// Maximum length of output whose room is kept; a response's header can be longer.
const MAX_OUTPUT: usize = 4 * INPUT;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// See the module's documentation.
pub(super) struct Scratch {
    pub input: Box<[u8]>,
    pub output: Vec<u8>,
    pub written: Written,
    pub date: Date,
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Self {
        Self {
            input: vec![0; INPUT].into(),
            output: Vec::new(),
            written: Written::default(),
            date: Date::new(),
        }
    }

    /// Calls `then` with the thread's.
    pub(super) fn with<T>(then: impl FnOnce(&mut Self) -> T) -> T {
        SCRATCH.with_borrow_mut(|scratch| {
            let result = then(scratch);
            if scratch.output.capacity() > MAX_OUTPUT {
                scratch.output = Vec::new();
            }
            result
        })
    }
}
