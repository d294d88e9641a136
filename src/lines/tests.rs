//! Queues before readers that are slow, gone, or far between.

use super::*;
use crate::metrics::Metrics;
use std::io::{BufRead as _, BufReader, PipeWriter, Read as _, pipe};
use std::sync::mpsc;

const BOUNDS: LineBounds = LineBounds {
    waiting: 1 << 20,
    line: 64 << 10,
    linger: Duration::ZERO,
};

impl LineSink for PipeWriter {}

fn start(bounds: LineBounds, out: impl LineSink + Send + 'static) -> (Lines, Metrics) {
    let metrics = Metrics::new().expect("names differ");
    let lines = Lines::start("test", bounds, metrics.log().clone(), out);
    (lines.expect("a thread"), metrics)
}

fn dropped(metrics: &Metrics) -> usize {
    let page = String::from_utf8(metrics.page().expect("encodes")).expect("text");
    let mut lines = page.lines();
    let line = lines.find_map(|line| line.strip_prefix("corsgate_log_dropped_total "));
    line.expect("it is there").parse().expect("a number")
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn lines_that_are_not_taken_wait_and_then_are_dropped_and_counted() {
    let (reader, writer) = pipe().expect("a pipe");
    let (queue, metrics) = start(BOUNDS, writer);
    let line = [b"x".repeat(1022).as_slice(), b"\r\n"].concat();
    let sent = 4 * BOUNDS.waiting / line.len();
    for _ in 0..sent {
        queue.push(&line);
    }
    let lost = dropped(&metrics);
    assert!(lost > sent / 4 && lost < sent, "{lost} of {sent}");
    queue.flush(Instant::now() + RETRY_INTERVAL);
    // All others come, as soon as there is a reader.
    let reading = thread::spawn(move || {
        let lines = BufReader::new(reader).lines().map_while(Result::ok);
        lines.take_while(|line| line != "end").count()
    });
    queue.flush(in_a_minute());
    queue.push(b"end\n");
    assert_eq!(reading.join().expect("no panic") + lost, sent);
    assert_eq!(dropped(&metrics), lost);
}

#[test]
fn lines_that_can_not_be_written_are_counted_and_the_next_are_tried() {
    struct Failing;
    impl LineSink for Failing {}
    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (queue, metrics) = start(BOUNDS, Failing);
    for lines in 1..10 {
        queue.push(b"a line\n");
        queue.flush(in_a_minute());
        assert_eq!(dropped(&metrics), lines);
    }
}

#[test]
fn a_long_line_is_cut_between_two_characters() {
    for shift in ["", "x", "xx", "xxx"] {
        let (mut reader, writer) = pipe().expect("a pipe");
        let (queue, _metrics) = start(BOUNDS, writer);
        let line = format!("{shift}{}\n", "\u{1f600}".repeat(BOUNDS.line / 4));
        let reading = thread::spawn(move || {
            let mut read = vec![0; BOUNDS.line];
            let mut length = 0;
            while !read[..length].ends_with(CUT) {
                length += reader.read(&mut read[length..]).expect("readable");
            }
            String::from_utf8(read[..length].to_vec())
        });
        queue.push(line.as_bytes());
        let read = reading.join().expect("no panic").expect("whole characters");
        assert!(read.len() > BOUNDS.line - 4, "{}", read.len());
    }
}

/// Sends on what is written at once, and notes when it is opened again.
struct Pieces(mpsc::Sender<String>);

impl LineSink for Pieces {
    fn reopen(&mut self) {
        let _ = self.0.send("opened".to_owned());
    }
}

impl Write for Pieces {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(String::from_utf8_lossy(piece).into_owned());
        Ok(piece.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_linger_to_be_written_at_once_unless_they_are_waited_for() {
    let (send, pieces) = mpsc::channel();
    let linger = Duration::from_secs(3600);
    let bounds = LineBounds {
        linger,
        waiting: 100,
        ..BOUNDS
    };
    let (queue, _metrics) = start(bounds, Pieces(send));
    queue.push(b"one\n");
    queue.push(b"two\n");
    queue.flush(in_a_minute());
    assert_eq!(pieces.recv().as_deref(), Ok("one\ntwo\n"));
    // Half of the room is enough.
    let line = [b"x".repeat(48).as_slice(), b"\n"].concat();
    queue.push(&line);
    queue.push(b"y\n");
    assert_eq!(pieces.recv().map(|piece| piece.len()), Ok(51));
    queue.push(b"before\n");
    queue.reopen();
    assert_eq!(pieces.recv().as_deref(), Ok("opened"));
    assert_eq!(pieces.recv().as_deref(), Ok("before\n"));
    // The end is worth it, too, and ends the thread.
    queue.push(b"last\n");
    drop(queue);
    assert_eq!(pieces.recv().as_deref(), Ok("last\n"));
    assert!(pieces.recv().is_err());
}
