//! The express lane on HTTP/1.1: answers plain preflights on the spot.

use super::date::Date;
use super::head::{PlainPreflight, WholeHead};
use super::inbox::Moment;
use crate::cors::CorsRequest;
use crate::proxy::facts::{Facts, Target};
use crate::proxy::record::Record;
use crate::proxy::routed::{Routed, Step};
use crate::proxy::snapshot::Snapshot;
use crate::routing::normalized_path;
use http::{StatusCode, Version};

/// The answers written in one turn, one after the other.
pub(super) struct Desk {
    pub output: Vec<u8>,
    answered: Vec<(Record, StatusCode)>,
    date: Date,
}

// === impl Desk ===

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            output: Vec::new(),
            answered: Vec::new(),
            date: Date::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.output.clear();
        self.answered.clear();
    }

    pub(super) fn has_answered(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Writes the answer to a plain preflight. Returns `false`, with nothing written, for every other
    /// request, and for a preflight that an upstream answers.
    pub(super) fn answer(
        &mut self,
        snapshot: &Snapshot,
        head: &WholeHead<'_, '_>,
        moment: &Moment,
    ) -> bool {
        if !snapshot.express_lane {
            return false;
        }
        let mut cors = CorsRequest::default();
        let Some(PlainPreflight { host, path }) = head.plain_preflight(&mut cors) else {
            return false;
        };
        let facts = Facts {
            target: Target::Path(path),
            host,
            path: normalized_path(path),
            fields: &head.fields(),
            cors: &cors,
            version: Version::HTTP_11,
            header_bytes: head.len(),
        };
        let routed = Routed::of(snapshot, &facts);
        let Step::Answer(answer) = routed.step() else {
            return false;
        };
        let date = self.date.value(moment.now);
        answer.write_http1(date, !moment.is_stopping, &mut self.output);
        let record = routed.record(moment.now.into_std());
        self.answered.push((record, answer.status));
        true
    }

    /// Finishes the records of the answered requests.
    pub(super) fn finish(&self, snapshot: &Snapshot) {
        for (record, status) in &self.answered {
            record.finish(snapshot, Some(*status));
        }
    }
}
