//! The files of `deploy/prometheus` and `deploy/grafana`, with the real Prometheus where it is installed.
//! `CORSGATE_TEST_PROMETHEUS=require` makes it a failure that it is not.

mod answers;
mod drill;
mod selectors;

use crate::support::{Folder, PATIENCE, Prometheus, program};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

/// The text of `runbook_url` before the name of the alert. Cargo.toml has to agree once it names a repository.
const RUNBOOK: &str = "https://github.com/corsgate/corsgate/blob/main/docs/operate.md#";

/// An expression, and the rule or the panel that it is from.
#[derive(Clone)]
struct Query {
    place: String,
    expression: String,
    /// The labels that the names of its series are made from, as in `{{route}}: {{reason}}`.
    legend: String,
}

impl Query {
    fn new(place: &str, expression: &str) -> Self {
        let [place, expression] = [place, expression].map(str::to_owned);
        Self {
            place,
            expression,
            legend: String::new(),
        }
    }
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn prometheus_files() -> PathBuf {
    deploy().join("prometheus")
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of `deploy/prometheus/tests`.
fn unit_tests() -> Vec<PathBuf> {
    let entries = fs::read_dir(prometheus_files().join("tests")).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    files
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

/// The rules of a file that have a `kind`: `record` or `alert`.
fn rules(file: &str, kind: &str) -> Vec<Value> {
    let file = yaml(&prometheus_files().join(file));
    let groups = list(&file["groups"]).iter();
    let rules = groups.flat_map(|group| list(&group["rules"]).to_owned());
    rules.filter(|rule| rule[kind].is_string()).collect()
}

fn alerts() -> Vec<Value> {
    rules("alerts.yaml", "alert")
}

/// The expressions of rules that have a `kind`.
fn expressions_of_rules(file: &str, kind: &str) -> Vec<Query> {
    let query = |rule: &Value| Query::new(text(&rule[kind]), text(&rule["expr"]));
    rules(file, kind).iter().map(query).collect()
}

fn dashboard() -> Value {
    let text = fs::read_to_string(deploy().join("grafana/corsgate.json")).expect("it is there");
    serde_json::from_str(&text).expect("JSON")
}

/// The expressions of the panels, and of the marks on all of them, with Grafana's variables.
fn expressions_of_dashboard() -> Vec<Query> {
    let dashboard = dashboard();
    let query = |place: &Value, target: &Value| Query {
        legend: target["legendFormat"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        ..Query::new(text(place), text(&target["expr"]))
    };
    let panels = list(&dashboard["panels"]).iter().flat_map(|panel| {
        let targets = list(&panel["targets"]).iter();
        targets.map(|target| query(&panel["title"], target))
    });
    let marks = list(&dashboard["annotations"]["list"]).iter();
    panels
        .chain(marks.map(|mark| query(&mark["name"], mark)))
        .collect()
}

fn assert_success(output: &Output) {
    let shown = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let said = [&output.stdout, &output.stderr].map(|bytes| shown(bytes));
    assert!(output.status.success(), "{}", said.concat());
}

/// Returns a configuration of `deploy/prometheus` whose rules are found from another folder.
fn configuration(file: &str) -> Value {
    let mut configuration = yaml(&prometheus_files().join(file));
    for file in configuration["rule_files"].as_array_mut().expect("rules") {
        *file = json!(prometheus_files().join(text(file)));
    }
    configuration
}

/// Returns the only job of a configuration.
fn job(configuration: &mut Value) -> &mut Value {
    match configuration["scrape_configs"]
        .as_array_mut()
        .map(Vec::as_mut_slice)
    {
        Some([job]) => job,
        jobs => panic!("one job: {jobs:?}"),
    }
}

/// Runs promtool with these arguments, if it is installed.
fn promtool(arguments: &[&str], files: &[PathBuf]) {
    if let Some(mut promtool) = program("promtool") {
        let output = promtool.args(arguments).args(files).output();
        assert_success(&output.expect("it runs"));
    }
}

#[test]
fn promtool_accepts_the_configuration_and_the_rules() {
    // It reads the rules that the configuration names, too.
    promtool(
        &["check", "config"],
        &[prometheus_files().join("prometheus.yaml")],
    );
    let rules = ["rules.yaml", "alerts.yaml"].map(|file| prometheus_files().join(file));
    promtool(&["check", "rules"], &rules);
}

#[test]
fn the_rules_pass_their_unit_tests() {
    promtool(&["test", "rules"], &unit_tests());
}

#[test]
fn every_alert_says_how_severe_it_is_and_what_to_do() {
    let alerts = alerts();
    assert!(alerts.len() > 15, "only {} alerts", alerts.len());
    assert!(RUNBOOK.starts_with(env!("CARGO_PKG_REPOSITORY")));
    // Headings of the page that the links lead to, once it is written.
    let page = fs::read_to_string(deploy().join("../docs/operate.md")).ok();
    let mut names = BTreeSet::new();
    for alert in &alerts {
        let name = text(&alert["alert"]);
        assert!(names.insert(name), "{name}: there are two");
        let (labels, annotations) = (&alert["labels"], &alert["annotations"]);
        assert!(
            ["page", "ticket"].contains(&text(&labels["severity"])),
            "{name}: {labels}"
        );
        let runbook = format!("{RUNBOOK}{}", name.to_lowercase());
        assert_eq!(text(&annotations["runbook_url"]), runbook, "{name}");
        if let Some(page) = &page {
            let mut headings = page.lines().filter(|line| line.starts_with('#'));
            let is_there = headings.any(|line| line.trim_start_matches('#').trim() == name);
            assert!(is_there, "docs/operate.md has no heading {name}");
        }
        for key in ["summary", "description"] {
            assert!(!text(&annotations[key]).is_empty(), "{name} has no {key}");
        }
    }
}

#[test]
fn every_alert_fires_in_a_unit_test_and_stays_silent_in_another() {
    let mut seen = BTreeSet::new();
    for file in unit_tests() {
        let file = yaml(&file);
        let cases = list(&file["tests"]).iter();
        for case in cases.flat_map(|test| list(&test["alert_rule_test"])) {
            let fires = !list(&case["exp_alerts"]).is_empty();
            seen.insert((text(&case["alertname"]).to_owned(), fires));
        }
    }
    for alert in &alerts() {
        let name = text(&alert["alert"]);
        for fires in [true, false] {
            assert!(
                seen.contains(&(name.to_owned(), fires)),
                "{name}: no case has fires = {fires}"
            );
        }
    }
}

#[test]
fn the_dashboard_is_what_its_script_writes() {
    let mut script = Command::new("python3");
    script
        .arg(deploy().join("grafana/dashboard.py"))
        .arg("--check");
    match script.output() {
        Ok(output) => assert_success(&output),
        Err(_) => {
            eprintln!(
                "python3 is not installed: whether the dashboard is current is not tested here"
            );
        }
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_which_unit() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let chosen = json!({ "type": "prometheus", "uid": "${datasource}" });
    for panel in list(&dashboard["panels"]) {
        let title = text(&panel["title"]);
        assert!(
            ids.insert(panel["id"].to_string()),
            "{title}: its id is another's"
        );
        let targets = list(&panel["targets"]);
        if targets.is_empty() {
            assert!(
                ["row", "text"].contains(&text(&panel["type"])),
                "{title}: no query"
            );
            continue;
        }
        assert!(
            !text(&panel["description"]).is_empty(),
            "{title}: no description"
        );
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{title}: no unit"
        );
        for target in targets {
            assert_eq!(target["datasource"], chosen, "{title}");
            let is_named = target["legendFormat"]
                .as_str()
                .is_some_and(|legend| !legend.is_empty());
            assert!(is_named || panel["type"] == "stat", "{title}: no legend");
        }
    }
    let variables = list(&dashboard["templating"]["list"]).iter();
    let names: Vec<&str> = variables.map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "route", "instance"]);
}

#[test]
fn pods_of_the_gateway_become_targets() {
    let mut config = configuration("prometheus-kubernetes.yaml");
    let job = job(&mut config);
    // The labels that Kubernetes' API would give; Debian's Prometheus can't ask it.
    let discovery = job
        .as_object_mut()
        .expect("a job")
        .remove("kubernetes_sd_configs");
    assert_eq!(discovery, Some(json!([{ "role": "pod" }])));
    let pod = |address: &str, name: &str, port: &str, phase: &str| {
        json!({
            "targets": [address],
            "labels": {
                "__meta_kubernetes_namespace": "shop",
                "__meta_kubernetes_pod_name": format!("pod-{address}"),
                "__meta_kubernetes_pod_label_app_kubernetes_io_name": name,
                "__meta_kubernetes_pod_container_port_name": port,
                "__meta_kubernetes_pod_phase": phase,
            },
        })
    };
    job["static_configs"] = json!([
        pod("127.0.0.1:1", "corsgate", "metrics", "Running"),
        pod("127.0.0.1:2", "corsgate", "http", "Running"),
        pod("127.0.0.1:3", "corsgate", "metrics", "Succeeded"),
        pod("127.0.0.1:4", "another", "metrics", "Running"),
    ]);
    let folder = Folder::new();
    let Some(prometheus) = Prometheus::start(&folder, &config.to_string()) else {
        return;
    };
    let started = Instant::now();
    let targets = loop {
        assert!(started.elapsed() < PATIENCE, "there are no targets");
        let targets = prometheus
            .data("targets?state=active")
            .expect("the API answers");
        let targets = list(&targets["activeTargets"]).to_owned();
        if !targets.is_empty() {
            break targets;
        }
    };
    let labels: Vec<&Value> = targets.iter().map(|target| &target["labels"]).collect();
    let expected = json!({
        "job": "corsgate",
        "instance": "127.0.0.1:1",
        "namespace": "shop",
        "pod": "pod-127.0.0.1:1",
    });
    assert_eq!(labels, [&expected]);
}
