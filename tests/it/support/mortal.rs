use super::{Answer, Received, read_request};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// An upstream that can be killed and revived: its connections are reset, and new ones refused.
pub(crate) struct Mortal {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    /// Bound and never listening, so that no other gets the port meanwhile.
    _place: Socket,
}

struct State {
    answer: Box<dyn Fn(&Received) -> Answer + Send + Sync>,
    listener: Mutex<Option<Socket>>,
    open: Mutex<Vec<TcpStream>>,
}

// === impl Mortal ===

impl Mortal {
    /// Starts one that answers each request as `answer` says, while it lives.
    pub(crate) fn start_with(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        let place = bound(([127, 0, 0, 1], 0).into());
        let address = place.local_addr().expect("bound").as_socket();
        let mortal = Self {
            address: address.expect("an address"),
            state: Arc::new(State {
                answer: Box::new(answer),
                listener: Mutex::default(),
                open: Mutex::default(),
            }),
            _place: place,
        };
        mortal.revive();
        mortal
    }

    pub(crate) fn kill(&self) {
        if let Some(socket) = self.state.listener.lock().expect("unpoisoned").take() {
            // Wakes the thread that accepts.
            let _ = socket.shutdown(Shutdown::Both);
        }
        for stream in self.state.open.lock().expect("unpoisoned").drain(..) {
            // Nothing is sent any more, not even what was on its way: the other side gets a reset.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn revive(&self) {
        let socket = bound(self.address);
        socket.listen(64).expect("it listens");
        let accepting: TcpListener = socket.try_clone().expect("a socket").into();
        *self.state.listener.lock().expect("unpoisoned") = Some(socket);
        let state = Arc::clone(&self.state);
        thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let mut open = state.open.lock().expect("unpoisoned");
                open.push(stream.try_clone().expect("a socket"));
                drop(open);
                let state = Arc::clone(&state);
                thread::spawn(move || state.serve(stream));
            }
        });
    }
}

/// Binds a socket beside others that do not listen.
fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&address.into()).expect("its port is free");
    socket
}

// === impl State ===

impl State {
    fn serve(&self, stream: TcpStream) {
        let mut writer = stream.try_clone().expect("a socket");
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            if writer.write_all(&(self.answer)(&request).0).is_err() {
                return;
            }
        }
    }
}
