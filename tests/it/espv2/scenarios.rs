//! The flags and the descriptions that both gateways are started with, and the requests that each is sent.

use super::generate::Flags;
use std::net::SocketAddr;

/// One pair of gateways.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) flags: &'static [&'static str],
    /// The service configuration, as JSON.
    pub(super) description: Option<&'static str>,
    /// The sets of `requests.txt`.
    pub(super) sets: &'static [&'static str],
}

const LIBRARY: Option<&str> = Some(include_str!("descriptions/library.json"));
const ALLOW_CORS: Option<&str> = Some(include_str!("descriptions/allow_cors.json"));
const OVERLAPS: Option<&str> = Some(include_str!("descriptions/overlaps.json"));
const OTHER_ENDPOINT: Option<&str> = Some(include_str!("descriptions/other_endpoint.json"));

const BASIC: &str = "--cors_preset=basic";
const REGEX: &str = "--cors_preset=cors_with_regex";
const APP: &str = "--cors_allow_origin=https://app.example.com";
const CREDENTIALS: &str = "--cors_allow_credentials";

/// Paths of the requests that no description declares.
const UNDECLARED: [&str; 2] = ["/nowhere", "/undeclared"];

// === impl Scenario ===

impl Scenario {
    /// Returns the description with the address of the other backend.
    pub(super) fn description(&self, other: SocketAddr) -> Option<String> {
        Some(self.description?.replace("OTHER", &other.to_string()))
    }

    /// Whether an OPTIONS for this path belongs to the backend.
    pub(super) fn passes_options(&self, path: &str) -> bool {
        match self.description {
            Some(text) if Some(text) == ALLOW_CORS => !UNDECLARED.contains(&path),
            Some(_) => ["/declared", "/all", "/s/1"].contains(&path),
            None => Flags(self.flags).preset().is_none(),
        }
    }
}

const fn scenario(
    name: &'static str,
    flags: &'static [&'static str],
    description: Option<&'static str>,
    sets: &'static [&'static str],
) -> Scenario {
    Scenario {
        name,
        flags,
        description,
        sets,
    }
}

#[rustfmt::skip]
pub(super) const SCENARIOS: &[Scenario] = &[
    scenario("any origin", &[BASIC], LIBRARY, &["cors"]),
    scenario("any origin with credentials", &[BASIC, CREDENTIALS], LIBRARY, &["cors"]),
    scenario("one origin", &[BASIC, APP], LIBRARY, &["cors", "origins"]),
    scenario("one origin with credentials", &[BASIC, APP, CREDENTIALS], LIBRARY, &["cors"]),
    // Literals that browsers do not send.
    scenario("a list of origins", &[BASIC, "--cors_allow_origin=https://app.example.com,https://b.example.com"], LIBRARY, &["origins"]),
    scenario("a wildcard", &[BASIC, "--cors_allow_origin=https://*.example.com"], LIBRARY, &["origins"]),
    scenario("a slash at the end", &[BASIC, "--cors_allow_origin=https://app.example.com/"], LIBRARY, &["origins"]),
    scenario("capitals", &[BASIC, "--cors_allow_origin=HTTPS://APP.EXAMPLE.COM"], LIBRARY, &["origins"]),
    scenario("a host", &[BASIC, "--cors_allow_origin=app.example.com"], LIBRARY, &["origins"]),
    scenario("a default port", &[BASIC, "--cors_allow_origin=https://app.example.com:443"], LIBRARY, &["origins"]),
    scenario("the origin null", &[BASIC, "--cors_allow_origin=null"], LIBRARY, &["origins"]),
    // Regular expressions.
    scenario("a regex for subdomains", &[REGEX, r"--cors_allow_origin_regex=https://.*\.example\.com"], LIBRARY, &["cors", "origins"]),
    scenario("an anchored regex", &[REGEX, r"--cors_allow_origin_regex=^https?://app\.example\.com(:\d+)?$", CREDENTIALS], LIBRARY, &["origins"]),
    scenario("a regex of alternatives", &[REGEX, r"--cors_allow_origin_regex=https://app\.example\.com|https://b\.example\.com"], LIBRARY, &["origins"]),
    scenario("a regex with a plain dot", &[REGEX, "--cors_allow_origin_regex=https://app.example.com"], LIBRARY, &["origins"]),
    scenario("a regex without case", &[REGEX, r"--cors_allow_origin_regex=(?i)https://APP\.example\.com"], LIBRARY, &["origins"]),
    scenario("a regex for a part", &[REGEX, r"--cors_allow_origin_regex=example\.com"], LIBRARY, &["origins"]),
    scenario("a regex for everything", &[REGEX, "--cors_allow_origin_regex=.*"], LIBRARY, &["cors", "origins"]),
    scenario("a regex for the text *", &[REGEX, r"--cors_allow_origin_regex=\*|https://app\.example\.com"], LIBRARY, &["cors", "origins"]),
    // Lists.
    scenario("lists", &[BASIC, APP, "--cors_allow_methods=GET,put", "--cors_allow_headers=X-A,  x-b", "--cors_expose_headers=X-C", CREDENTIALS], LIBRARY, &["lists"]),
    scenario("empty lists", &[BASIC, APP, "--cors_allow_methods=", "--cors_allow_headers=", "--cors_expose_headers="], LIBRARY, &["lists"]),
    scenario("lists of *", &[BASIC, APP, "--cors_allow_methods=*", "--cors_allow_headers=*", "--cors_expose_headers=*"], LIBRARY, &["lists"]),
    scenario("lists of * with credentials", &[BASIC, APP, "--cors_allow_methods=*", "--cors_allow_headers=*", "--cors_expose_headers=*", CREDENTIALS], LIBRARY, &["lists"]),
    scenario("any origin and lists of *", &[BASIC, "--cors_allow_methods=*", "--cors_allow_headers=*", "--cors_expose_headers=*"], LIBRARY, &["lists"]),
    // Ages.
    scenario("no age", &[BASIC, APP, "--cors_max_age=0"], LIBRARY, &["lists"]),
    scenario("an age in seconds", &[BASIC, APP, "--cors_max_age=90s"], LIBRARY, &["lists"]),
    scenario("an age of parts", &[BASIC, APP, "--cors_max_age=1h2m3.9s"], LIBRARY, &["lists"]),
    scenario("an age below a second", &[BASIC, APP, "--cors_max_age=999ms"], LIBRARY, &["lists"]),
    // Without a preset.
    scenario("no preset", &[], LIBRARY, &["paths", "options"]),
    scenario("an empty preset", &["--cors_preset=", APP], LIBRARY, &["options"]),
    scenario("allow_cors", &[], ALLOW_CORS, &["options"]),
    scenario("allow_cors for another name", &[], OTHER_ENDPOINT, &["options"]),
    // With a preset and a description that says something, too.
    scenario("a preset and allow_cors", &[BASIC, APP], ALLOW_CORS, &["options"]),
    scenario("any origin and allow_cors", &[BASIC], ALLOW_CORS, &["options"]),
    scenario("a preset and templates", &[BASIC, APP], LIBRARY, &["paths", "options"]),
    scenario("overlaps", &[], OVERLAPS, &["overlaps"]),
    scenario("a preset and overlaps", &[BASIC, APP], OVERLAPS, &["overlaps"]),
    scenario("overlaps without colons", &["--disallow_colon_in_wildcard_path_segment"], OVERLAPS, &["overlaps"]),
    scenario("overlaps at one backend", &["--enable_backend_address_override"], OVERLAPS, &["overlaps"]),
    // Health.
    scenario("health", &["--healthz=healthz"], LIBRARY, &["health"]),
    scenario("health and a preset", &[BASIC, APP, "--healthz=/healthz"], LIBRARY, &["health"]),
    // Colons.
    scenario("segments without colons", &[BASIC, APP, "--disallow_colon_in_wildcard_path_segment"], LIBRARY, &["colons"]),
    scenario("segments with colons", &[BASIC, APP], LIBRARY, &["colons"]),
    // Without a description.
    scenario("no description", &[], None, &["every path"]),
    scenario("no description and a preset", &[BASIC, APP], None, &["every path", "health"]),
    scenario("no description and health", &["--healthz=healthz"], None, &["health"]),
];
