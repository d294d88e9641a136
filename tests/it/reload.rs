//! Reload: a new configuration is served whole, a bad one changes nothing, and no request notices.

mod load;

use crate::expect;
use crate::support::{
    Answer, Client, Folder, Gateway, Masks, PATIENCE, Response, Upstream, hide_unknown, label,
    read_head,
};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Instant;

/// A configuration that allows one origin, with more lines behind.
fn configuration(origin: &str, upstream: SocketAddr, more: &str) -> String {
    format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
         server: {{ threads: 1 }}\nupstreams: {{ u: {{ endpoints: ['{upstream}'] }} }}\n\
         policies: {{ p: {{ allow_origins: ['{origin}'] }} }}\n\
         routes:\n- {{ name: r, upstream: u, cors: p }}\n{more}"
    )
}

const BAD: &str = "listeners: []\nroutes: 7\n";

fn preflight(gateway: &Gateway, origin: &str) -> u16 {
    let request = format!(
        "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: GET\r\n\r\n"
    );
    gateway.send(&request).status
}

fn allows(gateway: &Gateway, origin: &str) -> bool {
    preflight(gateway, origin) == 204
}

/// Compares answers of the admin listener with `tests/expect/NAME`.
fn assert_answers(name: &str, folder: &Folder, upstream: &Upstream, answers: &[(&str, &str)]) {
    let masks = Masks::default()
        .value("{folder}/", folder.path("").display())
        .value("{upstream}", upstream.address);
    let answers = answers.iter();
    let answers = answers.map(|(what, text)| (what, hide_unknown(&masks.hide(text))));
    expect::texts(name, &answers.collect::<Vec<_>>());
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

const APPLIED: &str = "corsgate_config_reloads_total{result=\"applied\"}";
const REJECTED: &str = "corsgate_config_reloads_total{result=\"rejected\"}";
const SUCCESSFUL: &str = "corsgate_config_last_reload_successful";

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

#[test]
fn a_reload_serves_the_new_configuration() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let file = folder.write("gate.yaml", &configuration(ONE, upstream.address, ""));
    let gateway = Gateway::of_file(&file);
    assert!(allows(&gateway, ONE) && !allows(&gateway, TWO));
    assert_eq!(gateway.metric(SUCCESSFUL), 1.0);
    assert_eq!(gateway.metric(APPLIED), 0.0);
    let before = gateway.ask_admin("GET /config").body;

    folder.write("gate.yaml", &configuration(TWO, upstream.address, ""));
    let answer = gateway.ask_admin("POST /reload");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!allows(&gateway, ONE) && allows(&gateway, TWO));
    // The watcher may have seen the change as well.
    assert!(gateway.metric(APPLIED) >= 1.0);
    assert_eq!(gateway.metric(SUCCESSFUL), 1.0);

    let after = gateway.ask_admin("GET /config").body;
    assert!(before.contains(ONE) && !before.contains(TWO), "{before}");
    assert!(after.contains(TWO) && !after.contains(ONE), "{after}");
    let page = gateway.metrics();
    let mut info = page
        .lines()
        .filter(|l| l.starts_with("corsgate_config_info{"));
    let hash = info
        .next()
        .and_then(|line| label(line, "hash"))
        .expect("a hash");
    assert_eq!(info.next(), None, "one configuration is served");
    assert!(after.contains(&format!("# hash: {hash}\n")), "{after}");
    assert!(answer.body.contains(&hash), "{}", answer.body);
    assert!(!before.contains(&hash), "another content, another hash");
}

#[test]
fn a_bad_file_changes_nothing_but_two_metrics() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let file = folder.write("gate.yaml", &configuration(ONE, upstream.address, ""));
    let gateway = Gateway::of_file(&file);
    let info = |page: &str| {
        page.lines()
            .find(|l| l.contains("config_info{"))
            .map(str::to_owned)
    };
    let before = info(&gateway.metrics());

    folder.write("gate.yaml", BAD);
    let answer = gateway.ask_admin("POST /reload");
    assert_eq!(answer.status, 422);
    assert!(allows(&gateway, ONE));
    assert!(gateway.metric(REJECTED) >= 1.0);
    assert_eq!(gateway.metric(APPLIED), 0.0);
    assert_eq!(gateway.metric(SUCCESSFUL), 0.0);
    assert_eq!(info(&gateway.metrics()), before);
    let page = gateway.ask_admin("GET /config").body;
    assert!(page.contains(ONE), "{page}");
    let answers = [("POST /reload", &*answer.body), ("GET /config", &page)];
    assert_answers("reload/refused.txt", &folder, &upstream, &answers);

    // Mended, it is taken without being asked.
    folder.write("gate.yaml", &configuration(TWO, upstream.address, ""));
    wait_until("the mended file is taken", || allows(&gateway, TWO));
    assert_eq!(gateway.metric(SUCCESSFUL), 1.0);
    let error = answer.body.lines().next().expect("an error");
    assert!(page.contains(error), "{page}");
    let page = gateway.ask_admin("GET /config").body;
    assert!(!page.contains(error), "{page}");
}

#[test]
fn a_file_that_is_written_replaced_or_gone_for_a_while_is_noticed() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let text = |origin: &str| configuration(origin, upstream.address, "");
    let file = folder.write("gate.yaml", &text(ONE));
    let gateway = Gateway::of_file(&file);

    folder.write("gate.yaml", &text("https://written.example"));
    wait_until("written in place", || {
        allows(&gateway, "https://written.example")
    });

    folder.replace("gate.yaml", &text("https://replaced.example"));
    wait_until("renamed over", || {
        allows(&gateway, "https://replaced.example")
    });

    std::fs::remove_file(&file).expect("removed");
    wait_until("missed", || gateway.metric(SUCCESSFUL) == 0.0);
    assert!(
        allows(&gateway, "https://replaced.example"),
        "and served on"
    );
    folder.write("gate.yaml", &text("https://back.example"));
    wait_until("back", || allows(&gateway, "https://back.example"));
}

#[test]
fn a_symbolic_link_that_is_swapped_as_kubernetes_does_is_noticed() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let revision = |name: &str, origin: &str| {
        std::fs::create_dir(folder.path(name)).expect("a folder");
        let text = configuration(origin, upstream.address, "");
        folder.write(&format!("{name}/gate.yaml"), &text);
    };
    revision("..1", ONE);
    symlink("..1", folder.path("..data")).expect("a link");
    symlink("..data/gate.yaml", folder.path("gate.yaml")).expect("a link");
    let gateway = Gateway::of_file(&folder.path("gate.yaml"));
    for (name, origin) in [("..2", TWO), ("..3", ONE), ("..4", TWO)] {
        revision(name, origin);
        symlink(name, folder.path("..data_tmp")).expect("a link");
        std::fs::rename(folder.path("..data_tmp"), folder.path("..data")).expect("swapped");
        wait_until(name, || allows(&gateway, origin));
    }
    assert_eq!(gateway.metric(REJECTED), 0.0);
}

#[test]
fn a_folder_that_is_replaced_is_noticed() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let write = |name: &str, origin: &str| {
        std::fs::create_dir(folder.path(name)).expect("a folder");
        folder.write(
            &format!("{name}/gate.yaml"),
            &configuration(origin, upstream.address, ""),
        );
    };
    write("conf", ONE);
    let gateway = Gateway::of_file(&folder.path("conf/gate.yaml"));
    for origin in [TWO, ONE] {
        write("new", origin);
        std::fs::rename(
            folder.path("conf"),
            folder.path(&format!("old-{}", origin.len())),
        )
        .and_then(|()| std::fs::rename(folder.path("new"), folder.path("conf")))
        .expect("renamed");
        wait_until(origin, || allows(&gateway, origin));
        std::fs::remove_dir_all(folder.path(&format!("old-{}", origin.len()))).expect("removed");
    }
}

#[test]
fn a_changed_file_of_origins_is_noticed_also_one_that_is_new() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let with_file = |name: &str| {
        configuration(ONE, upstream.address, "")
            .replace(&format!("'{ONE}'"), &format!("{{ file: {name} }}"))
    };
    folder.write("tenants.txt", ONE);
    let file = folder.write("gate.yaml", &with_file("tenants.txt"));
    let gateway = Gateway::of_file(&file);
    assert!(allows(&gateway, ONE));
    folder.replace("tenants.txt", TWO);
    wait_until("the file of origins", || allows(&gateway, TWO));
    // One that is named and not there is waited for.
    folder.write("gate.yaml", &with_file("others.txt"));
    wait_until("it is missed", || gateway.metric(SUCCESSFUL) == 0.0);
    folder.write("others.txt", ONE);
    wait_until("it has come", || allows(&gateway, ONE));
}

#[test]
fn what_needs_a_restart_is_said_and_the_rest_is_in_force() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let text = configuration(ONE, upstream.address, "");
    let file = folder.write("gate.yaml", &text);
    let gateway = Gateway::of_file(&file);
    let changed = configuration(
        TWO,
        upstream.address,
        "metrics: { address: '127.0.0.1:0' }\n",
    )
    .replace("threads: 1", "threads: 2, express_lane: false")
    .replace("listeners: [", "listeners: [{ address: '127.0.0.1:1' }, ");
    folder.write("gate.yaml", &changed);
    let answer = gateway.ask_admin("POST /reload");
    assert_eq!(answer.status, 200);
    assert!(allows(&gateway, TWO));
    // What is shown is what is in force, and what is not is said.
    let page = gateway.ask_admin("GET /config").body;
    let (_, shown) = page.split_once("listeners:").expect("a document");
    assert!(
        shown.contains(TWO) && shown.contains("threads: 1"),
        "{page}"
    );
    assert!(
        !shown.contains("127.0.0.1:1\n") && !shown.contains("metrics:"),
        "{page}"
    );
    folder.write("gate.yaml", &text);
    let as_before = gateway.ask_admin("POST /reload").body;
    let answers = [
        ("POST /reload", &*answer.body),
        ("GET /config", &page),
        ("POST /reload of the file as it was", &as_before),
    ];
    assert_answers("reload/restart.txt", &folder, &upstream, &answers);
}

#[test]
fn series_of_routes_that_are_gone_are_gone_and_the_others_count_on() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let more = "- { name: old, match: { path_prefix: /old }, upstream: u, cors: p }\n";
    let file = folder.write("gate.yaml", &configuration(ONE, upstream.address, more));
    let gateway = Gateway::of_file(&file);
    assert!(allows(&gateway, ONE));
    assert!(gateway.metrics().contains("route=\"old\""));
    let more = more.replace("old", "new");
    folder.write("gate.yaml", &configuration(ONE, upstream.address, &more));
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    let page = gateway.metrics();
    assert!(!page.contains("route=\"old\"") && page.contains("route=\"new\""));
    let handled = "corsgate_preflights_total{outcome=\"handled\",reason=\"allowed\",route=\"r\"}";
    assert_eq!(gateway.metric(handled), 1.0);
}

#[test]
fn connections_to_upstreams_outlive_a_reload() {
    let backend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = backend.local_addr().expect("bound");
    let folder = Folder::new();
    let file = folder.write("gate.yaml", &configuration(ONE, address, ""));
    let gateway = Gateway::of_file(&file);
    // One connection and no other is accepted.
    let server = thread::spawn(move || {
        let (mut stream, _) = backend.accept().expect("a connection");
        for _ in 0..2 {
            read_head(&mut stream);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .expect("sent");
        }
    });
    let get = || {
        gateway
            .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .status
    };
    assert_eq!(get(), 200);
    folder.write("gate.yaml", &configuration(TWO, address, ""));
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    assert_eq!(get(), 200);
    server.join().expect("one connection was enough");
}

#[test]
fn the_first_request_to_a_new_upstream_finds_its_name_resolved() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let file = folder.write("gate.yaml", &configuration(ONE, upstream.address, ""));
    let gateway = Gateway::of_file(&file);
    let named = format!("localhost:{}", upstream.address.port());
    let text = configuration(ONE, upstream.address, "");
    folder.write(
        "gate.yaml",
        &text.replace(&upstream.address.to_string(), &named),
    );
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    let response = gateway.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(response.status, 200);
}

#[test]
fn a_reload_may_bring_the_built_in_upstream() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let text = configuration(ONE, upstream.address, "");
    let file = folder.write("gate.yaml", &text);
    let gateway = Gateway::of_file(&file);
    let endpoints = format!("endpoints: ['{}']", upstream.address);
    folder.write("gate.yaml", &text.replace(&endpoints, "echo: true"));
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    let response = gateway.send("GET /it HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        response.body.contains("\"path\": \"/it\""),
        "{}",
        response.body
    );
}

/// A request that is on its way when the configuration changes is answered by the one it began with:
/// route, policy and counters.
#[test]
fn one_request_sees_one_snapshot() {
    let backend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = backend.local_addr().expect("bound");
    let folder = Folder::new();
    let text = configuration(ONE, address, "");
    let file = folder.write("gate.yaml", &text);
    let gateway = Gateway::of_file(&file);
    let mut client = Client::connect(gateway.address);
    client.write(format!("GET / HTTP/1.1\r\nHost: a\r\nOrigin: {ONE}\r\n\r\n").as_bytes());
    let (mut stream, _) = backend.accept().expect("the request");
    read_head(&mut stream);
    let other = text.replace(ONE, TWO).replace("{ name: r,", "{ name: s,");
    folder.write("gate.yaml", &other);
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    assert!(allows(&gateway, TWO), "another request sees the new one");
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .expect("sent");
    let response = client.read(false).expect("an answer");
    assert_eq!(
        response.get("access-control-allow-origin").as_deref(),
        Some(ONE)
    );
    // The same connection's next request is served by the new one.
    client.write(format!("GET / HTTP/1.1\r\nHost: a\r\nOrigin: {ONE}\r\n\r\n").as_bytes());
    read_head(&mut stream);
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .expect("sent");
    let response = client.read(false).expect("an answer");
    assert_eq!(response.get("access-control-allow-origin"), None);
}

#[test]
fn a_configuration_from_no_file_is_shown_and_not_reloaded() {
    let gateway = Gateway::start("upstreams: { u: { echo: true } }\nroutes: [{ upstream: u }]\n");
    let answer = gateway.ask_admin("POST /reload");
    assert_eq!(answer.status, 409);
    assert!(gateway.ask_admin("GET /config").body.contains("echo: true"));
    assert_eq!(gateway.metric(REJECTED), 0.0);
}

// === Who may ask ===

fn ask(gateway: &Gateway, line: &str, host: &str, fields: &str) -> Response {
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: 0\r\n\r\n");
    Client::connect(gateway.admin).exchange(&request)
}

#[test]
fn pages_of_other_sites_can_neither_read_nor_change_anything() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let more = "metrics: { address: '127.0.0.1:0' }\n";
    let file = folder.write("gate.yaml", &configuration(ONE, upstream.address, more));
    let gateway = Gateway::of_file(&file);
    for (host, fields) in [
        ("localhost", "Origin: https://evil.test\r\n"),
        ("localhost", "Origin: null\r\n"),
        ("localhost", "Sec-Fetch-Site: cross-site\r\n"),
        ("rebound.evil.test", ""),
        (
            "rebound.evil.test",
            "Origin: http://rebound.evil.test\r\nSec-Fetch-Site: same-origin\r\n",
        ),
    ] {
        for line in ["POST /reload", "GET /config", "GET /metrics"] {
            let answer = ask(&gateway, line, host, fields);
            assert_eq!(answer.status, 403, "{line} {host} {fields}");
            assert!(!answer.body.contains(ONE));
            assert!(
                answer.cors_fields().is_empty(),
                "nor may its script read that"
            );
        }
        for line in ["GET /livez", "GET /readyz"] {
            assert_eq!(ask(&gateway, line, host, fields).status, 200, "{line}");
        }
    }
    assert_eq!(gateway.metric(APPLIED), 0.0);
    assert_eq!(ask(&gateway, "GET /reload", "localhost", "").status, 405);
    assert_eq!(ask(&gateway, "POST /config", "localhost", "").status, 405);
    // Prometheus asks its own listener by whatever name it has there; there is nothing else on it.
    let metrics = gateway.metrics_listener().expect("there is one");
    let ask = |line: &str| {
        let request = format!("{line} HTTP/1.1\r\nHost: corsgate\r\nContent-Length: 0\r\n\r\n");
        Client::connect(metrics).exchange(&request).status
    };
    assert_eq!(ask("GET /metrics"), 200);
    assert_eq!((ask("GET /config"), ask("POST /reload")), (404, 404));
}

#[test]
fn a_name_that_is_listed_is_known() {
    let (folder, upstream) = (Folder::new(), Upstream::start(Answer::ok()));
    let text = configuration(ONE, upstream.address, "").replace(
        "admin: { address: '127.0.0.1:0' }",
        "admin: { address: '127.0.0.1:0', hosts: [Admin.Internal] }",
    );
    let file = folder.write("gate.yaml", &text);
    let gateway = Gateway::of_file(&file);
    assert_eq!(
        ask(&gateway, "GET /config", "admin.internal:9901", "").status,
        200
    );
    assert_eq!(
        ask(&gateway, "GET /config", "other.internal:9901", "").status,
        403
    );
}
