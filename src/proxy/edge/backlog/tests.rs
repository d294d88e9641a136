//! The accounts, with tasks in the place of pingora's.

use super::*;
use std::collections::VecDeque;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep as pass};

const PIECE: usize = 64 << 10;

/// The pieces that a client has yet to take, as they lie in h2's buffers.
#[derive(Clone, Default)]
struct Client(Arc<Mutex<VecDeque<Bytes>>>);

impl Client {
    fn send(&self, piece: Option<Bytes>) {
        self.0.lock().extend(piece);
    }

    fn waiting(&self) -> usize {
        self.0.lock().len()
    }

    fn take(&self) {
        drop(self.0.lock().pop_front());
    }
}

/// A response of so many pieces, of which each is sent as soon as it may be.
async fn respond(client: Client, pieces: usize) {
    let backlog = Backlog::current().expect("it is bound");
    for piece in 1..=pieces {
        let mut body = Some(Bytes::from(vec![0; PIECE]));
        backlog.hold(&mut body, piece == pieces);
        client.send(body);
        // As pingora does, it waits while its client has taken nothing.
        while client.waiting() >= 2 {
            pass(Duration::from_millis(1)).await;
        }
    }
}

struct Bench {
    connection: Arc<Account>,
    process: Arc<Account>,
    tasks: JoinSet<()>,
}

impl Bench {
    fn new() -> Self {
        Self {
            connection: Account::of_connection(),
            process: Account::of_process(),
            tasks: JoinSet::new(),
        }
    }

    fn start(&mut self, client: &Client, pieces: usize) {
        let backlog = Backlog::new(&self.connection, &self.process);
        self.tasks
            .spawn(backlog.bound(respond(client.clone(), pieces)));
    }

    fn charged(&self) -> (usize, usize) {
        let charged = |account: &Account| account.charged.load(Ordering::Acquire);
        (charged(&self.connection), charged(&self.process))
    }
}

async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_read_for_only_so_far() {
    let mut bench = Bench::new();
    let clients: Vec<Client> = (0..100).map(|_| Client::default()).collect();
    for client in &clients {
        bench.start(client, 100);
    }
    settle().await;
    let begun = clients.iter().filter(|client| client.waiting() > 0).count();
    assert_eq!(begun, PER_CONNECTION / READ_AHEAD);
    assert_eq!(bench.charged(), (PER_CONNECTION, PER_CONNECTION));
    // However many wait, one of them has its turn now and again.
    for more in 1..4 {
        advance(PATIENCE + Duration::from_millis(1)).await;
        settle().await;
        let reading = clients.iter().filter(|client| client.waiting() > 0).count();
        assert_eq!(reading, begun + more);
    }
    drop(clients);
    bench.tasks.shutdown().await;
    assert_eq!(bench.charged(), (0, 0), "all is given back");
}

#[tokio::test(start_paused = true)]
async fn whole_responses_count_for_what_is_left_of_them() {
    let mut bench = Bench::new();
    let client = Client::default();
    for _ in 0..10 {
        bench.start(&client, 1);
        settle().await;
    }
    assert_eq!(client.waiting(), 10, "none of them waits for another");
    assert_eq!(bench.charged(), (10 * PIECE, 10 * PIECE));
    client.take();
    assert_eq!(bench.charged(), (9 * PIECE, 9 * PIECE));
    while client.waiting() > 0 {
        client.take();
    }
    assert_eq!(bench.charged(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_gets_all_of_its_responses() {
    let mut bench = Bench::new();
    let clients: Vec<Client> = (0..100).map(|_| Client::default()).collect();
    for client in &clients {
        bench.start(client, 20);
    }
    let started = Instant::now();
    while !bench.tasks.is_empty() {
        clients.iter().for_each(Client::take);
        advance(Duration::from_millis(1)).await;
        settle().await;
        while bench.tasks.try_join_next().is_some() {}
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "one waits for ever"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn open_responses_with_nothing_to_take_hold_up_no_other() {
    let mut bench = Bench::new();
    let client = Client::default();
    for _ in 0..99 {
        let events = client.clone();
        let backlog = Backlog::new(&bench.connection, &bench.process);
        bench.tasks.spawn(backlog.bound(async move {
            let backlog = Backlog::current().expect("it is bound");
            let mut event = Some(Bytes::from_static(b"data: x"));
            backlog.hold(&mut event, false);
            events.send(event);
            std::future::pending::<()>().await;
        }));
        settle().await;
        assert_eq!(client.waiting(), 1, "its event has come");
        assert_eq!(bench.charged(), (READ_AHEAD, READ_AHEAD));
        client.take();
        assert_eq!(bench.charged(), (0, 0));
    }
    bench.start(&client, 1);
    settle().await;
    assert_eq!(client.waiting(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_connection_goes_on_with_one_response_when_the_process_has_no_room() {
    let mut bench = Bench::new();
    let connections = PER_PROCESS / PER_CONNECTION;
    let stalled: Vec<Client> = (0..connections).map(|_| Client::default()).collect();
    for client in &stalled {
        bench.connection = Account::of_connection();
        for _ in 0..PER_CONNECTION / READ_AHEAD {
            bench.start(client, 100);
        }
    }
    settle().await;
    let (_, process) = bench.charged();
    assert_eq!(process, PER_PROCESS);

    bench.connection = Account::of_connection();
    let (one, another) = (Client::default(), Client::default());
    bench.start(&one, 3);
    bench.start(&another, 3);
    settle().await;
    assert!(one.waiting() > 0, "a connection's first response");
    assert_eq!(another.waiting(), 0, "and not its second");

    // Those who take nothing are given up for it.
    advance(SHORT_PATIENCE + Duration::from_millis(1)).await;
    settle().await;
    assert!(another.waiting() > 0);
}

#[tokio::test(start_paused = true)]
async fn the_next_response_of_a_connection_goes_on_when_its_first_has_ended() {
    let mut bench = Bench::new();
    let stalled: Vec<Client> = (0..PER_PROCESS / PER_CONNECTION)
        .map(|_| Client::default())
        .collect();
    for client in &stalled {
        bench.connection = Account::of_connection();
        for _ in 0..PER_CONNECTION / READ_AHEAD {
            bench.start(client, 100);
        }
    }
    settle().await;
    bench.connection = Account::of_connection();
    let clients: Vec<Client> = (0..3).map(|_| Client::default()).collect();
    for client in &clients {
        bench.start(client, 2);
    }
    settle().await;
    // In any order.
    for _ in &clients {
        let next = clients.iter().find(|client| client.waiting() > 0);
        let client = next.expect("the turn of one has come");
        while client.waiting() > 0 {
            client.take();
            advance(Duration::from_millis(1)).await;
            settle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unread_responses_hold_up_the_others_of_their_connection_for_a_second() {
    let mut bench = Bench::new();
    let unread = Client::default();
    for _ in 0..PER_CONNECTION / READ_AHEAD {
        bench.start(&unread, 100);
    }
    settle().await;
    for waits in [true, false] {
        let client = Client::default();
        bench.start(&client, 1);
        settle().await;
        assert_eq!(client.waiting() == 0, waits, "there is no room");
        advance(PATIENCE).await;
        settle().await;
        assert_eq!(client.waiting(), 1);
        client.take();
        settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_process_does_not_keep_a_response_from_its_turn() {
    let mut bench = Bench::new();
    let unread = Client::default();
    for _ in 0..PER_CONNECTION / READ_AHEAD {
        bench.start(&unread, 100);
    }
    settle().await;
    let client = Client::default();
    bench.start(&client, 1);
    // Responses of other connections come and go all the time.
    for _ in 0..10 {
        settle().await;
        assert_eq!(client.waiting(), 0, "its connection has no room");
        bench.connection = Account::of_connection();
        let other = Client::default();
        bench.start(&other, 1);
        settle().await;
        other.take();
        advance(PATIENCE / 10).await;
    }
    settle().await;
    assert_eq!(client.waiting(), 1);
}
