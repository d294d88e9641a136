//! The messages in a real Chromium's console, which `explain` is given as a person would paste them.

use super::chromium::{self, ARGUMENTS};
use crate::support::{Answer, Folder, PATIENCE, Received, Upstream};
use corsgate::config::Config;
use corsgate::explain::{Flags, Question, explain};
use corsgate::metrics::Metrics;
use corsgate::proxy::Snapshot;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::{OnceLock, mpsc};

/// A server's mistake.
struct Mistake {
    /// The options of `fetch()`, in JavaScript.
    fetch: &'static str,
    /// Status and fields of the answer to the preflight, `;` between the fields; `{o}` is the page's origin.
    preflight: (u16, &'static str),
    response: &'static str,
    /// The method and the meaning that explain must find in the message.
    method: &'static str,
    meaning: &'static str,
}

const ALLOWED: &str = "Access-Control-Allow-Origin: {o}";

#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    simple("{}", "", "the response did not have Access-Control-Allow-Origin"),
    simple("{}", "Access-Control-Allow-Origin: https://x.example", "the response allows the origin `https://x.example`"),
    simple("{}", "Access-Control-Allow-Origin: *, {o}", "the response had several values"),
    simple("{}", "Access-Control-Allow-Origin: x", "the response allows `x`, which is not an origin"),
    simple("{credentials:'include'}", "Access-Control-Allow-Origin: *", "which `*` does not allow"),
    simple("{credentials:'include'}", ALLOWED, "the response does not allow them"),
    asked("{method:'PUT'}", 204, "", "OPTIONS", "the answer to the preflight did not have Access-Control-Allow-Origin"),
    asked("{method:'PUT'}", 403, ALLOWED, "OPTIONS", "a status other than 200 to 299"),
    asked("{method:'PUT'}", 302, "Access-Control-Allow-Origin: {o};Location: /x", "GET", "a redirect"),
    asked("{method:'PUT'}", 204, "Access-Control-Allow-Origin: https://x.example", "OPTIONS", "allows another origin, or several"),
    asked("{method:'PUT'}", 204, ALLOWED, "PUT", "does not allow the method"),
    asked("{headers:{'x-a':'1'}}", 204, ALLOWED, "GET", "does not allow the header"),
    asked("{method:'PUT'}", 204, "Access-Control-Allow-Origin: {o};Access-Control-Allow-Methods: (x)", "OPTIONS", "is not a list of methods"),
    asked("{headers:{'x-a':'1'}}", 204, "Access-Control-Allow-Origin: {o};Access-Control-Allow-Headers: (x)", "OPTIONS", "is not a list of names"),
    asked("{method:'PUT',credentials:'include'}", 204, "Access-Control-Allow-Origin: *", "GET", "which `*` does not allow"),
    asked("{method:'PUT',credentials:'include'}", 204, ALLOWED, "GET", "the response does not allow them"),
    simple("{mode:'same-origin'}", "", "`mode: \"same-origin\"`"),
];

const fn simple(fetch: &'static str, response: &'static str, meaning: &'static str) -> Mistake {
    Mistake {
        fetch,
        preflight: (204, ""),
        response,
        method: "GET",
        meaning,
    }
}

const fn asked(
    fetch: &'static str,
    status: u16,
    preflight: &'static str,
    method: &'static str,
    meaning: &'static str,
) -> Mistake {
    Mistake {
        fetch,
        preflight: (status, preflight),
        response: "",
        method,
        meaning,
    }
}

/// Answers the request for the mistake whose index is the path.
fn answer(request: &Received, page: &OnceLock<String>) -> Answer {
    let index: Option<usize> = request.target.trim_start_matches('/').parse().ok();
    let Some(mistake) = index.and_then(|index| MISTAKES.get(index)) else {
        return Answer::new(404, &[]);
    };
    let (status, fields) = match request.method.as_str() {
        "OPTIONS" => mistake.preflight,
        _ => (200, mistake.response),
    };
    let origin = page.get().expect("a page before a browser");
    let fields = fields.split_terminator(';').map(|field| {
        let (name, value) = field.split_once(": ").expect("a field");
        (name.to_owned(), value.replace("{o}", origin))
    });
    Answer::new(status, &fields.collect::<Vec<_>>())
}

#[test]
fn the_messages_of_its_console_are_understood() {
    let Some(mut program) = chromium::program() else {
        return;
    };
    let origin = std::sync::Arc::new(OnceLock::new());
    let theirs = std::sync::Arc::clone(&origin);
    let server = Upstream::start_with(move |request| answer(request, &theirs));
    let server = format!("http://{}", server.address);
    let calls: Vec<String> = (0..)
        .zip(MISTAKES)
        .map(|(index, mistake)| {
            let fetch = mistake.fetch;
            format!("await fetch('{server}/{index}', {fetch}).catch(() => 0);")
        })
        .collect();
    let html = format!(
        "<script>(async () => {{ {} console.log('all done'); }})()</script>",
        calls.join("\n")
    );
    let page = Upstream::start_with(move |_| {
        let head = format!(
            "HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
            html.len()
        );
        Answer([head.as_bytes(), html.as_bytes()].concat())
    });
    let page = format!("http://{}", page.address);
    origin.set(page.clone()).expect("there was none");

    let profile = Folder::new();
    let mut child = program
        .args(ARGUMENTS)
        .args(["--enable-logging=stderr", "--v=0"])
        .arg(format!("--user-data-dir={}", profile.path("").display()))
        .arg(&page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let stderr = child.stderr.take().expect("piped");
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.contains("CONSOLE") && send.send(line).is_err() {
                break;
            }
        }
    });
    let mut messages = Vec::new();
    loop {
        let line = lines.recv_timeout(PATIENCE).expect("it has a console");
        if line.contains("all done") {
            break;
        }
        messages.push(line);
    }
    chromium::end(&mut child, &profile);

    let text = "listeners: [{ address: '127.0.0.1:0' }]\nupstreams: { u: { echo: true } }\nroutes: [{ upstream: u }]\n";
    let config = Config::parse(text, Path::new("gate.yaml")).expect("it can be served");
    let metrics = Metrics::new().expect("a registry");
    let snapshot = Snapshot::new(config, &metrics, None, None);
    assert_eq!(messages.len(), MISTAKES.len(), "{messages:#?}");
    for (index, (message, mistake)) in messages.iter().zip(MISTAKES).enumerate() {
        let question = Question::of_text(message, Flags::default());
        let question = question.unwrap_or_else(|error| panic!("{error}: {message}"));
        let report = explain(&snapshot, &question).expect("a report");
        assert_eq!(report.url, format!("{server}/{index}"), "{message}");
        assert_eq!(report.origin.as_ref(), Some(&page), "{message}");
        assert_eq!(report.method, mistake.method, "{message}");
        assert!(
            report.notes[0].contains(mistake.meaning),
            "{message}\n{report}"
        );
    }
}
