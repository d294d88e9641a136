//! The upstream of one gateway: it replies as the exchange under way says, and keeps what it gets.

use super::exchange::{Afterwards, Exchange, Reply, Script, Then, When};
use super::message::{Message, Messages, Reader, Side};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum time that an exchange waits for anything; beyond it, the exchange is at fault, or the gateway.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Upstream {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    gateway: OnceLock<SocketAddr>,
    state: Mutex<State>,
    changed: Condvar,
    /// Threads that wait for a connection: a new one for each would take longer than what it does.
    idle: Mutex<Vec<Sender<Job>>>,
}

/// A connection to be served, and the exchange that it belongs to.
type Job = (Served, Arc<Exchange>);

#[derive(Default)]
struct State {
    /// Number of exchanges so far, which tells the connections of one from those of another.
    run: usize,
    exchange: Option<Arc<Exchange>>,
    is_ending: bool,
    /// The other end of a connection that is known to be the last in the queue.
    last: Option<SocketAddr>,
    progress: Vec<Progress>,
    /// One for each connection of the exchange, in their order.
    connections: Vec<Connection>,
}

/// The state of a request.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    tries: usize,
    /// Length of the body that has come, of the last try.
    body: usize,
    may_go_on: bool,
    is_over: bool,
}

/// A connection as its thread knows it.
struct Served {
    run: usize,
    number: usize,
    stream: Arc<TcpStream>,
}

#[derive(Default)]
struct Connection {
    /// `None` once it has ended.
    stream: Option<Arc<TcpStream>>,
    received: Messages,
}

/// Everything that an upstream got in an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The requests on each connection.
    pub(super) connections: Vec<Messages>,
    /// Number of connections that the gateway kept open although the upstream had ended them.
    pub(super) kept: usize,
}

// === impl Seen ===

impl Seen {
    /// Puts each request on a connection of its own, in the order of the exchange: which of the connections that
    /// are kept a request takes is not a part of the exchange. Each lane keeps its own.
    pub(super) fn separate(&mut self) {
        let mut separate = Vec::new();
        for connection in std::mem::take(&mut self.connections) {
            let Messages {
                messages,
                rest,
                is_broken,
            } = connection;
            let single = messages.into_iter().map(|message| Messages {
                messages: vec![message],
                ..Messages::default()
            });
            separate.extend(single);
            if !rest.is_empty() || is_broken {
                separate.push(Messages {
                    messages: Vec::new(),
                    rest,
                    is_broken,
                });
            }
        }
        let mark = |one: &Messages| {
            one.messages
                .first()
                .and_then(|message| message.request_mark())
        };
        separate.sort_by_key(mark);
        self.connections = separate;
    }
}

// === impl Upstream ===

impl Upstream {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared::default());
        let server = Arc::clone(&shared);
        // The threads end with the process; a listener without clients costs nothing.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if server.is_last(&stream) {
                    continue;
                }
                if let Some(job) = server.open(stream) {
                    server.have_served(job);
                }
            }
        });
        Self { address, shared }
    }

    /// Tells it whose clock to look at.
    pub(super) fn is_behind(&self, gateway: SocketAddr) {
        self.shared.gateway.set(gateway).expect("only once");
    }

    pub(super) fn begin(&self, exchange: &Arc<Exchange>) {
        let mut state = self.shared.lock();
        *state = State {
            run: state.run + 1,
            progress: vec![Progress::default(); exchange.scripts.len()],
            exchange: Some(Arc::clone(exchange)),
            ..State::default()
        };
    }

    /// Waits until so much of the body of a request has come.
    pub(super) fn await_asked(&self, index: usize, body: usize) -> bool {
        let is_there = |state: &State| {
            let Progress {
                tries, body: found, ..
            } = state.progress[index];
            tries > 0 && found >= body
        };
        self.shared.wait(is_there)
    }

    /// Lets the upstream do what its script says for after a response.
    pub(super) fn go_on(&self, index: usize) -> bool {
        let mut state = self.shared.lock();
        state.progress[index].may_go_on = true;
        // The gateway may have answered the request itself.
        let was_asked = state.progress[index].tries > 0;
        drop(state);
        self.shared.changed.notify_all();
        !was_asked || self.shared.wait(|state| state.progress[index].is_over)
    }

    /// Waits until all connections have ended.
    pub(super) fn await_left(&self) -> bool {
        self.accept_all();
        let has_ended = |connection: &Connection| connection.stream.is_none();
        self.shared
            .wait(|state| state.connections.iter().all(has_ended))
    }

    /// Ends all connections that are still open, and waits until the gateway has ended them as well, so
    /// that the next exchange finds no idle ones.
    pub(super) fn end(&self) -> Seen {
        let has_last = |state: &State| state.progress.last().is_some_and(|last| last.tries > 0);
        if !has_last(&self.shared.lock()) {
            // A connection may have been made for a request that failed.
            self.accept_all();
        }
        let mut state = self.shared.lock();
        state.is_ending = true;
        for stream in state.connections.iter().filter_map(|c| c.stream.as_ref()) {
            let _ = stream.shutdown(Shutdown::Write);
        }
        drop(state);
        self.shared.changed.notify_all();
        let is_over = |state: &State| state.connections.iter().all(|c| c.stream.is_none());
        self.shared.wait(is_over);
        let mut state = self.shared.lock();
        let connections = std::mem::take(&mut state.connections);
        let kept = connections.iter().filter(|c| c.stream.is_some()).count();
        state.exchange = None;
        // Whether a connection is made for a request that fails before it is sent is of no consequence.
        let received = connections.into_iter().map(|c| c.received);
        Seen {
            connections: received.filter(|r| *r != Messages::default()).collect(),
            kept,
        }
    }

    /// Waits until every connection is accepted that was made before.
    fn accept_all(&self) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).expect("a free port");
        let own = socket.local_addr().expect("bound");
        self.shared.lock().last = own.as_socket();
        socket.connect(&self.address.into()).expect("it listens");
        self.shared.wait(|state| state.last.is_none());
        // Without a port that waits for its time to pass.
        socket.set_linger(Some(Duration::ZERO)).expect("an option");
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Waits until something is so; returns `false` if it never is.
    fn wait(&self, is_so: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while !is_so(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.expect("nobody panics with it").0;
        }
        true
    }

    /// Whether it is the connection that nothing comes behind.
    fn is_last(&self, stream: &TcpStream) -> bool {
        let mut state = self.lock();
        let is_last = state.last.is_some() && state.last == stream.peer_addr().ok();
        if is_last {
            state.last = None;
            drop(state);
            self.changed.notify_all();
        }
        is_last
    }

    /// Notes a connection; returns its number and its exchange, if there is one under way.
    fn open(&self, stream: TcpStream) -> Option<Job> {
        let mut state = self.lock();
        let exchange = state.exchange.clone()?;
        let stream = Arc::new(stream);
        let served = Served {
            run: state.run,
            number: state.connections.len(),
            stream: Arc::clone(&stream),
        };
        state.connections.push(Connection {
            stream: Some(stream),
            received: Messages::default(),
        });
        drop(state);
        Some((served, exchange))
    }

    fn have_served(self: &Arc<Self>, job: Job) {
        let idle = self.idle.lock().expect("nobody panics with it").pop();
        if let Some(thread) = idle {
            return thread.send(job).expect("it waits");
        }
        let (shared, (sender, jobs)) = (Arc::clone(self), mpsc::channel());
        sender.send(job).expect("it will wait");
        thread::spawn(move || {
            for (served, exchange) in &jobs {
                shared.serve(served, &exchange);
                let mut idle = shared.idle.lock().expect("nobody panics with it");
                idle.push(sender.clone());
            }
        });
    }

    fn serve(&self, served: Served, exchange: &Exchange) {
        let Served {
            run,
            number,
            stream,
        } = served;
        let mut reader = Reader::new(Side::Requests);
        stream.set_nodelay(true).expect("an option");
        let then = self.converse(run, &stream, exchange, &mut reader);
        if then == Some(Then::Closes) {
            let _ = stream.shutdown(Shutdown::Write);
            // What comes now has no reader any more; the other side's end does.
            while let Ok(1..) = (&*stream).read(&mut [0; 4096]) {}
        }
        if then == Some(Then::Resets) {
            let linger = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            linger.expect("an option");
        }
        drop(stream);
        let mut state = self.lock();
        if state.run == run {
            // A script that has not come to its end will not.
            let begun = state.progress.iter_mut().filter(|p| p.tries > 0);
            begun.for_each(|progress| progress.is_over = true);
        }
        if state.run == run
            && let Some(connection) = state.connections.get_mut(number)
        {
            *connection = Connection {
                stream: None,
                received: reader.end(),
            };
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Serves requests until either side ends; returns how this side does.
    fn converse(
        &self,
        run: usize,
        stream: &TcpStream,
        exchange: &Exchange,
        reader: &mut Reader,
    ) -> Option<Then> {
        self.write(stream, &exchange.greeting);
        let (mut chunk, mut served, mut is_begun) = ([0; 16 * 1024], 0, false);
        loop {
            while let Some(message) = reader.messages().get(served) {
                let index = index_of(message, exchange);
                let script = exchange.scripts.get(index?)?;
                let (try_number, is_ending) = self.note(run, index?, message, !is_begun);
                let reply = &script.replies[try_number.min(script.replies.len() - 1)];
                if is_ending {
                    return None;
                }
                if !is_begun {
                    is_begun = true;
                    self.reply(stream, reply, When::Head);
                }
                if !message.is_whole {
                    break;
                }
                self.reply(stream, reply, When::Whole);
                if reply.then != Then::Keeps {
                    return Some(reply.then);
                }
                if let Some(then) = self.go_on(stream, index?, script) {
                    return Some(then);
                }
                (served, is_begun) = (served + 1, false);
            }
            if reader.is_broken() {
                return Some(Then::Closes);
            }
            match (&*stream).read(&mut chunk) {
                Ok(len @ 1..) => reader.push(&chunk[..len]),
                _ => return None,
            }
        }
    }

    /// Notes that some of a request has come; returns the number of the try, from 0.
    fn note(&self, run: usize, index: usize, message: &Message, is_new: bool) -> (usize, bool) {
        let mut state = self.lock();
        let is_ending = state.is_ending || state.run != run;
        let Some(progress) = state.progress.get_mut(index) else {
            return (0, true);
        };
        if is_new {
            progress.tries += 1;
            progress.is_over = false;
        }
        progress.body = message.body.len();
        let number = progress.tries - 1;
        drop(state);
        self.changed.notify_all();
        (number, is_ending)
    }

    fn reply(&self, stream: &TcpStream, reply: &Reply, when: When) {
        let pieces = match (reply.when, when) {
            (When::Head, When::Head) | (When::Whole, When::Whole) => &reply.pieces[..],
            (When::HeadAndWhole, When::Head) => &reply.pieces[..1],
            (When::HeadAndWhole, When::Whole) => &reply.pieces[1..],
            _ => return,
        };
        let closes = reply.then == Then::Closes && when == When::Whole;
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 {
                self.tick();
            }
            if closes && at + 1 == pieces.len() {
                // The end leaves with the last bytes: how much later it came would be chance.
                let corked = SockRef::from(stream).set_tcp_cork(true);
                corked.expect("an option");
            }
            self.write(stream, piece);
        }
    }

    /// Does what is to be done after a response; returns how the connection ends by that.
    fn go_on(&self, stream: &TcpStream, index: usize, script: &Script) -> Option<Then> {
        let Afterwards { bytes, then } = script.afterwards.as_ref()?;
        self.wait(|state| state.is_ending || state.progress[index].may_go_on);
        self.write(stream, bytes);
        if *then == Then::Closes {
            let _ = stream.shutdown(Shutdown::Write);
        }
        self.tick();
        self.lock().progress[index].is_over = true;
        self.changed.notify_all();
        (*then != Then::Keeps).then_some(*then)
    }

    /// The gateway may have closed already, or have had enough.
    fn write(&self, mut stream: &TcpStream, bytes: &[u8]) {
        let _ = stream.write_all(bytes);
    }

    /// Waits until the gateway has read what was written before: it has one thread, which takes
    /// connections in the order in which they have something to be read. When another one has been
    /// answered twice, this one was read too.
    fn tick(&self) {
        const TICK: &[u8] = b"HEAD /tick HTTP/1.1\r\nHost: nowhere.test\r\n\r\n";
        let gateway = self.gateway.get().expect("told");
        let mut clock = TcpStream::connect(gateway).expect("it listens");
        clock.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        for _ in 0..2 {
            clock.write_all(TICK).expect("it reads");
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                let mut chunk = [0; 1024];
                let len = clock.read(&mut chunk).expect("an answer");
                assert!(len > 0, "the clock's connection is kept");
                answer.extend_from_slice(&chunk[..len]);
            }
        }
    }
}

/// Finds the request's index; `None` where it does not belong to the exchange.
fn index_of(message: &Message, exchange: &Exchange) -> Option<usize> {
    let (number, index) = message.request_mark()?;
    (number == exchange.number && index < exchange.scripts.len()).then_some(index)
}
