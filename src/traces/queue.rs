//! Spans on their way to the collector: they wait in a bounded queue for the thread that sends them.

use super::otlp::Sent;
use crate::lasting::LastingProblem;
use crate::metrics::TraceMetrics;
use opentelemetry_sdk::trace::SpanData;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// Maximum number of spans that wait or are being sent; beyond it, new ones are dropped. A span is bounded by the
/// values in it, to some 10 KiB.
const MAX_SPANS: usize = 2048;

/// Maximum number of spans in one message.
const MAX_BATCH: usize = 512;

/// Maximum time for which a span waits for others.
const LINGER: Duration = Duration::from_secs(1);

/// Maximum number of threads that wait for the queue at its end.
const MAX_FLUSHES: usize = 8;

/// The way to the thread that sends spans. When it is dropped, the thread sends what is left, and ends.
#[derive(Debug)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    /// Number of spans that are not sent, or given up, yet.
    spans: Arc<AtomicUsize>,
    metrics: TraceMetrics,
}

enum Message {
    Span(Box<SpanData>),
    /// Asks for an answer once all spans before it are sent.
    Flush(SyncSender<()>),
}

/// The thread's part.
struct Sender<F> {
    /// Sends spans to the collector.
    export: F,
    batch: Vec<SpanData>,
    spans: Arc<AtomicUsize>,
    metrics: TraceMetrics,
    /// The collector does not take spans.
    refused: LastingProblem,
}

// === impl Queue ===

impl Queue {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Where the system has no thread left.
    pub(super) fn start(
        export: impl FnMut(Vec<SpanData>) -> Sent + Send + 'static,
        metrics: TraceMetrics,
    ) -> io::Result<Self> {
        // There is always room for those that wait for the end.
        let (sender, receiver) = sync_channel(MAX_SPANS + MAX_FLUSHES);
        let spans = Arc::new(AtomicUsize::new(0));
        let theirs = Sender {
            export,
            batch: Vec::new(),
            spans: Arc::clone(&spans),
            metrics: metrics.clone(),
            refused: LastingProblem::default(),
        };
        thread::Builder::new()
            .name("corsgate-traces".to_owned())
            .spawn(move || theirs.run(&receiver))?;
        Ok(Self {
            sender,
            spans,
            metrics,
        })
    }

    /// Queues the span that `make` makes, if there is room for it; else it is counted.
    pub(super) fn push(&self, make: impl FnOnce() -> SpanData) {
        let is_free = |spans: usize| (spans < MAX_SPANS).then_some(spans + 1);
        let taken = self
            .spans
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_free);
        if taken.is_err() {
            return self.metrics.dropped();
        }
        let message = Message::Span(Box::new(make()));
        if self.sender.try_send(message).is_err() {
            self.spans.fetch_sub(1, Ordering::Relaxed);
            self.metrics.dropped();
        }
    }

    /// Waits until all spans are sent or given up, at most for `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let (done, is_done) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            // In time or not: what is left is lost with the process.
            let _ = is_done.recv_timeout(patience);
        }
    }
}

// === impl Sender ===

impl<F: FnMut(Vec<SpanData>) -> Sent> Sender<F> {
    /// Sends spans as they come, until there will be no more.
    fn run(mut self, receiver: &Receiver<Message>) {
        let mut until = Instant::now() + LINGER;
        loop {
            let patience = until.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(patience) {
                Ok(Message::Span(span)) => {
                    if self.batch.is_empty() {
                        until = Instant::now() + LINGER;
                    }
                    self.batch.push(*span);
                    if self.batch.len() >= MAX_BATCH {
                        self.send();
                    }
                }
                Ok(Message::Flush(done)) => {
                    self.send();
                    // Who asked may have given up.
                    let _ = done.try_send(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.send();
                    until = Instant::now() + LINGER;
                }
                Err(RecvTimeoutError::Disconnected) => return self.send(),
            }
        }
    }

    fn send(&mut self) {
        let count = self.batch.len();
        if count == 0 {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        // A panic in one of the crates, which the log tells, costs these spans and not all that come later.
        let sent = catch_unwind(AssertUnwindSafe(|| (self.export)(batch)));
        self.spans.fetch_sub(count, Ordering::Relaxed);
        self.note(count, sent.unwrap_or_else(|_| Sent::panicked(count)));
    }

    fn note(&mut self, count: usize, Sent { lost, problem }: Sent) {
        self.metrics.exported(count - lost);
        self.metrics.failed(lost);
        match problem {
            Some(error) if self.refused.is_to_be_told() => {
                warn!(%error, "the collector does not take spans; they are lost and counted until it does");
            }
            Some(_) => {}
            None => {
                if self.refused.has_ended() {
                    info!("the collector takes spans again");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::Entry;
    use crate::metrics::Metrics;
    use crate::traces::{Span, TraceContext, span_data};
    use std::sync::mpsc::channel;

    fn span() -> SpanData {
        let context =
            TraceContext::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let span = Span {
            context: context.expect("valid"),
            parent: None,
            scheme: "http",
        };
        span_data::of(&span, &Entry::default())
    }

    fn count(metrics: &Metrics, result: &str) -> usize {
        let page = metrics.page().expect("a page");
        let page = String::from_utf8(page).expect("text");
        let series = format!("corsgate_trace_spans_total{{result=\"{result}\"}} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&series));
        value.expect("it is there").parse().expect("a number")
    }

    #[test]
    fn spans_that_do_not_fit_are_dropped_and_counted() {
        let metrics = Metrics::new().expect("metrics");
        let (begun, is_begun) = channel();
        let (end, may_end) = channel();
        let export = move |batch: Vec<SpanData>| {
            begun.send(batch.len()).expect("the test is there");
            // An error is the end of the test, after which nothing waits.
            let _ = may_end.recv();
            Sent::default()
        };
        let queue = Queue::start(export, metrics.traces().clone()).expect("a thread");
        // While the first message is sent, it and what waits are as many as there may be.
        for _ in 0..MAX_SPANS + 3 {
            queue.push(span);
        }
        let mut sent = is_begun.recv().expect("the first one");
        assert_eq!(count(&metrics, "dropped"), 3);
        // Once it has arrived, there is room again.
        while sent < MAX_SPANS {
            end.send(()).expect("it waits");
            sent += is_begun.recv().expect("another one");
        }
        end.send(()).expect("it waits");
        drop(end);
        queue.push(span);
        queue.flush(Duration::from_secs(10));
        assert_eq!(count(&metrics, "exported"), MAX_SPANS + 1);
        assert_eq!(
            (count(&metrics, "dropped"), count(&metrics, "failed")),
            (3, 0)
        );
    }

    #[test]
    fn spans_that_the_collector_refuses_or_that_cause_a_panic_are_failed_and_the_next_are_sent() {
        let metrics = Metrics::new().expect("metrics");
        let mut messages = 0;
        let export = move |batch: Vec<SpanData>| {
            messages += 1;
            match messages {
                1 => Sent {
                    lost: 1,
                    problem: Some("it is full".to_owned()),
                },
                2 => panic!("as a test wants it, of {} spans", batch.len()),
                _ => Sent::default(),
            }
        };
        let queue = Queue::start(export, metrics.traces().clone()).expect("a thread");
        for (pushed, exported, failed) in [(3, 2, 1), (2, 2, 3), (1, 3, 3)] {
            (0..pushed).for_each(|_| queue.push(span));
            queue.flush(Duration::from_secs(10));
            let counted = (count(&metrics, "exported"), count(&metrics, "failed"));
            assert_eq!(counted, (exported, failed));
            assert_eq!(queue.spans.load(Ordering::Relaxed), 0);
        }
    }
}
