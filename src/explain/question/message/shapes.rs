//! The messages of browsers' consoles about CORS, as data.
//!
//! Chrome's are in `cors_error_string.cc` of Chromium, which Edge, Opera and Brave share; Firefox' in
//! `security.properties`; Safari's in WebKit's `CrossOriginAccessControl.cpp`. `{name}` stands for
//! a part that differs. White space is one space, and typographic quotes are plain ones.

use super::About;

/// Texts around a reason: they name the URL, the origin or the page.
pub(super) const FRAMES: &[&str] = &[
    // Chrome. Behind a redirect, the URL that the script wrote comes second.
    "Access to {value} at '{redirected}' (redirected from '{url}') from origin '{origin}' has been blocked by CORS policy",
    "Access to {value} at '{url}' from origin '{origin}' has been blocked by CORS policy",
    // Chrome until version 69.
    "Failed to load {url}: ",
    "Origin '{origin}' is therefore not allowed access",
    // Firefox.
    "disallows reading the remote resource at {url}. (Reason:",
    // Chrome, of `mode: "same-origin"`.
    "Fetch API cannot load {url}. Request mode is \"same-origin\" but the URL's origin is not same as the request origin {origin}",
    // Safari.
    "Fetch API cannot load {url} due to access control checks",
    "XMLHttpRequest cannot load {url} due to access control checks",
    "Origin {origin} is not allowed by Access-Control-Allow-Origin",
    // WebSockets: Chrome and Safari, then Firefox.
    "WebSocket connection to '{url}' failed",
    "establish a connection to the server at {url}",
    // Mixed content: Chrome and Safari, then Firefox.
    "The page at '{page}' was loaded over HTTPS, but requested an insecure {value} '{url}'",
    "Blocked loading mixed active content \"{url}\"",
];

/// Reasons, the more special before the more general: what the message is about, and its meaning. The meaning can name
/// the same parts.
#[rustfmt::skip]
pub(super) const REASONS: &[(&str, About, &str)] = &[
    // Chrome, about preflights.
    ("Response to preflight request doesn't pass access control check: It does not have HTTP ok status", About::Preflight,
     "the preflight was answered with a status other than 200 to 299"),
    ("Redirect is not allowed for a preflight request", About::PreflightRedirect,
     "the preflight was answered with a redirect, which browsers do not follow there"),
    ("Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header", About::Preflight,
     "the answer to the preflight did not have Access-Control-Allow-Origin"),
    ("Response to preflight request doesn't pass access control check: The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*'", About::Credentials,
     "the script asks with credentials, which `*` does not allow"),
    ("Response to preflight request doesn't pass access control check: The 'Access-Control-Allow-Origin' header", About::Preflight,
     "the answer to the preflight allows another origin, or several"),
    ("Method {method} is not allowed by Access-Control-Allow-Methods in preflight response", About::Method,
     "the answer to the preflight does not allow the method"),
    ("Request header field {header} is not allowed by Access-Control-Allow-Headers in preflight response", About::Header,
     "the answer to the preflight does not allow the header"),
    ("Cannot parse Access-Control-Allow-Methods response header field in preflight response", About::Preflight,
     "Access-Control-Allow-Methods of the answer to the preflight is not a list of methods"),
    ("Cannot parse Access-Control-Allow-Headers response header field in preflight response", About::Preflight,
     "Access-Control-Allow-Headers of the answer to the preflight is not a list of names"),
    ("No 'Access-Control-Allow-Private-Network' header was present in the preflight response", About::Network,
     "the page is of a more public network than the server: `allow_private_network: true` in the policy answers that"),
    ("The request client is not a secure context and the resource is in more-private address space", About::Network,
     "the page is not served with https, and the server is in a private network: serve the page with https"),
    ("Permission was denied for this request to access the", About::Network,
     "the person at the browser did not permit the page to reach its local network; no server can change that"),
    // Chrome, about responses.
    ("The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*'", About::Credentials,
     "the script asks with credentials, which `*` does not allow"),
    ("The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' which must be 'true'", About::Credentials,
     "the script asks with credentials, and the response does not allow them"),
    ("No 'Access-Control-Allow-Origin' header is present on the requested resource", About::Response,
     "the response did not have Access-Control-Allow-Origin"),
    ("The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but only one is allowed", About::Response,
     "the response had several values of Access-Control-Allow-Origin: often two servers each add one"),
    ("The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'", About::Response,
     "the response allows `{value}`, which is not an origin"),
    ("The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the supplied origin", About::Response,
     "the response allows the origin `{value}`, and not this one"),
    ("Redirect location '{value}' contains a username and password", About::Redirect,
     "the response redirects to a URL with a user name, which browsers refuse to scripts"),
    ("Cross origin requests are only supported for protocol schemes", About::Other,
     "the URL is neither http nor https: CORS has no meaning for it"),
    ("Request mode is \"same-origin\" but the URL's origin is not same", About::Other,
     "the script asked with `mode: \"same-origin\"`, and the URL has another origin"),
    ("Cross origin requests are not allowed by request mode", About::Other,
     "the script asked with `mode: \"same-origin\"`, and the URL has another origin"),
    // Firefox.
    ("(Reason: CORS header 'Access-Control-Allow-Origin' missing). Status code: (null)", About::Other,
     "no response came at all: the connection, TLS or the name failed, or an extension stopped the request"),
    ("(Reason: CORS header 'Access-Control-Allow-Origin' missing)", About::Response,
     "the response did not have Access-Control-Allow-Origin"),
    ("(Reason: CORS header 'Access-Control-Allow-Origin' does not match '{value}')", About::Response,
     "the response allows the origin `{value}`, and not this one"),
    ("(Reason: Multiple CORS header 'Access-Control-Allow-Origin' not allowed)", About::Response,
     "the response had several values of Access-Control-Allow-Origin: often two servers each add one"),
    ("(Reason: Credential is not supported if the CORS header 'Access-Control-Allow-Origin' is '*')", About::Credentials,
     "the script asks with credentials, which `*` does not allow"),
    ("(Reason: expected 'true' in CORS header 'Access-Control-Allow-Credentials')", About::Credentials,
     "the script asks with credentials, and the response does not allow them"),
    ("(Reason: Did not find method in CORS header 'Access-Control-Allow-Methods')", About::Preflight,
     "the answer to the preflight does not allow the method, which the message does not name: give `--method`"),
    ("(Reason: CORS preflight response did not succeed)", About::Preflight,
     "the preflight was answered with a status other than 200 to 299"),
    ("(Reason: CORS preflight channel did not succeed)", About::Preflight,
     "the preflight was answered with a status other than 200 to 299"),
    ("(Reason: header '{header}' is not allowed according to header 'Access-Control-Allow-Headers' from CORS preflight response)", About::Header,
     "the answer to the preflight does not allow the header"),
    ("(Reason: missing token '{header}' in CORS header 'Access-Control-Allow-Headers' from CORS preflight", About::Header,
     "the answer to the preflight does not allow the header"),
    ("(Reason: invalid token '{value}' in CORS header 'Access-Control-Allow-Methods')", About::Preflight,
     "Access-Control-Allow-Methods of the answer to the preflight has `{value}`, which is not a method"),
    ("(Reason: invalid token '{value}' in CORS header 'Access-Control-Allow-Headers')", About::Preflight,
     "Access-Control-Allow-Headers of the answer to the preflight has `{value}`, which is not a name"),
    ("(Reason: CORS request external redirect not allowed)", About::PreflightRedirect,
     "the preflight was answered with a redirect, which browsers do not follow there"),
    ("(Reason: CORS request did not succeed)", About::Other,
     "no response came at all: the connection, TLS or the name failed, or an extension stopped the request"),
    ("(Reason: CORS request not http)", About::Other,
     "the URL is neither http nor https: CORS has no meaning for it"),
    ("(Reason: CORS disabled)", About::Other,
     "CORS is switched off in the browser's settings (`content.cors.disable`)"),
    ("(Reason: CORS header 'Origin' cannot be added)", About::Other,
     "the browser could not send Origin: an extension or a setting keeps it from that"),
    // Safari.
    ("Preflight response is not successful", About::Preflight,
     "the preflight was answered with a status other than 200 to 299"),
    ("Request header field {header} is not allowed by Access-Control-Allow-Headers", About::Header,
     "the answer to the preflight does not allow the header"),
    ("Method {method} is not allowed by Access-Control-Allow-Methods", About::Method,
     "the answer to the preflight does not allow the method"),
    ("Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true", About::Credentials,
     "the script asks with credentials, which `*` does not allow"),
    ("Credentials flag is true, but Access-Control-Allow-Credentials is not \"true\"", About::Credentials,
     "the script asks with credentials, and the response does not allow them"),
    ("Access-Control-Allow-Origin cannot contain more than one origin", About::Response,
     "the response had several values of Access-Control-Allow-Origin: often two servers each add one"),
    ("denied by Cross-Origin Resource Sharing policy", About::Redirect,
     "the response is a redirect, and CORS does not permit its target"),
    ("Origin {origin} is not allowed by Access-Control-Allow-Origin", About::Response,
     "the response, or the answer to the preflight, does not allow the origin"),
    ("due to access control checks", About::Response,
     "the response, or the answer to the preflight, does not permit the request; the line before says more"),
    // Chrome and Safari, of XMLHttpRequest.
    ("Refused to get unsafe header \"{exposed}\"", About::Exposed,
     "the script reads a response header that the response does not expose"),
    // Not CORS, and often taken for it.
    ("but requested an insecure", About::Other,
     "a page with https can't fetch http: browsers block that before CORS is looked at. Use https for the URL"),
    ("Blocked loading mixed active content", About::Other,
     "a page with https can't fetch http: browsers block that before CORS is looked at. Use https for the URL"),
    ("WebSocket connection to", About::WebSocket,
     "the WebSocket could not be opened, or it broke"),
    ("establish a connection to the server at", About::WebSocket,
     "the WebSocket could not be opened, or it broke"),
    // All that a script learns, whatever the cause.
    ("TypeError: Failed to fetch", About::Other, FAILED),
    ("NetworkError when attempting to fetch resource", About::Other, FAILED),
    ("TypeError: Load failed", About::Other, FAILED),
    ("AxiosError: Network Error", About::Other, FAILED),
    ("net::ERR_FAILED", About::Other, FAILED),
];

const FAILED: &str = "it says only that the request failed; paste the line about CORS, which the browser prints beside it";

/// The starts of messages that name everything about one request: behind the second, another message begins.
pub(super) const STARTS: &[&str] = &["Access to ", "Cross-Origin Request Blocked: "];
