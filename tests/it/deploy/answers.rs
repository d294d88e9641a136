//! Every query of the dashboard and of the rules, asked of a Prometheus that scrapes the drill.

use super::drill::{self, Drill};
use super::selectors::{name, selectors};
use super::{
    Query, configuration, dashboard, expressions_of_dashboard, expressions_of_rules, job, list,
    promtool, text,
};
use crate::support::{Folder, PATIENCE, Prometheus, Series};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Grafana's `$__rate_interval`, for a Prometheus that scrapes once a second.
const RATE_INTERVAL: &str = "1m";

/// Writes the past of a route into the folder's data: much was allowed, and next to nothing rejected.
fn write_past(folder: &Folder) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is later").as_secs();
    let mut past = String::new();
    for (name, value) in [
        ("route:corsgate_cors_allowed:rate5m", 1000.0),
        ("route:corsgate_cors_rejected:rate5m", 0.001),
        ("route:corsgate_origins_rejected:rate5m", 0.001),
    ] {
        past += &format!("# TYPE {name} gauge\n");
        // From 26 hours ago until one hour ago.
        for minutes in (60..=26 * 60_u64).rev().step_by(5) {
            let (route, time) = (drill::ROUTE, now - minutes * 60);
            past += &format!("{name}{{job=\"corsgate\",route=\"{route}\"}} {value} {time}\n");
        }
    }
    past += "# EOF\n";
    let file = folder.write("past.txt", &past);
    let blocks = ["tsdb", "create-blocks-from", "openmetrics", "--quiet"];
    promtool(&blocks, &[file, folder.path("data")]);
}

/// Starts a Prometheus that scrapes the drill, if it is installed.
fn prometheus(folder: &Folder, drill: &Drill) -> Option<Prometheus> {
    let mut configuration = configuration("prometheus.yaml");
    configuration["global"] = json!({ "scrape_interval": "1s", "evaluation_interval": "1s" });
    job(&mut configuration)["static_configs"] = json!([{ "targets": drill.targets() }]);
    write_past(folder);
    Prometheus::start(folder, &configuration.to_string())
}

/// Returns what Grafana writes in place of a variable while all of its values are chosen.
fn all_values(prometheus: &Prometheus, query: &str) -> String {
    let arguments = query.strip_prefix("label_values(");
    let arguments = arguments.and_then(|rest| rest.strip_suffix(')'));
    let (metric, label) = arguments
        .and_then(|a| a.split_once(", "))
        .expect("its form");
    let values = prometheus.data(&format!("label/{label}/values?match[]={metric}"));
    let values = values.unwrap_or_else(|e| panic!("{query}: {e}"));
    let values: Vec<&str> = list(&values).iter().map(text).collect();
    assert!(!values.is_empty(), "{query} has no values");
    format!("({})", values.join("|"))
}

/// Returns the values of Grafana's variables.
fn variables(prometheus: &Prometheus) -> BTreeMap<String, String> {
    let dashboard = dashboard();
    let variables = list(&dashboard["templating"]["list"]).iter();
    let queried = variables.filter(|variable| variable["type"] == "query");
    let named = queried.map(|variable| {
        let value = all_values(prometheus, text(&variable["query"]["query"]));
        (format!("${}", text(&variable["name"])), value)
    });
    let interval = ("$__rate_interval".to_owned(), RATE_INTERVAL.to_owned());
    named.chain([interval]).collect()
}

/// Asserts that every metric in a query exists, and that every metric of the gateway is in one.
fn assert_metrics_exist(page: &str, queries: &[Query]) {
    let series: BTreeSet<&str> = page.lines().map(name).collect();
    let records = expressions_of_rules("rules.yaml", "record");
    let recorded: BTreeSet<&str> = records.iter().map(|rule| rule.place.as_str()).collect();
    let mut used = BTreeSet::new();
    for query in queries {
        for selector in selectors(&query.expression) {
            let name = name(selector);
            let exists = series.contains(name) || recorded.contains(name) || name == "up";
            assert!(exists, "{}: there is no metric {name}", query.place);
            used.insert(name.strip_suffix("_bucket").unwrap_or(name));
        }
    }
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families = types.filter_map(|line| line.split(' ').next());
    for family in families.filter(|family| family.starts_with("corsgate_")) {
        assert!(
            used.contains(family),
            "{family} is in no rule and on no panel"
        );
    }
}

impl Query {
    fn series(&self, prometheus: &Prometheus) -> Vec<Series> {
        let Self {
            place, expression, ..
        } = self;
        let series = prometheus.series(expression);
        series.unwrap_or_else(|e| panic!("{place}: {e}: {expression}"))
    }

    /// Whether it has an answer, which is not only series without a number. The legend names labels that
    /// all of them have.
    fn is_answered(&self, prometheus: &Prometheus) -> bool {
        let series = self.series(prometheus);
        let labels = self.legend.split("{{").skip(1);
        for label in labels.filter_map(|rest| rest.split("}}").next()) {
            let is_missing = series.iter().any(|series| series.labels[label].is_null());
            assert!(
                !is_missing,
                "{}: series without {label}: {}",
                self.place, self.expression
            );
        }
        series.iter().any(|series| !series.value.is_nan())
    }

    /// Returns it with the values of Grafana's variables.
    fn with(&self, variables: &BTreeMap<String, String>) -> Self {
        let mut query = self.clone();
        for (variable, value) in variables {
            query.expression = query.expression.replace(variable, value);
        }
        let Self { expression, .. } = &query;
        assert!(
            !expression.contains('$'),
            "an unknown variable: {expression}"
        );
        query
    }

    /// Returns its selectors, each as a query.
    fn selected(&self) -> impl Iterator<Item = Self> {
        let selectors = selectors(&self.expression).into_iter();
        selectors.map(|selector| Self::new(&self.place, selector))
    }
}

/// Returns the names of the alerts that are pending or fire.
fn active(prometheus: &Prometheus) -> BTreeSet<String> {
    let alerts = prometheus.data("alerts").expect("the API answers");
    let name = |alert: &Value| text(&alert["labels"]["alertname"]).to_owned();
    list(&alerts["alerts"]).iter().map(name).collect()
}

fn assert_rules_are_healthy(prometheus: &Prometheus) {
    let rules = prometheus.data("rules").expect("the API answers");
    let groups = list(&rules["groups"]).iter();
    for rule in groups.flat_map(|group| list(&group["rules"])) {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

#[test]
fn every_query_is_answered_by_a_prometheus_that_scrapes_a_gateway() {
    let drill = Drill::start();
    let rules = expressions_of_rules("rules.yaml", "record");
    let alerts = expressions_of_rules("alerts.yaml", "alert");
    let panels = expressions_of_dashboard();
    assert!(rules.len() > 20 && panels.len() > 40, "they are read");
    assert_metrics_exist(&drill.metrics(), &[&rules[..], &alerts, &panels].concat());

    let folder = Folder::new();
    let Some(prometheus) = prometheus(&folder, &drill) else {
        return;
    };
    let started = Instant::now();
    // The variables have the values of both gateways once both are scraped.
    let both = Query::new("the first scrapes", "corsgate_build_info");
    while both.series(&prometheus).len() < 2 {
        assert!(started.elapsed() < PATIENCE, "the gateways are not scraped");
    }
    let variables = variables(&prometheus);
    let panels: Vec<Query> = panels.iter().map(|query| query.with(&variables)).collect();
    // Most alerts have no answer, as long as all is well, but each selects something: a label that is misspelt
    // selects nothing.
    let all = rules.iter().chain(&alerts).chain(&panels);
    let mut open: Vec<Query> = all.flat_map(Query::selected).collect();
    open.extend(rules.iter().chain(&panels).cloned());
    let drilled = BTreeSet::from(drill::ALERTS.map(str::to_owned));
    let (mut silent, mut others) = (drilled.clone(), BTreeSet::new());
    // Before the first scrape, there was no gateway, and the alert about that needs its time to end.
    while !(open.is_empty() && silent.is_empty() && others.is_empty()) {
        let open_ones: Vec<&str> = open.iter().map(|query| query.expression.as_str()).collect();
        assert!(
            started.elapsed() < 2 * PATIENCE,
            "not answered: {open_ones:#?}\nsilent: {silent:?}\nactive: {others:?}"
        );
        drill.round();
        open.retain(|query| !query.is_answered(&prometheus));
        let active = active(&prometheus);
        silent = &silent - &active;
        others = &active - &drilled;
    }
    for alert in &alerts {
        alert.series(&prometheus);
    }
    assert_rules_are_healthy(&prometheus);
}
