use crate::espv2::exchange::Request;
use crate::espv2::generate::{ALLOWED_HEADERS, ALLOWED_METHODS, EXPOSED, Flags};
use crate::espv2::scenarios::Scenario;
use regex_automata::dfa::regex::Regex;
use regex_automata::util::syntax;

pub(super) const ALLOW_ORIGIN: &str = "access-control-allow-origin";
pub(super) const METHODS: &str = "access-control-allow-methods";
pub(super) const HEADERS: &str = "access-control-allow-headers";

const ORIGIN: &str = "origin";
const ASKED_METHOD: &str = "access-control-request-method";
const ASKED_HEADERS: &str = "access-control-request-headers";

/// A request, and the gateway that it is sent to.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request,
    pub(crate) scenario: &'a Scenario,
}

// === impl Asked ===

impl<'a> Asked<'a> {
    pub(super) fn flags(&self) -> Flags<'a> {
        Flags(self.scenario.flags)
    }

    pub(super) fn is_described(&self) -> bool {
        self.scenario.description.is_some()
    }

    pub(super) fn has_preset(&self) -> bool {
        self.flags().preset().is_some()
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.flags().has("--cors_allow_credentials")
    }

    pub(super) fn is_any_without_credentials(&self) -> bool {
        self.flags().preset() == Some("basic")
            && self.preset_origin() == "*"
            && !self.has_credentials()
    }

    fn preset_origin(&self) -> &str {
        self.flags().value("--cors_allow_origin").unwrap_or("*")
    }

    /// Whether the request is an OPTIONS that belongs to the backend by the description.
    pub(super) fn passes_options(&self) -> bool {
        self.request.method == "OPTIONS" && self.scenario.passes_options(self.request.path())
    }

    pub(super) fn is_preflight(&self) -> bool {
        let has = |name| !self.request.values(name).is_empty();
        self.request.method == "OPTIONS" && has(ORIGIN) && has(ASKED_METHOD)
    }

    /// Whether the request is a preflight with a field that is not one value, or not a valid one.
    pub(super) fn is_malformed_preflight(&self) -> bool {
        let is_token = |text: &str| !text.is_empty() && !text.contains([' ', ',']);
        let headers = self.request.values(ASKED_HEADERS).join(",");
        let mut headers = headers
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let is_method =
            matches!(self.request.values(ASKED_METHOD).as_slice(), [method] if is_token(method));
        self.is_preflight() && (!is_method || !headers.all(is_token) || self.is_malformed_origin())
    }

    /// Whether the request is a preflight that the preset answers.
    pub(super) fn is_answered_preflight(&self) -> bool {
        self.is_preflight() && self.is_allowed() && !self.is_malformed_preflight()
    }

    /// Whether there is an Origin that is not one serialized origin, and the preset is not for all texts.
    pub(super) fn is_malformed_origin(&self) -> bool {
        match self.request.values(ORIGIN).as_slice() {
            [] => false,
            [one] => !self.is_any_without_credentials() && !is_origin(one),
            _ => true,
        }
    }

    /// Whether the preset allows the request's origin.
    pub(super) fn is_allowed(&self) -> bool {
        let origins = self.request.values(ORIGIN);
        let [origin] = origins.as_slice() else {
            return false;
        };
        match self.flags().preset() {
            Some("basic") => match self.preset_origin() {
                "*" => !self.is_malformed_origin(),
                literal => {
                    literal == *origin && is_origin(origin) && !self.is_default_port_of_literal()
                }
            },
            Some(_) => is_origin(origin) && self.matches(origin),
            None => false,
        }
    }

    /// Whether the Origin is the preset's literal, with a port that browsers leave out.
    pub(super) fn is_default_port_of_literal(&self) -> bool {
        let literal = self
            .flags()
            .value("--cors_allow_origin")
            .unwrap_or_default();
        let is_literal = self.request.values(ORIGIN) == [literal];
        is_literal && literal.starts_with("https:") && literal.ends_with(":443")
    }

    /// Whether the preset's list of this name is `*`.
    pub(super) fn echoes(&self, name: &str) -> bool {
        let flag = match name {
            METHODS => "--cors_allow_methods",
            _ => "--cors_allow_headers",
        };
        self.flags().value(flag) == Some("*")
    }

    /// Whether the request is answered with 200 by both because of its path.
    pub(super) fn is_health_check(&self) -> bool {
        let is_preflight = self.is_preflight() && self.is_allowed();
        self.flags().health().as_deref() == Some(&*self.request.target) && !is_preflight
    }

    pub(super) fn is_health_check_with_query(&self) -> bool {
        let path = self.flags().health();
        self.request.target.contains('?') && path.as_deref() == Some(self.request.path())
    }

    pub(super) fn is_health_check_with_slash(&self) -> bool {
        let path = self.flags().health().map(|path| path + "/");
        path.as_deref() == Some(self.request.path())
    }

    /// Whether a regex matches the text `*`.
    pub(super) fn is_star_by_regex(&self) -> bool {
        self.flags().preset() == Some("cors_with_regex") && self.matches("*")
    }

    fn matches(&self, origin: &str) -> bool {
        let regex = self.flags().value("--cors_allow_origin_regex");
        let regex = format!("^(?:{})$", regex.unwrap_or_default());
        let config = syntax::Config::new().unicode(false).utf8(false);
        let regex = Regex::builder().syntax(config).build(&regex);
        regex.expect("a regex").is_match(origin)
    }

    pub(super) fn has_dot_segment(&self) -> bool {
        let path = self.request.path().replace('\\', "/").to_lowercase();
        let mut segments = path.split('/').map(|segment| segment.replace("%2e", "."));
        segments.any(|segment| segment == "." || segment == "..")
    }

    /// Returns the fields of a response to an allowed origin.
    pub(super) fn fields(&self) -> Vec<(String, String)> {
        let exposed = self
            .flags()
            .value("--cors_expose_headers")
            .unwrap_or(EXPOSED);
        let credentials = if self.has_credentials() { "true" } else { "" };
        let origin = match self.is_any_without_credentials() {
            true => "*".to_owned(),
            false => self.request.values(ORIGIN).concat(),
        };
        let fields = [
            ("access-control-allow-credentials", credentials),
            (ALLOW_ORIGIN, &origin),
            ("access-control-expose-headers", exposed),
        ];
        let fields = fields.iter().filter(|(_, value)| !value.is_empty());
        let fields = fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        fields.collect()
    }

    /// Returns the fields of the answer to a preflight of any origin, with the lists of a preset that names none.
    pub(super) fn preflight_fields(&self) -> Vec<(String, String)> {
        let lists = [
            (HEADERS, ALLOWED_HEADERS),
            (METHODS, ALLOWED_METHODS),
            ("access-control-max-age", "1728000"),
        ];
        let lists = lists.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut fields: Vec<_> = self.fields().into_iter().chain(lists).collect();
        fields.sort();
        fields
    }
}

/// Whether the text is a serialized origin, as far as the requests here have to be told apart.
fn is_origin(text: &str) -> bool {
    let Some(("http" | "https", rest)) = text.split_once("://") else {
        return text == "null";
    };
    let (host, port) = rest.split_once(':').unwrap_or((rest, "443"));
    let is_host = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    !host.is_empty() && host.chars().all(is_host) && port.parse::<u16>().is_ok()
}
