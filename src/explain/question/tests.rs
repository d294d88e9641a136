use super::*;
use proptest::prelude::*;

/// Method, URL, fields and credentials of a pasted text.
fn read(text: &str) -> String {
    let flags = Flags::default();
    match Question::of_text(text, flags) {
        Ok(question) => {
            let Question {
                method,
                scheme,
                authority,
                target,
                headers,
                credentials,
            } = question;
            let fields: Vec<String> = headers.iter().map(|(n, v)| format!("{n}={v}")).collect();
            let with = if credentials { " +credentials" } else { "" };
            let fields = fields.join("|");
            format!("{method} {scheme}://{authority}{target} {fields}{with}")
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn pasted_texts_are_understood() {
    let no_request = "is neither a `curl` command nor a request line such as `GET /v1 HTTP/1.1`";
    for (text, expected) in [
        (
            "curl https://api.example.com",
            "GET https://api.example.com/ ",
        ),
        (
            "$ curl api.example.com/v1?a=b#c",
            "GET http://api.example.com/v1?a=b ",
        ),
        (
            "curl -X PUT 'https://api.example.com/v1' -H 'Origin: https://a.example' -H \"x-a: 'b'\"",
            "PUT https://api.example.com/v1 Origin=https://a.example|x-a='b'",
        ),
        (
            "curl -XDELETE -sSiHorigin:https://a.example --compressed http://h/p -k",
            "DELETE http://h/p origin=https://a.example",
        ),
        (
            "curl 'https://h/p' \\\n  -H 'content-type: application/json' \\\n  --data-raw '{\"a\":1}'",
            "POST https://h/p content-type=application/json",
        ),
        (
            "curl -d a=b http://h/",
            "POST http://h/ Content-Type=application/x-www-form-urlencoded",
        ),
        ("curl -G -d a=b http://h/", "GET http://h/ "),
        (
            "curl --json '{}' http://h/",
            "POST http://h/ Content-Type=application/json",
        ),
        ("curl -T file http://h/", "PUT http://h/ "),
        ("curl -I http://h/", "HEAD http://h/ "),
        ("curl -b a=b http://h/", "GET http://h/  +credentials"),
        (
            "curl -H 'Cookie: a=b' http://h/",
            "GET http://h/  +credentials",
        ),
        (
            "curl -u me:secret http://h/",
            "GET http://h/ Authorization=Basic bWU6c2VjcmV0",
        ),
        (
            "curl --oauth2-bearer abc -H 'Content-Type:' -d a=b http://h/",
            "POST http://h/ Authorization=Bearer abc",
        ),
        (
            "curl -r 0-9 --request-target /x -X OPTIONS http://h/y",
            "OPTIONS http://h/x Range=bytes=0-9",
        ),
        ("curl -s -- http://h/", "GET http://h/ "),
        (
            "curl --expand-data '{{a}}' http://h/",
            "POST http://h/ Content-Type=application/x-www-form-urlencoded",
        ),
        (
            "curl -sH'x-\u{e9}: \u{e9}' http://h/",
            "GET http://h/ x-\u{e9}=\u{e9}",
        ),
        (
            "curl -o /dev/null -w '%{http_code}' -m 3 http://h/",
            "GET http://h/ ",
        ),
        (
            "curl -H 'Host: api.example.com' http://127.0.0.1:8080/v1",
            "GET http://api.example.com/v1 ",
        ),
        (
            "curl -A x -e y -H 'User-Agent: z' -H 'Pragma: no-cache' http://h/",
            "GET http://h/ ",
        ),
        (
            "curl -H 'x-empty;' -H 'accept:' http://h/",
            "GET http://h/ x-empty=",
        ),
        (
            "OPTIONS /v1 HTTP/1.1\r\nHost: h:8080\r\nOrigin: null\r\n\
             Access-Control-Request-Method: PUT\r\n\r\nbody: no",
            "OPTIONS http://h:8080/v1 Origin=null|Access-Control-Request-Method=PUT",
        ),
        (
            "GET /v1 HTTP/1.1\nHost: h\nOrigin: https://h\n",
            "GET https://h/v1 Origin=https://h",
        ),
        ("GET http://h/v1 HTTP/1.1\n\n", "GET http://h/v1 "),
        ("OPTIONS * HTTP/1.1\nHost: h\n", "OPTIONS http://h* "),
        (
            "GET /v1 HTTP/2\n:authority: h\n:scheme: https\norigin: https://a.example\n",
            "GET https://h/v1 origin=https://a.example",
        ),
        (
            "",
            "error: there is no URL: give `--url`, or paste a `curl` command or a raw request",
        ),
        ("GET /v1 HTTP/1.1\n", "error: the request has no Host field"),
        (
            "GET /v1\nHost: h\nnonsense\n",
            "error: `nonsense` is no field: it has no colon",
        ),
        ("curl", "error: the `curl` command has no URL"),
        (
            "curl http://h/ -H",
            "error: curl's option `-H` has no value",
        ),
        (
            "curl 'http://h/",
            "error: the `curl` command has a quote that is not closed: paste all of it",
        ),
        (
            "curl ftp://h/",
            "error: `ftp://h/` is not a URL: its scheme is neither http nor https",
        ),
        (
            "curl http://me@h/",
            "error: `http://\u{2026}@h/` is not a URL: leave the user name out",
        ),
        (
            "curl 'http:///p'",
            "error: `http:///p` is not a URL: invalid format",
        ),
        (
            "what is this",
            &format!("error: `what is this` {no_request}"),
        ),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn flags_replace_what_is_pasted() {
    const PASTED: &str = "curl http://h/ -X PUT -H 'origin: https://a.example' -H 'x-b: 2' -H 'X-B: 3' \
                          -H 'x-c: 4'";
    for (origin, method, headers, expected) in [
        (
            None,
            None,
            &[][..],
            "PUT origin=https://a.example|x-b=2|X-B=3|x-c=4",
        ),
        (
            Some("https://b.example"),
            Some("PATCH"),
            &["authorization"],
            "PATCH x-b=2|X-B=3|x-c=4|Origin=https://b.example|authorization=",
        ),
        // All that is pasted of a name goes, and the flags of one name add up.
        (
            None,
            None,
            &["x-b: 5", "x-B: 6"],
            "PUT origin=https://a.example|x-c=4|x-b=5|x-B=6",
        ),
        (
            None,
            None,
            &["Origin: https://c.example"],
            "PUT x-b=2|X-B=3|x-c=4|Origin=https://c.example",
        ),
        (
            Some("https://b.example"),
            None,
            &["Origin: https://c.example"],
            "PUT x-b=2|X-B=3|x-c=4|Origin=https://b.example|Origin=https://c.example",
        ),
        // What a browser sets is no noise where somebody asks for it.
        (
            None,
            None,
            &["Host: other.example", "user-agent: z", "cookie: a=b"],
            "PUT origin=https://a.example|x-b=2|X-B=3|x-c=4|user-agent=z|cookie=a=b",
        ),
    ] {
        let flags = Flags {
            origin: origin.map(str::to_owned),
            method: method.map(str::to_owned),
            headers: headers.iter().map(|&header| header.to_owned()).collect(),
            ..Flags::default()
        };
        let question = Question::of_text(PASTED, flags).expect("a question");
        let fields = question.headers.iter().map(|(n, v)| format!("{n}={v}"));
        let fields = fields.collect::<Vec<_>>().join("|");
        assert_eq!(format!("{} {fields}", question.method), expected);
        let is_other = headers.iter().any(|header| header.starts_with("Host"));
        let host = if is_other { "other.example" } else { "h" };
        assert_eq!(
            (&*question.authority, question.credentials),
            (host, is_other)
        );
    }
}

#[test]
fn a_request_has_one_source() {
    let flags = || Flags {
        url: Some("http://h/".to_owned()),
        ..Flags::default()
    };
    let error = Question::of_text("curl http://h/", flags()).expect_err("two");
    assert_eq!(
        error.to_string(),
        "a URL is given and a request is pasted: leave one of them out"
    );
    // Nothing is pasted where there is nothing but a line's end.
    assert!(Question::of_text(" \r\n", flags()).is_ok_and(|question| question.authority == "h"));
}

#[test]
fn a_query_is_read_as_flags_are() {
    let query = "url=http%3A%2F%2Fh%2Fp&origin=https://a.example&header=x-a:+1&header=b\
                 &credentials=true&format=json";
    let (flags, format) = Flags::of_query(query).expect("flags");
    assert_eq!(format, Format::Json);
    assert_eq!(flags.url.as_deref(), Some("http://h/p"));
    assert_eq!(flags.headers, ["x-a: 1", "b"]);
    assert!(flags.credentials);
    let (flags, format) = Flags::of_query("credentials=false").expect("flags");
    assert_eq!((flags.credentials, format), (false, Format::Text));
    let error = Flags::of_query("format=xml").expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "`xml` is no format: write `text` or `json`"
    );
    let error = Flags::of_query("orgin=x").expect_err("unknown");
    assert!(
        error.to_string().starts_with("`orgin` is unknown"),
        "{error}"
    );
}

/// What browsers copy has this in it, however they quote it.
const BOOKS: &str = "POST https://api.example.com/v1/books?q=a%20b \
                     accept=*/*|content-type=application/json|origin=https://app.example.com|\
                     x-note=it's \"50%\" & ^more! +credentials";

#[test]
fn what_browsers_copy_is_understood() {
    for (browser, text) in [
        ("Chrome, bash", include_str!("pastes/chrome.sh")),
        ("Chrome, cmd", include_str!("pastes/chrome.cmd")),
        ("Firefox", include_str!("pastes/firefox.sh")),
        ("Firefox, Windows", include_str!("pastes/firefox.cmd")),
        ("Safari", include_str!("pastes/safari.sh")),
        ("a raw request", include_str!("pastes/raw.http")),
    ] {
        for line_end in ["\n", "\r\n"] {
            let text = text.replace("\r\n", "\n").replace('\n', line_end);
            assert_eq!(read(&text), BOOKS, "{browser} {line_end:?}");
        }
    }
}

#[test]
fn words_are_those_of_a_shell() {
    for (text, expected) in [
        (r"a\ b 'c\'d", &["a b", r"c\d"][..]),
        (r#"a"b 'c' \"\\\$\`\x""#, &[r#"ab 'c' "\$`\x"#]),
        (
            r#"$'it\'s \\ \x41\x2a\u00e9\U1f600\n\t\101\q\?\"'"#,
            &["it's \\ A*é😀\n\tA\\q?\""],
        ),
        (r"$'\xc3\xa9' $'\xe9'", &["é", "é"]),
        (r"$'\ud83d' $'\xz' $'\uz'", &["\u{fffd}", r"\xz", r"\uz"]),
        (r"$'\400\1018'", &["\0A8"]),
        (r#"$"a" $a "$a""#, &["a", "$a", "$a"]),
        (
            "a\\\nb \\\r\n c 'd\ne' \"f\\\ng\"",
            &["ab", "c", "d\ne", "fg"],
        ),
        ("'' \"\" a", &["", "", "a"]),
        ("a^b '^\"' \\^\"c\"", &["a^b", "^\"", "^c"]),
        // Lines without a backslash belong together all the same.
        ("a\nb", &["a", "b"]),
        ("a | jq '.b'", &["a"]),
        ("a|jq", &["a"]),
        ("a; echo b", &["a"]),
        ("'a' && echo b", &["a"]),
        ("a &", &["a"]),
        ("h/?a=1&b;c=2", &["h/?a=1&b;c=2"]),
        (
            "a > file 2>&1 2>/dev/null >>x '>y' < z b",
            &["a", ">y", "b"],
        ),
        // cmd
        ("^\"a b^\" ^\n c", &["a b", "c"]),
        ("^\"a^\" ^\r\n  ^\"b^\r\n\r\nc^\"", &["a", "b\nc"]),
        (
            r#"^"{^\^"a^\^":^\^"b\\^\^"^}^" ^^ c"#,
            &[r#"{"a":"b\"}"#, "^", "c"],
        ),
        (r#"^"a\\b^" ^"c\\^" \d"#, &[r"a\\b", r"c\", r"\d"]),
        ("^\"%^41^\" \"a^b\" ^\n", &["%41", "a^b"]),
        ("\"a\"\"b\" ^\nc ^&d & e", &["a\"b", "c", "&d"]),
    ] {
        let found = shell::words(text).expect(text);
        assert_eq!(found, expected, "{text}");
    }
    let unclosed = "the `curl` command has a quote that is not closed: paste all of it";
    let several = "there is more than one `curl` command: paste one";
    for (text, expected) in [
        ("'a", unclosed),
        ("\"a\\\"", unclosed),
        ("$'a\\'", unclosed),
        ("$'a\\", unclosed),
        ("^\"a ^\n", unclosed),
        ("curl 'a' ;\ncurl 'b'", several),
        ("curl ^\"a^\" &\ncurl.exe ^\"b^\"", several),
    ] {
        let error = shell::words(text).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn no_value_of_an_option_becomes_the_url() {
    // All that curl 8 has.
    for option in "-A -b -c -C -d -D -e -E -F -h -K -m -o -P -Q -r -t -T -u -U -w -x -X -y -Y -z \
                   --retry-delay --dump-header --proxy --socks5-hostname --max-redirs --trace \
                   --trace-ascii --netrc-file --unix-socket --cert-type --key-type --pass --tls-max \
                   --dns-servers --doh-url --noproxy --preproxy --hsts --variable --url-query --rate"
        .split_whitespace()
    {
        let text = format!("curl -s {option} value http://h/try");
        let question = Question::of_text(&text, Flags::default()).expect(&text);
        assert_eq!((&*question.authority, &*question.target), ("h", "/try"), "{text}");
        let text = format!("curl http://h/try {option}");
        let error = format!("error: curl's option `{option}` has no value");
        assert_eq!(read(&text), error);
    }
    for option in "-s -S -k -L -v -i -f -g -O -J -N -n -q -R -a -B -j -l -M -p -V -Z -0 -1 -4 -6 -# \
                   --compressed --insecure --location --silent --fail --http2 --no-buffer --path-as-is"
        .split_whitespace()
    {
        let text = format!("curl {option} http://h/try");
        assert_eq!(read(&text), "GET http://h/try ", "{text}");
    }
    let refused = |second: &str, first: &str| {
        format!(
            "error: `{second}` can't be the URL beside `{first}`: paste one command with one URL, and \
             values with spaces in quotes"
        )
    };
    for (text, expected) in [
        (
            "curl http://a/ http://b/",
            refused("http://b/", "http://a/"),
        ),
        ("curl --url http://a/ b", refused("b", "http://a/")),
        ("curl --brand-new 5 http://h/", refused("http://h/", "5")),
        ("curl http://h/ -H x: y", refused("y", "http://h/")),
        (
            "curl http://a/\ncurl http://b/",
            refused("curl", "http://a/"),
        ),
        (
            "curl http://h/ --next http://i/",
            "error: curl's option `--next` begins a second request: paste one".to_owned(),
        ),
        (
            "curl -H @fields http://h/",
            "error: `@fields` has headers in a file: write them into the command".to_owned(),
        ),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn ports_are_ports() {
    for (url, expected) in [
        ("http://h:65535/", None),
        ("http://h/?a=b:99999", None),
        ("http://[::1]/", None),
        ("http://[::1]:8080/", None),
        ("http://h:65536/", Some("65536")),
        ("http://h:99999/", Some("99999")),
        ("h:99999", Some("99999")),
        ("http://[::1]:99999/", Some("99999")),
        ("http://h:80a/", Some("80a")),
    ] {
        let found = Question::of_url(url).map(|_| ());
        match expected {
            None => assert_eq!(found, Ok(()), "{url}"),
            Some(port) => {
                let error = found.expect_err(url).to_string();
                let why = format!("is not a URL: the port `{port}` is no number up to 65535");
                assert!(error.ends_with(&why), "{error}");
            }
        }
    }
    let raw = read("GET / HTTP/1.1\nHost: h:70000\n");
    assert!(raw.contains("the port `70000`"), "{raw}");
}

#[test]
fn what_a_browser_sets_stays_out_of_what_is_pasted() {
    let of_browsers = "Referer Sec-Fetch-Site sec-ch-ua Accept-Encoding Connection Content-Length Cookie \
                       DNT TE Upgrade-Insecure-Requests User-Agent Priority Pragma Cache-Control";
    let of_scripts = "Accept Accept-Language Authorization Content-Type X-Sec-A Second";
    for (names, stays) in [(of_browsers, false), (of_scripts, true)] {
        for name in names.split_whitespace() {
            for text in [
                format!("curl http://h/ -H '{name}: 1'"),
                format!("GET / HTTP/1.1\nHost: h\n{name}: 1\n"),
            ] {
                let question = Question::of_text(&text, Flags::default()).expect("a question");
                assert_eq!(!question.headers.is_empty(), stays, "{text}");
                assert_eq!(question.credentials, name == "Cookie", "{text}");
            }
        }
    }
}

#[test]
fn secrets_decide_and_are_not_told() {
    for (name, is_told) in [
        ("Authorization", false),
        ("Cookie", false),
        ("proxy-authorization", false),
        ("X-CSRF-Token", false),
        ("x-api-key", false),
        ("client-secret", false),
        ("x-auth", false),
        ("X-Session-Id", false),
        ("origin", true),
        ("Access-Control-Request-Headers", true),
        ("Content-Type", true),
        ("accept-language", true),
        ("range", true),
        ("x-note", true),
    ] {
        let flags = Flags {
            url: Some("http://h/".to_owned()),
            headers: vec![format!("{name}: s3cr3t"), format!("{name}:")],
            ..Flags::default()
        };
        let question = Question::of_text("", flags).expect("a question");
        assert!(question.values(name).eq(["s3cr3t", ""]), "{name}");
        let told = question.shown_headers().map(|(_, value)| value);
        let told: Vec<String> = told.collect();
        // That there is no value is no secret.
        let expected = if is_told { "s3cr3t" } else { "\u{2026}" };
        assert_eq!(told, [expected, ""], "{name}");
        let decides = browser_headers::value_decides(name);
        assert_eq!(decides, is_told && name != "x-note", "{name}");
    }
    for (text, message) in [
        (
            "curl http://h/ -H 'x-token: s3cr3t\u{2026}'",
            "the value of `x-token` has a character that no field value has",
        ),
        (
            "curl http://me:s3cr3t@h/",
            "`http://\u{2026}@h/` is not a URL: leave the user name out",
        ),
    ] {
        let error = Question::of_text(text, Flags::default()).expect_err(text);
        assert_eq!(error.to_string(), message);
    }
}

/// `value` in single quotes.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// `value` in `$'…'`, with escapes for all that is not a plain letter.
fn with_escapes(value: &str) -> String {
    let escape = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        '\n' => r"\n".to_owned(),
        c if c.is_ascii_alphanumeric() => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    format!("$'{}'", value.chars().map(escape).collect::<String>())
}

/// `value` as for cmd: quotes for the program, and carets before all that cmd could take for its own.
fn with_carets(value: &str) -> String {
    let escape = |c: char| match c {
        '"' => r#"^\^""#.to_owned(),
        '\n' => "^\n\n".to_owned(),
        c if c.is_alphanumeric() || c == ' ' => c.to_string(),
        c => format!("^{c}"),
    };
    format!("^\"{}^\"", value.chars().map(escape).collect::<String>())
}

proptest! {
    #[test]
    fn what_is_quoted_is_read_as_it_was(
        values in proptest::collection::vec("[a-c é'\"^%$&|;<>!`(){}*?#~=\n]{0,12}", 1..4),
    ) {
        for (quote, separator) in [
            (quoted as fn(&str) -> String, " \\\n  "),
            (with_escapes, " \\\r\n"),
            (with_carets, " ^\n  "),
        ] {
            let written: Vec<String> = values.iter().map(|value| quote(value)).collect();
            let text = written.join(separator);
            prop_assert_eq!(shell::words(&text), Ok(values.clone()), "{}", text);
        }
    }

    #[test]
    fn any_text_is_a_question_or_an_error(
        text in "(curl|GET) [ a:/@.0-9\\\\'\"$^xuU;&|<>\n\r\u{e9}-]{0,40}",
    ) {
        // It comes to an end, and nothing panics.
        let _ = Question::of_text(&text, Flags::default());
    }
}
