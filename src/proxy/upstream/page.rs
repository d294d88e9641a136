//! The page of the upstreams: each endpoint, its state, and why.

use super::cluster::Cluster;
use super::endpoint::Endpoint;
use crate::config::{LoadBalancing, escaped};
use crate::pages::{PageForm, WrittenPage};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The content of the page.
#[derive(Serialize)]
struct Content {
    upstreams: Vec<UpstreamRow>,
}

#[derive(Serialize)]
struct UpstreamRow {
    name: String,
    load_balancing: &'static str,
    /// Whether requests go to endpoints that are not healthy, because none is.
    all_are_tried: bool,
    endpoints: Vec<EndpointRow>,
}

#[derive(Serialize)]
struct EndpointRow {
    address: String,
    /// As it is configured: a name may have several addresses.
    endpoint: String,
    state: &'static str,
    seconds_in_state: u64,
    /// The reason for its state; `null` if it is healthy.
    reason: Option<String>,
    requests_under_way: usize,
}

/// Writes the page in this form.
pub(in crate::proxy) fn page(clusters: &[Arc<Cluster>], form: PageForm) -> WrittenPage {
    let now = Instant::now();
    let content = Content {
        upstreams: clusters
            .iter()
            .map(|one| UpstreamRow::of(one, now))
            .collect(),
    };
    form.page(&content, Content::to_text)
}

// === impl Content ===

impl Content {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for upstream in &self.upstreams {
            upstream.write(&mut text);
        }
        text
    }
}

// === impl UpstreamRow ===

impl UpstreamRow {
    fn of(cluster: &Cluster, now: Instant) -> Self {
        let members = cluster.members();
        Self {
            name: cluster.name().to_owned(),
            load_balancing: match cluster.upstream().load_balancing {
                LoadBalancing::RoundRobin => "round_robin",
                LoadBalancing::Random => "random",
                LoadBalancing::ConsistentHash(_) => "consistent_hash",
            },
            all_are_tried: members.all_are_tried(),
            endpoints: members
                .all()
                .iter()
                .map(|one| EndpointRow::of(one, now))
                .collect(),
        }
    }

    fn write(&self, text: &mut String) {
        let Self {
            name,
            load_balancing,
            all_are_tried,
            endpoints,
        } = self;
        // Writing to a string can't fail.
        let _ = writeln!(text, "{name}: {load_balancing}");
        if endpoints.is_empty() {
            text.push_str("  no address: requests get 503\n");
        }
        if *all_are_tried {
            text.push_str("  none is healthy: all are tried\n");
        }
        for endpoint in endpoints {
            let _ = writeln!(text, "  {}", endpoint.to_text());
        }
    }
}

// === impl EndpointRow ===

impl EndpointRow {
    fn of(endpoint: &Endpoint, now: Instant) -> Self {
        let health = endpoint.health.lock();
        Self {
            address: endpoint.address.to_string(),
            // No port is left out.
            endpoint: endpoint.configured.authority(0),
            state: health.state().as_str(),
            seconds_in_state: now.saturating_duration_since(health.since()).as_secs(),
            reason: health.reason().map(str::to_owned),
            requests_under_way: endpoint.load(),
        }
    }

    fn to_text(&self) -> String {
        let Self {
            address,
            endpoint,
            state,
            seconds_in_state,
            reason,
            requests_under_way,
        } = self;
        let mut text = address.clone();
        if endpoint != address {
            let _ = write!(text, " ({endpoint})");
        }
        let age = humantime::format_duration(Duration::from_secs(*seconds_in_state));
        let _ = write!(text, ": {state} for {age}");
        if let Some(reason) = reason {
            let _ = write!(text, ": {}", escaped(reason));
        }
        let _ = write!(text, "; {requests_under_way} requests under way");
        text
    }
}
