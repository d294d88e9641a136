//! Sentences about browsers, as data. One line a case; the standard is the judge.

use super::*;
use crate::cors::{
    CorsRequest, Decision, FieldLines, ListSpec, NameList, OriginPattern, Policy, PolicySpec,
    PreflightDecision, Rule, SingleValue, VerbatimList, decide,
};
use http::HeaderValue;

const APP: &str = "https://app.example.com";

/// `name: value | name: value`; `#130` stands for a value of so many bytes.
fn headers(text: &str) -> Vec<(String, String)> {
    let lines = text.split(" | ").filter(|line| !line.is_empty());
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a colon");
        let value = match value.trim().strip_prefix('#') {
            Some(len) => "a".repeat(len.parse().expect("a length")),
            None => value.trim_start_matches(' ').to_owned(),
        };
        (name.to_owned(), value)
    };
    lines.map(header).collect()
}

/// The same for an answer, with the CORS fields' names as letters.
fn answer(text: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in headers(text) {
        let name = match name.as_str() {
            "o" => HeaderName::from(FieldName::AllowOrigin),
            "c" => HeaderName::from(FieldName::AllowCredentials),
            "m" => HeaderName::from(FieldName::AllowMethods),
            "h" => HeaderName::from(FieldName::AllowHeaders),
            "e" => HeaderName::from(FieldName::ExposeHeaders),
            "a" => HeaderName::from(FieldName::MaxAge),
            name => name.parse().expect("a name"),
        };
        fields.append(name, HeaderValue::from_str(&value).expect("a value"));
    }
    fields
}

/// `METHOD`, or `METHOD+` with credentials.
fn script<'a>(method: &'a str, headers: &'a [(String, String)]) -> ScriptRequest<'a> {
    ScriptRequest {
        method: method.trim_end_matches('+'),
        origin: APP,
        headers,
        credentials: method.ends_with('+'),
    }
}

#[test]
fn a_browser_asks_first_where_a_form_could_not_have_sent_the_request() {
    // The sentence; method; headers; the method and the names that are asked for, "" where nothing.
    #[rustfmt::skip]
    let cases = [
        ("a plain GET is sent", "GET", "", ""),
        ("get becomes GET and is sent", "get", "", ""),
        ("Post becomes POST and is sent", "Post", "", ""),
        ("HEAD is sent", "HEAD", "", ""),
        ("credentials alone are no reason to ask", "GET+", "", ""),
        ("PUT is asked for", "PUT", "", "PUT"),
        ("delete is asked for as DELETE", "delete", "", "DELETE"),
        ("options is asked for as OPTIONS", "options", "", "OPTIONS"),
        ("patch stays patch", "patch", "", "patch"),
        ("PATCH is asked for", "PATCH", "", "PATCH"),
        ("Query stays Query", "Query", "", "Query"),
        ("one unknown header is asked for", "GET", "X-Id: 1", "GET x-id"),
        ("authorization is asked for", "GET", "Authorization: Bearer x", "GET authorization"),
        ("names are sorted, once, in lower case", "PUT", "X-B: 1 | x-a: 1 | X-b: 2", "PUT x-a,x-b"),
        ("an empty value asks all the same", "GET", "x-a:", "GET x-a"),
        ("accept is a form's", "GET", "accept: application/json", ""),
        ("accept with a quote is not", "GET", "accept: a\"b", "GET accept"),
        ("accept with a bracket is not", "GET", "accept: {a}", "GET accept"),
        ("accept with a colon is not", "GET", "accept: a:b", "GET accept"),
        ("accept with a control character is not", "GET", "accept: a\u{1}b", "GET accept"),
        ("accept with DEL is not", "GET", "accept: a\u{7f}b", "GET accept"),
        ("accept with a tab is", "GET", "accept: a\tb", ""),
        ("accept with a byte above ASCII is", "GET", "accept: \u{e9}", ""),
        ("accept of 128 bytes is", "GET", "accept: #128", ""),
        ("accept of 129 bytes is not", "GET", "accept: #129", "GET accept"),
        ("128 bytes above ASCII are 128 bytes", "GET", "accept: \u{e9}\u{e9}", ""),
        ("accept-language is a form's", "GET", "accept-language: de-CH, *;q=0.5", ""),
        ("accept-language with an underscore is not", "GET", "accept-language: de_CH", "GET accept-language"),
        ("content-language is a form's", "GET", "content-language: en", ""),
        ("content-language with a slash is not", "GET", "content-language: e/n", "GET content-language"),
        ("JSON is asked for", "POST", "content-type: application/json", "POST content-type"),
        ("text is a form's", "POST", "content-type: text/plain", ""),
        ("text with a charset is", "POST", "content-type: Text/Plain ; charset=utf-8", ""),
        ("URL-encoded is", "POST", "content-type: application/x-www-form-urlencoded", ""),
        ("multipart is", "POST", "content-type: multipart/form-data; boundary=x", ""),
        ("multipart with a quoted boundary is not", "POST", "content-type: multipart/form-data; boundary=\"x\"", "POST content-type"),
        ("another text is not", "POST", "content-type: text/html", "POST content-type"),
        ("two types in one are not", "POST", "content-type: text/plain, text/plain", "POST content-type"),
        ("no type is not", "POST", "content-type:", "POST content-type"),
        ("half a type is not", "POST", "content-type: text", "POST content-type"),
        ("a type with a space in it is not", "POST", "content-type: text /plain", "POST content-type"),
        ("a range with an open end is a form's", "GET", "range: bytes=0-", ""),
        ("a range is", "GET", "range: bytes=5-9", ""),
        ("a range of one byte is", "GET", "range: bytes=9-9", ""),
        ("a range of the last bytes is not", "GET", "range: bytes=-500", "GET range"),
        ("a range that ends before it starts is not", "GET", "range: bytes=10-9", "GET range"),
        ("a long range that ends before it starts is not", "GET", "range: bytes=20000000000000000000000-3", "GET range"),
        ("zeros in front change nothing", "GET", "range: bytes=009-10", ""),
        ("two ranges are not", "GET", "range: bytes=0-1,2-3", "GET range"),
        ("a range with a space is not", "GET", "range: bytes= 0-1", "GET range"),
        ("a range in upper case is not", "GET", "range: Bytes=0-1", "GET range"),
        ("another unit is not", "GET", "range: rows=0-1", "GET range"),
        ("1024 safe bytes together are safe", "GET", "accept: #128 | accept: #128 | accept: #128 | accept: #128 | accept: #128 | accept: #128 | accept-language: #128 | content-language: #128", ""),
        ("one more makes all of them unsafe", "GET", "accept: #128 | accept: #128 | accept: #128 | accept: #128 | accept: #128 | accept: #128 | accept-language: #128 | content-language: #128 | accept: a", "GET accept,accept-language,content-language"),
        ("unsafe values do not count towards it", "GET", "accept: #128 | x-a: #1024", "GET x-a"),
        ("a forbidden header is dropped and not asked for", "GET", "Cookie: a=b | Origin: b | Sec-Fetch-Mode: x | Proxy-X: y", ""),
        ("a request header of CORS is dropped", "GET", "access-control-request-method: PUT", ""),
        ("a response header of CORS is any header", "GET", "access-control-allow-origin: *", "GET access-control-allow-origin"),
        ("an override with a forbidden method is dropped", "POST", "x-http-method-override: put, trace", ""),
        ("an override with another method is asked for", "POST", "x-http-method-override: put", "POST x-http-method-override"),
        ("white space around a value is gone before it is looked at", "POST", "content-type:  \t text/plain \t", ""),
    ];
    for (sentence, method, sent, expected) in cases {
        let sent = headers(sent);
        let script = script(method, &sent);
        assert_eq!(script.check(), Ok(()), "{sentence}");
        let fields = script.preflight_fields();
        let (method, names) = expected.split_once(' ').unwrap_or((expected, ""));
        assert_eq!(
            script.preflight_causes().is_empty(),
            expected.is_empty(),
            "{sentence}"
        );
        assert_eq!(fields[0], ("Origin", APP.to_owned()), "{sentence}");
        if !method.is_empty() {
            let asked = ("Access-Control-Request-Method", method.to_owned());
            assert_eq!(fields[1], asked, "{sentence}");
        }
        let asked = fields.get(2).map(|(_, names)| names.as_str());
        assert_eq!(asked.unwrap_or_default(), names, "{sentence}");
    }
}

#[test]
fn what_fetch_drops_is_told() {
    let sent = headers("Cookie: a | x-a: 1 | Sec-GPC: 1 | Host: b");
    let script = script("GET", &sent);
    assert_eq!(script.dropped_headers(), ["cookie", "sec-gpc", "host"]);
    let left: Vec<_> = script.sent_headers().collect();
    assert_eq!(left, [("x-a".to_owned(), "1")]);
}

#[test]
fn an_answer_to_a_preflight_permits_or_is_refused_for_the_first_thing_that_is_wrong() {
    // The sentence; script; its headers; status; answer; the refusal, "" where there is none.
    #[rustfmt::skip]
    let cases = [
        ("a listed method is permitted", "PUT", "", 204, "o: https://app.example.com | m: PUT", ""),
        ("200 is as good as 204", "PUT", "", 200, "o: https://app.example.com | m: PUT", ""),
        ("so is 299", "PUT", "", 299, "o: * | m: PUT", ""),
        ("301 is a redirect", "PUT", "", 301, "o: * | m: PUT", "preflight_redirected"),
        ("308 is a redirect", "PUT", "", 308, "o: * | m: PUT", "preflight_redirected"),
        ("304 is no redirect, and no success", "PUT", "", 304, "o: * | m: PUT", "preflight_status"),
        ("404 is no success", "PUT", "", 404, "o: * | m: PUT", "preflight_status"),
        ("500 without headers is first of all 500", "PUT", "", 500, "", "preflight_status"),
        ("no Allow-Origin", "PUT", "", 204, "m: PUT", "allow_origin_missing"),
        ("an empty Allow-Origin is another origin", "PUT", "", 204, "o: | m: PUT", "allow_origin_other"),
        ("two lines", "PUT", "", 204, "o: * | o: https://app.example.com | m: PUT", "allow_origin_several"),
        ("two equal lines", "PUT", "", 204, "o: * | o: * | m: PUT", "allow_origin_several"),
        ("two values in a line", "PUT", "", 204, "o: https://app.example.com, https://b.example | m: PUT", "allow_origin_several"),
        ("two values with a space", "PUT", "", 204, "o: https://app.example.com https://b.example | m: PUT", "allow_origin_several"),
        ("another origin", "PUT", "", 204, "o: https://b.example | m: PUT", "allow_origin_other"),
        ("white space around the origin is gone", "PUT", "", 204, "o:   https://app.example.com   | m: PUT", ""),
        ("any origin", "PUT", "", 204, "o: * | m: PUT", ""),
        ("any origin with credentials", "PUT+", "", 204, "o: * | c: true | m: PUT", "any_origin_with_credentials"),
        ("credentials are allowed", "PUT+", "", 204, "o: https://app.example.com | c: true | m: PUT", ""),
        ("credentials are not spoken of", "PUT+", "", 204, "o: https://app.example.com | m: PUT", "allow_credentials_missing"),
        ("True is not true", "PUT+", "", 204, "o: https://app.example.com | c: True | m: PUT", "allow_credentials_not_true"),
        ("true twice is not true", "PUT+", "", 204, "o: https://app.example.com | c: true | c: true | m: PUT", "allow_credentials_not_true"),
        ("false is not true", "PUT+", "", 204, "o: https://app.example.com | c: false | m: PUT", "allow_credentials_not_true"),
        ("credentials that nobody sends need no permission", "PUT", "", 204, "o: https://app.example.com | c: nonsense | m: PUT", ""),
        ("a method in a list", "PUT", "", 204, "o: * | m: GET, PUT ,DELETE", ""),
        ("a method in the second line", "PUT", "", 204, "o: * | m: GET | m: PUT", ""),
        ("a list with empty elements", "PUT", "", 204, "o: * | m: ,, PUT,", ""),
        ("no list of methods", "PUT", "", 204, "o: *", "method_not_allowed"),
        ("an empty list of methods", "PUT", "", 204, "o: * | m:", "method_not_allowed"),
        ("a method of the script in the list's other case", "patch", "", 204, "o: * | m: PATCH", "method_not_allowed"),
        ("a method of the list in lower case", "PUT", "", 204, "o: * | m: put", "method_not_allowed"),
        ("put in the script is PUT", "put", "", 204, "o: * | m: PUT", ""),
        ("any method", "PUT", "", 204, "o: * | m: *", ""),
        ("any method is a name with credentials", "PUT+", "", 204, "o: https://app.example.com | c: true | m: *", "method_not_allowed"),
        ("a safelisted method is never listed", "POST", "x-a: 1", 204, "o: * | m: PUT | h: x-a", ""),
        ("methods in quotes are no list", "PUT", "", 204, "o: * | m: \"PUT\"", "allow_methods_unreadable"),
        ("methods in brackets are no list", "PUT", "", 204, "o: * | m: [PUT, GET]", "allow_methods_unreadable"),
        ("methods with spaces are no list", "PUT", "", 204, "o: * | m: PUT GET", "allow_methods_unreadable"),
        ("methods that are no list fail a safelisted method too", "GET", "x-a: 1", 204, "o: * | m: a b | h: x-a", "allow_methods_unreadable"),
        ("a listed header", "GET", "x-a: 1", 204, "o: * | h: x-a", ""),
        ("a header in another case", "GET", "x-a: 1", 204, "o: * | h: X-A", ""),
        ("a header in the second line", "GET", "x-a: 1 | x-b: 1", 204, "o: * | h: x-b | h: x-a", ""),
        ("a header that is not listed", "GET", "x-a: 1 | x-b: 1", 204, "o: * | h: x-a", "header_not_allowed"),
        ("no list of headers", "GET", "x-a: 1", 204, "o: *", "header_not_allowed"),
        ("any header", "GET", "x-a: 1", 204, "o: * | h: *", ""),
        ("any header is a name with credentials", "GET+", "x-a: 1", 204, "o: https://app.example.com | c: true | h: *", "header_not_allowed"),
        ("any header is not authorization", "GET", "authorization: x", 204, "o: * | h: *", "header_not_allowed"),
        ("any header beside authorization", "GET", "authorization: x | x-a: 1", 204, "o: * | h: *, Authorization", ""),
        ("a content-type of JSON", "POST", "content-type: application/json", 204, "o: * | h: content-type", ""),
        ("a content-type of JSON, not listed", "POST", "content-type: application/json", 204, "o: *", "header_not_allowed"),
        ("a dropped header needs no permission", "PUT", "cookie: a", 204, "o: * | m: PUT", ""),
        ("headers in quotes are no list", "PUT", "", 204, "o: * | m: PUT | h: 'x a'", "allow_headers_unreadable"),
        ("the origin is looked at before the method", "PUT", "", 204, "o: https://b.example", "allow_origin_other"),
        ("the method is looked at before the headers", "PUT", "x-a: 1", 204, "o: *", "method_not_allowed"),
        ("both lists are read before either is looked at", "PUT", "x-a: 1", 204, "o: * | h: a b", "allow_headers_unreadable"),
    ];
    for (sentence, method, sent, status, fields, code) in cases {
        let sent = headers(sent);
        let status = StatusCode::from_u16(status).expect("a status");
        let judged = script(method, &sent).judge_preflight(status, &answer(fields));
        let found = judged.as_ref().err().map_or("", Refusal::as_str);
        assert_eq!(found, code, "{sentence}: {judged:?}");
        if let Err(refusal) = judged {
            assert!(!refusal.hint().contains('\n'), "{sentence}");
        }
    }
}

#[test]
fn a_null_origin_is_allowed_by_its_name() {
    let script = ScriptRequest {
        origin: "null",
        ..script("GET", &[])
    };
    assert!(script.judge_response(&answer("o: null")).is_ok());
    let other = answer("o: https://app.example.com");
    assert!(script.judge_response(&other).is_err());
}

#[test]
fn a_near_miss_is_named() {
    use OriginMiss::*;
    #[rustfmt::skip]
    let cases = [
        ("", Some(Empty)),
        ("null", Some(Null)),
        ("\"https://app.example.com\"", Some(Quotes)),
        ("https://APP.example.com", Some(Case)),
        ("https://app.example.com/", Some(TrailingSlash)),
        ("https://app.example.com/login", Some(Path)),
        ("https://*.example.com", Some(Wildcard)),
        ("app.example.com", Some(MissingScheme)),
        ("http://app.example.com", Some(Scheme)),
        ("https://app.example.com:443", Some(DefaultPort)),
        ("https://app.example.com:8443", Some(Port)),
        ("https://example.com", Some(Subdomain)),
        ("https://www.app.example.com", Some(Subdomain)),
        ("https://notapp.example.com", None),
        ("https://b.example", None),
        ("nonsense", None),
    ];
    for (value, expected) in cases {
        assert_eq!(OriginMiss::between(value, APP), expected, "{value}");
    }
    for (value, origin, expected) in [
        ("http://[::1]:3000", "http://[::1]:3001", Some(Port)),
        ("http://[::1]", "http://[::1]:3001", Some(Port)),
        ("http://localhost:3000", "http://localhost", Some(Port)),
        ("localhost", "http://localhost:3000", Some(MissingScheme)),
        (
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            Some(OwnHost),
        ),
        ("http://127.0.0.1", "http://[::1]:3000", Some(OwnHost)),
    ] {
        assert_eq!(OriginMiss::between(value, origin), expected, "{value}");
    }
}

/// Runs `fetch METHOD` or `fetch METHOD with credentials` with the headers behind `>`, and judges the
/// answer behind `<`; where there is none, says why the browser asks first.
fn browser_says(input: &str) -> String {
    let mut lines = input.lines();
    let fetch = lines.next().and_then(|line| line.strip_prefix("fetch"));
    let fetch = fetch.expect("it begins with `fetch`").trim();
    let method = fetch.strip_suffix(" with credentials");
    let (sent, received): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('>'));
    let fields = |lines: &[&str]| {
        let lines: Vec<&str> = lines.iter().map(|line| line[1..].trim_start()).collect();
        lines.join(" | ").replace(r"\n", "\n")
    };
    let sent = headers(&fields(&sent));
    let origin = sent.iter().find(|(name, _)| name == "origin");
    let script = ScriptRequest {
        method: method.unwrap_or(fetch),
        origin: origin.map_or(APP, |(_, origin)| origin),
        headers: &sent,
        credentials: method.is_some(),
    };
    if let Err(error) = script.check() {
        return error.to_string();
    }
    let causes = script.preflight_causes();
    let Some((status, received)) = received.split_first() else {
        let causes: Vec<String> = causes.iter().map(ToString::to_string).collect();
        return causes.join("\n");
    };
    let status = status[1..].trim().parse().expect("a status");
    let received = answer(&fields(received));
    let judged = match causes.is_empty() {
        true => script.judge_response(&received).map(|_| ()),
        false => script.judge_preflight(status, &received).map(|_| ()),
    };
    match judged {
        Ok(()) => "permitted".to_owned(),
        Err(refusal) => {
            let (code, hint) = (refusal.as_str(), refusal.hint());
            format!("{code}: {refusal}\nhint: {hint}")
        }
    }
}

#[test]
fn causes_errors_and_refusals_have_their_words() {
    crate::expect::cases("cors/browser.txt", browser_says);
}

#[test]
fn bytes_that_are_not_seen_are_escaped() {
    let mut fields = HeaderMap::new();
    let value = HeaderValue::from_bytes(b"https://\xe9\t`").expect("a value");
    fields.append(HeaderName::from(FieldName::AllowOrigin), value);
    let refusal = script("GET", &[]).judge_response(&fields);
    let message = refusal.expect_err("no origin").to_string();
    assert!(message.contains("`https://\\xe9\\t``"), "{message}");
}

#[test]
fn what_a_preflight_permits_is_remembered_for_as_long_as_it_says() {
    for (sentence, fields, seconds) in [
        ("five seconds where it says nothing", "", 5),
        ("as long as it says", " | a: 7200", 7200),
        ("not at all", " | a: 0", 0),
        ("less than nothing is no number", " | a: -1", 5),
        ("a unit is no number", " | a: 2h", 5),
        ("a fraction is no number", " | a: 1.5", 5),
        ("two lines are no number", " | a: 10 | a: 10", 5),
        ("nothing is no number", " | a:", 5),
        (
            "too long a number is the longest",
            " | a: 99999999999999999999999",
            u64::MAX,
        ),
    ] {
        let fields = answer(&format!("o: * | m: PUT{fields}"));
        let permit = script("PUT", &[]).judge_preflight(StatusCode::OK, &fields);
        assert_eq!(permit.expect(sentence).max_age, seconds, "{sentence}");
    }
}

#[test]
fn a_script_reads_what_is_safelisted_or_exposed() {
    #[rustfmt::skip]
    let cases = [
        ("nothing is exposed", "GET", "o: *", "content-type"),
        ("a name is exposed, whatever its case", "GET", "o: * | e: X-Id", "content-type,x-id"),
        ("everything is exposed, cookies aside", "GET", "o: * | e: *", "access-control-allow-origin,access-control-expose-headers,content-type,etag,x-id"),
        ("a star is a name with credentials", "GET+", "o: https://app.example.com | c: true | e: *", "content-type"),
        ("a list that is none exposes nothing", "GET", "o: * | e: x-id etag", "content-type"),
        ("a cookie can't be exposed", "GET", "o: * | e: set-cookie, etag", "content-type,etag"),
    ];
    for (sentence, method, fields, expected) in cases {
        let fields = answer(&format!(
            "{fields} | content-type: text/plain | x-id: 1 | etag: 2 | set-cookie: a=b"
        ));
        let permit = script(method, &[]).judge_response(&fields).expect(sentence);
        assert_eq!(permit.readable.join(","), expected, "{sentence}");
        assert!(
            permit.hidden.contains(&"set-cookie".to_owned()),
            "{sentence}"
        );
        let all = permit.readable.len() + permit.hidden.len();
        assert_eq!(all, fields.keys_len(), "{sentence}");
    }
}

/// Returns the engine's answer, as the fields of a response, and whether it is permission; `None` if it
/// is silent.
fn engine_says(rule: &Rule, script: &ScriptRequest<'_>) -> Option<(bool, StatusCode, HeaderMap)> {
    let asked = script.preflight_fields();
    let names = asked.get(2).map(|(_, names)| names.as_bytes());
    let request = CorsRequest {
        method: b"OPTIONS",
        origin: SingleValue::One(script.origin.as_bytes()),
        request_method: SingleValue::One(asked[1].1.as_bytes()),
        request_headers: names.into_iter().collect::<FieldLines<'_>>(),
        ..CorsRequest::default()
    };
    let Decision::Preflight(preflight) = decide(rule, &request) else {
        return None;
    };
    let answer = preflight.answer()?;
    let mut fields = HeaderMap::new();
    answer.for_each_field(|name, value| {
        if let Some(value) = value.to_header_value(answer.request()) {
            fields.append(HeaderName::from(name), value);
        }
    });
    let is_permission = matches!(preflight, PreflightDecision::Handled(..));
    Some((is_permission, answer.status(), fields))
}

/// Policies of all shapes that can be, with and without credentials.
fn rules() -> Vec<(bool, Rule)> {
    let lists = |some: &[&str]| {
        [(false, &[][..]), (false, some), (true, &[][..])].map(|(any, names)| NameList {
            any,
            names: names.iter().map(|&name| name.to_owned()).collect(),
        })
    };
    let mut rules = Vec::new();
    for origin in [APP, "https://*.example.com", "*", "https://b.example"] {
        for methods in lists(&["PUT", "PATCH"]) {
            for names in lists(&["x-a", "authorization"]) {
                for credentials in [false, true] {
                    let policy = Policy::new(PolicySpec {
                        origins: vec![OriginPattern::parse(origin).expect("a pattern")],
                        methods: methods.clone().into(),
                        headers: names.clone().into(),
                        credentials,
                        ..PolicySpec::default()
                    });
                    // Any origin with credentials has no policy.
                    rules.extend(
                        policy
                            .ok()
                            .map(|policy| (credentials, Rule::policy(policy))),
                    );
                }
            }
        }
    }
    rules
}

#[test]
fn a_browser_accepts_what_the_engine_allows_and_names_what_it_rejects() {
    let mut seen = [0, 0, 0];
    for (credentials, rule) in rules() {
        for method in ["GET", "PUT", "patch", "PATCH", "DELETE"] {
            for sent in ["", "X-A: 1", "x-a: 1 | x-b: 2", "authorization: x"] {
                let sent = headers(sent);
                let script = ScriptRequest {
                    credentials,
                    ..script(method, &sent)
                };
                let said = engine_says(&rule, &script);
                let Some((is_permission, status, fields)) = said else {
                    seen[0] += 1;
                    // Its origin is refused, whatever it asks for.
                    let plain = ScriptRequest {
                        method: "GET",
                        headers: &[],
                        ..script
                    };
                    assert!(engine_says(&rule, &plain).is_none(), "{rule:?} {script:?}");
                    continue;
                };
                let judged = script.judge_preflight(status, &fields);
                if is_permission {
                    seen[1] += 1;
                    assert!(judged.is_ok(), "{rule:?} {script:?} {judged:?}");
                    continue;
                }
                seen[2] += 1;
                let names_it = matches!(
                    judged,
                    Err(Refusal::MethodNotAllowed { .. } | Refusal::HeaderNotAllowed { .. })
                );
                assert!(names_it, "{rule:?} {script:?} {judged:?}");
            }
        }
    }
    assert!(seen.iter().all(|&count| count > 50), "{seen:?}");
}

/// Texts that are sent as lists, readable or not.
const TEXTS: [&str; 9] = [
    "",
    "*",
    "PUT",
    "put, PATCH,,\tGET",
    "X-A,x-b , X-A",
    "authorization, *",
    "PUT x-a",
    "[PUT]",
    ",",
];

#[test]
fn a_browser_reads_in_a_text_what_the_policy_takes_it_to_read() {
    let mut seen = [0, 0];
    for methods in TEXTS {
        for names in TEXTS {
            for credentials in [false, true] {
                let text = |text| VerbatimList::parse(text).expect("a value");
                let policy = Policy::new(PolicySpec {
                    origins: vec![OriginPattern::parse(APP).expect("a pattern")],
                    methods: ListSpec::Verbatim(text(methods)),
                    headers: ListSpec::Verbatim(text(names)),
                    credentials,
                    ..PolicySpec::default()
                });
                let rule = Rule::policy(policy.expect("a text is never refused"));
                let policy = rule.policies().and_then(|all| all.policies().next());
                let policy = policy.expect("it has one");
                let are_lists = text(methods).names().is_some() && text(names).names().is_some();
                for method in ["GET", "PUT", "PATCH", "DELETE"] {
                    for sent in ["", "X-A: 1", "x-b: 2 | x-c: 1", "authorization: x"] {
                        let sent = headers(sent);
                        let script = ScriptRequest {
                            credentials,
                            ..script(method, &sent)
                        };
                        let (is_permission, status, fields) =
                            engine_says(&rule, &script).expect("its origin is allowed");
                        assert!(is_permission, "{methods} {names} {script:?}");
                        let mut asked = sent.iter();
                        let takes = are_lists
                            && policy.lists_method(method.as_bytes())
                            && asked.all(|(name, _)| policy.lists_header(name.as_bytes()));
                        let judged = script.judge_preflight(status, &fields);
                        assert_eq!(judged.is_ok(), takes, "{methods} {names} {script:?}");
                        seen[usize::from(takes)] += 1;
                    }
                }
            }
        }
    }
    assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
}
