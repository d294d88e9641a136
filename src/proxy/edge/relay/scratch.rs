//! Room for the bytes of one reading, and for what is made of them. A thread has one: bytes that a side does not
//! take at once are kept with their request.

use crate::proxy::edge::date::Date;
use crate::proxy::edge::lines::Written;
use std::cell::RefCell;

/// Maximum length of what is read at once. A little less than an IP packet, so that it is passed on in one where
/// a machine talks to itself: 64 KiB would be a packet, and another one for the last few bytes, which costs a
/// fifth of the time of an upload.
pub(super) const INPUT: usize = 63 << 10;

/// Maximum length of output whose room is kept; a response's header can be longer.
const MAX_OUTPUT: usize = 4 * INPUT;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// See the module's documentation.
pub(super) struct Scratch {
    pub input: Box<[u8]>,
    pub drafts: Drafts,
}

/// Room for what is made of the bytes that came.
pub(super) struct Drafts {
    pub output: Vec<u8>,
    pub written: Written,
    pub date: Date,
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Self {
        Self {
            input: vec![0; INPUT].into(),
            drafts: Drafts {
                output: Vec::new(),
                written: Written::default(),
                date: Date::new(),
            },
        }
    }

    /// Calls `then` with the thread's.
    pub(super) fn with<T>(then: impl FnOnce(&mut Self) -> T) -> T {
        SCRATCH.with_borrow_mut(|scratch| {
            let result = then(scratch);
            let output = &mut scratch.drafts.output;
            if output.capacity() > MAX_OUTPUT {
                *output = Vec::new();
            }
            result
        })
    }
}
