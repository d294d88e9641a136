//! The choice of an endpoint, as backends see it.

use super::{GET, gateway};
use crate::support::{Answer, Client, Gateway, Upstream};
use std::collections::HashMap;

fn three() -> [Upstream; 3] {
    [0, 1, 2].map(|_| Upstream::start(Answer::ok()))
}

fn endpoints(upstreams: &[Upstream]) -> String {
    let addresses = upstreams.iter().map(|one| format!("'{}'", one.address));
    format!("endpoints: [{}]", addresses.collect::<Vec<_>>().join(", "))
}

fn counts(upstreams: &[Upstream]) -> Vec<usize> {
    upstreams.iter().map(|one| one.received().len()).collect()
}

/// Sends a request with these lines, and returns the upstream that got it.
fn owner(gateway: &Gateway, upstreams: &[Upstream], path: &str, lines: &str) -> usize {
    let before = counts(upstreams);
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n");
    assert_eq!(gateway.send(&request).status, 200);
    let after = counts(upstreams);
    let changed = (0..upstreams.len()).find(|&at| after[at] != before[at]);
    changed.expect("one got it")
}

#[test]
fn random_reaches_all_endpoints() {
    let upstreams = three();
    let gateway = gateway(&format!(
        "{{ {}, load_balancing: random }}",
        endpoints(&upstreams)
    ));
    let mut client = Client::connect(gateway.address);
    for _ in 0..90 {
        assert_eq!(client.exchange(GET).status, 200);
    }
    let counts = counts(&upstreams);
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

#[test]
fn a_key_leads_to_one_endpoint_whoever_asks() {
    for (key, path, lines) in [
        ("{ header: X-Tenant }", "/", "x-tenant: {}\r\n"),
        ("{ cookie: session }", "/", "Cookie: a=b; session={}\r\n"),
        ("path", "/v1/{}", ""),
    ] {
        let upstreams = three();
        let keys = format!(
            "{{ {}, load_balancing: consistent_hash, hash_key: {key} }}",
            endpoints(&upstreams)
        );
        let gateway = gateway(&keys);
        let mut owners: HashMap<usize, usize> = HashMap::new();
        for number in 0..30 {
            let number = number.to_string();
            let ask = |query: &str| {
                let (path, lines) = (path.replace("{}", &number), lines.replace("{}", &number));
                owner(&gateway, &upstreams, &format!("{path}{query}"), &lines)
            };
            let first = ask("");
            // The query is not part of the path.
            assert_eq!((ask("?x=1"), ask("?x=2")), (first, first), "{key}");
            *owners.entry(first).or_default() += 1;
        }
        assert_eq!(owners.len(), 3, "{key}: {owners:?}");
    }
}

#[test]
fn without_a_key_the_clients_address_is_one() {
    let upstreams = three();
    let keys = format!(
        "{{ {}, load_balancing: consistent_hash, hash_key: {{ header: x-tenant }} }}",
        endpoints(&upstreams)
    );
    let with_proxy = format!(
        "trusted_proxies: [127.0.0.0/8]\nupstreams: {{ u: {keys} }}\nroutes: [{{ upstream: u, cors: off }}]\n"
    );
    let gateway = Gateway::start(&with_proxy);
    let mut owners = HashMap::new();
    for number in 0..30 {
        let line = format!("X-Forwarded-For: 192.0.2.{number}\r\n");
        let first = owner(&gateway, &upstreams, "/", &line);
        assert_eq!(owner(&gateway, &upstreams, "/other", &line), first);
        *owners.entry(first).or_insert(0) += 1;
    }
    assert_eq!(owners.len(), 3, "{owners:?}");
}
