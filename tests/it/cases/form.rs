//! Reads `tests/cases/*.yaml`. CONTRIBUTING.md has the rules of the form, in "A case": a group says
//! once what its cases share, and a case says what differs. The tests see whole cases.

use serde::de::{DeserializeOwned, Error, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_yaml::{Mapping, Value};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;

/// Number of cases when they were last counted; fewer means that some were lost.
const CASES: usize = 991;

/// A case with everything that it has from its group. Displayed as its file, group and name.
#[derive(Debug)]
pub(crate) struct Case {
    name: String,
    title: String,
    pub(crate) policy: Option<Value>,
    pub(crate) cors: Option<String>,
    pub(crate) config: Option<Value>,
    pub(crate) request: Request,
    pub(crate) upstream: UpstreamAnswer,
    pub(crate) expect: Expectation,
}

#[derive(Debug, Deserialize)]
#[serde(from = "RequestParts")]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpstreamAnswer {
    pub(crate) status: u16,
    #[serde(deserialize_with = "fields")]
    pub(crate) headers: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    pub(crate) outcome: String,
    pub(crate) reason: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) status: u16,
    pub(crate) upstream_called: bool,
    #[serde(deserialize_with = "by_full_name")]
    pub(crate) headers: BTreeMap<String, String>,
}

/// Reads every case of every file.
pub(crate) fn all_cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a file").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("readable");
        let file: File = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        for group in file.groups {
            cases.extend(group.cases.iter().map(|row| group.case(row, &name)));
        }
    }
    let names: HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
    assert!(cases.len() >= CASES, "only {} cases", cases.len());
    cases
}

// === impl Case ===

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

// === impl UpstreamAnswer ===

impl Default for UpstreamAnswer {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
        }
    }
}

// === The files, as they are written ===

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// A place for YAML anchors.
    #[serde(rename = "shared")]
    _shared: Option<IgnoredAny>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    group: String,
    policy: Option<Mapping>,
    cors: Option<String>,
    config: Option<Mapping>,
    request: Option<Mapping>,
    upstream: Option<Mapping>,
    expect: Option<Mapping>,
    cases: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    policy: Option<Mapping>,
    config: Option<Mapping>,
    upstream: Option<Mapping>,
    expect: Option<Mapping>,
    /// Every other key: `RequestParts` refuses those that a request does not have.
    #[serde(flatten)]
    request: Mapping,
}

impl Group {
    fn case(&self, row: &Row, file: &str) -> Case {
        let title = format!("{file}: {}: {}", self.group, row.name);
        Case {
            name: row.name.clone(),
            policy: laid_over(&self.policy, row.policy.as_ref()).map(Value::Mapping),
            cors: self.cors.clone(),
            config: laid_over(&self.config, row.config.as_ref()).map(Value::Mapping),
            request: typed(laid_over(&self.request, Some(&row.request)), &title),
            upstream: typed(laid_over(&self.upstream, row.upstream.as_ref()), &title),
            expect: typed(laid_over(&self.expect, row.expect.as_ref()), &title),
            title,
        }
    }
}

/// Returns a group's part of a case with the keys that the case writes itself in place of the group's.
fn laid_over(group: &Option<Mapping>, case: Option<&Mapping>) -> Option<Mapping> {
    let mut part = group.clone();
    if let Some(own) = case {
        part.get_or_insert_default().extend(own.clone());
    }
    part
}

fn typed<T: DeserializeOwned>(part: Option<Mapping>, title: &str) -> T {
    let value = Value::Mapping(part.unwrap_or_default());
    serde_yaml::from_value(value).unwrap_or_else(|error| panic!("{title}: {error}"))
}

/// A request: its usual header fields have keys of their own, and are sent first, in this order.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct RequestParts {
    method: Option<String>,
    path: Option<String>,
    host: Lines,
    origin: Lines,
    ac_request_method: Lines,
    ac_request_headers: Lines,
    ac_request_private_network: Lines,
    #[serde(deserialize_with = "fields")]
    headers: Vec<(String, String)>,
}

impl From<RequestParts> for Request {
    fn from(parts: RequestParts) -> Self {
        let private_network = parts.ac_request_private_network;
        let usual = [
            ("host", parts.host),
            ("origin", parts.origin),
            ("ac-request-method", parts.ac_request_method),
            ("ac-request-headers", parts.ac_request_headers),
            ("ac-request-private-network", private_network),
        ];
        let usual = usual.into_iter().flat_map(|(name, lines)| lines.of(name));
        Self {
            method: parts.method.unwrap_or_else(|| "GET".to_owned()),
            path: parts.path.unwrap_or_else(|| "/".to_owned()),
            headers: usual.chain(parts.headers).collect(),
        }
    }
}

/// The values of one header field: one line, or a list of lines.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, a list of strings, or `{ before, repeat, times, after }`"
)]
enum Lines {
    One(Text),
    Several(Vec<Text>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Long(Repeated),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    #[serde(default)]
    before: String,
    repeat: String,
    times: usize,
    #[serde(default)]
    after: String,
}

impl Lines {
    fn of(self, name: &str) -> Vec<(String, String)> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Several(texts) => texts,
        };
        let line = |text: Text| (full_name(name), text.into());
        texts.into_iter().map(line).collect()
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match text {
            Text::Plain(text) => text,
            Text::Long(long) => long.before + &long.repeat.repeat(long.times) + &long.after,
        }
    }
}

/// Reads header lines, in the order in which they are written.
fn fields<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    let mut all = Vec::new();
    for (name, value) in Mapping::deserialize(from)? {
        let name: String = serde_yaml::from_value(name).map_err(Error::custom)?;
        let lines: Lines = serde_yaml::from_value(value)
            .map_err(|error| Error::custom(format!("{name}: {error}")))?;
        all.extend(lines.of(&name));
    }
    Ok(all)
}

fn by_full_name<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let headers = BTreeMap::<String, String>::deserialize(from)?.into_iter();
    let in_full = headers.map(|(name, value)| (full_name(&name), value));
    Ok(in_full.collect())
}

/// Returns a header's name in full: `ac-` is short for `access-control-`.
fn full_name(name: &str) -> String {
    match name.strip_prefix("ac-") {
        Some(rest) => format!("access-control-{rest}"),
        None => name.to_owned(),
    }
}
