use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// An upstream that answers as it is told and remembers what reached it.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A request that reached the upstream. In its headers, a character is a byte.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// The upstream's answer to every request, byte for byte.
#[derive(Debug, Clone)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

impl Received {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        super::joined(&self.headers, name)
    }
}

impl Answer {
    /// A whole response without a body.
    pub(crate) fn new(status: u16, headers: &[(String, String)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} X\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !matches!(status, 204 | 304) {
            head.push_str("Content-Length: 0\r\n");
        }
        head.push_str("\r\n");
        Self(head.into_bytes())
    }

    pub(crate) fn ok() -> Self {
        Self::new(200, &[])
    }
}

impl Upstream {
    pub(crate) fn start(answer: Answer) -> Self {
        Self::start_with(move |_| answer.clone())
    }

    /// One that answers each request as `answer` says.
    pub(crate) fn start_with(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        // The thread ends with the process; an idle listener costs nothing.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                thread::spawn(move || serve(stream, &*answer, &log));
            }
        });
        Self { address, received }
    }

    /// The requests that have reached the upstream so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .expect("no test panics with it")
            .clone()
    }
}

fn serve(stream: TcpStream, answer: impl Fn(&Received) -> Answer, log: &Mutex<Vec<Received>>) {
    let mut writer = stream.try_clone().expect("a socket");
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let answer = answer(&request);
        log.lock().expect("no test panics with it").push(request);
        if writer.write_all(&answer.0).is_err() {
            return;
        }
    }
}

/// Reads a request's header to its end, and nothing behind it.
pub(crate) fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
}

/// Reads a request to its end; `None` where there is none, or it is broken.
pub(crate) fn read_request(reader: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|len| *len > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok()?;
        // A character is a byte: a field may have any.
        let line: String = line.iter().map(|&byte| char::from(byte)).collect();
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    let mut request = Received {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    if let Some(length) = request.get("content-length") {
        request.body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut request.body).ok()?;
    }
    Some(request)
}
