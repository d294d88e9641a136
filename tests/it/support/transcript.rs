use crate::expect;
use std::fmt::Display;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Values that differ from run to run, each with the name that stands for it in `tests/expect`, such as
/// `{gateway}`.
#[derive(Default)]
pub(crate) struct Masks(Vec<(&'static str, String)>);

// === impl Masks ===

impl Masks {
    /// Masks a value.
    pub(crate) fn value(mut self, name: &'static str, value: impl Display) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    /// Puts the names in the place of the values.
    pub(crate) fn hide(&self, text: &str) -> String {
        let hide = |text: String, (name, value): &(&str, String)| text.replace(value, name);
        self.0.iter().fold(text.to_owned(), hide)
    }

    /// Puts the values in the place of the names.
    pub(crate) fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        self.0.iter().fold(text.to_owned(), fill)
    }
}

/// The lowest port that Linux chooses for port 0.
const FIRST_FREE_PORT: u16 = 32_768;

/// Masks what a test can't know beforehand and recognizes by its form: free ports, times, durations and
/// hashes.
pub(crate) fn hide_unknown(text: &str) -> String {
    let is_inside = |c: char| c.is_alphanumeric() || ".:-_".contains(c);
    let mut hidden = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_inside) {
        let (between, word) = rest.split_at(start);
        let (word, behind) = word.split_at(word.find(|c| !is_inside(c)).unwrap_or(word.len()));
        hidden = hidden + between + name_of(word).unwrap_or(word);
        rest = behind;
    }
    hidden + rest
}

/// Returns the name for a word that differs from run to run.
fn name_of(word: &str) -> Option<&'static str> {
    let port = word.strip_prefix("127.0.0.1:");
    if port.is_some_and(|port| {
        port.parse::<u16>()
            .is_ok_and(|port| port >= FIRST_FREE_PORT)
    }) {
        return Some("{address}");
    }
    if humantime::parse_rfc3339(word).is_ok() {
        return Some("{time}");
    }
    let number = word.trim_end_matches(['s', 'm', 'µ', 'n']);
    if number != word && number.parse::<f64>().is_ok() {
        return Some("{duration}");
    }
    let is_hash = word.len() >= 16 && word.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then_some("{hash}")
}

/// Runs every case of `tests/expect/NAME` as a shell script, in the folder of the file. The output has
/// what it prints, what it prints to stderr behind `2>`, and the exit status unless it is 0.
pub(crate) fn transcript(name: &str, masks: &Masks) {
    let path = expect::path(name);
    let folder = path.parent().expect("a folder");
    expect::cases(name, |script| {
        let output = shell(folder, &masks.fill(script));
        masks.hide(&printed(&output))
    });
}

fn shell(folder: &Path, script: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_corsgate"));
    let programs = program.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    super::without_proxies(&mut command);
    // `espv2` and `import espv2` read these.
    for name in [
        "PORT",
        "ESPv2_ARGS",
        "ESP_ARGS",
        "CORS_PRESET",
        "ENDPOINTS_SERVICE_PATH",
        "ENDPOINTS_SERVICE_NAME",
    ] {
        command.env_remove(name);
    }
    command
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", format!("{programs}:{path}"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("it runs")
}

fn printed(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        text += &format!("2> {line}\n");
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => text += &format!("exit status: {code}\n"),
        None => panic!("{:?}", output.status),
    }
    text
}
