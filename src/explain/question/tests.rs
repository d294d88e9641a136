use super::*;
use proptest::prelude::*;

/// Returns method and URL, fields and credentials of a pasted text, or why it is not a request.
fn read(text: &str) -> String {
    read_with(text, Flags::default())
}

fn read_with(text: &str, flags: Flags) -> String {
    let question = match Question::of_text(text, flags) {
        Ok(question) => question,
        Err(error) => return format!("error: {error}"),
    };
    let Question {
        method,
        scheme,
        authority,
        target,
        headers,
        credentials,
        reads,
        source,
    } = question;
    let mut lines = vec![format!("{method} {scheme}://{authority}{target}")];
    let fields = headers.iter().map(|(name, value)| match value.as_str() {
        "" => format!("{name}:"),
        value => format!("{name}: {value}"),
    });
    lines.extend(fields);
    lines.extend(credentials.then(|| "with credentials".to_owned()));
    lines.extend(reads.iter().map(|name| format!("reads {name}")));
    if let Source::Message(Message {
        about,
        meaning,
        redirected,
        status,
        is_one_of_several,
    }) = source
    {
        lines.push(format!("{about:?}: {meaning}"));
        lines.extend(redirected.map(|url| format!("redirected to {url}")));
        lines.extend(status.map(|status| format!("status {status}")));
        lines.extend(is_one_of_several.then(|| "one of several".to_owned()));
    }
    lines.join("\n")
}

#[test]
fn pasted_texts_are_understood() {
    crate::expect::cases("explain/pasted.txt", |text| {
        let found = read(text);
        // Terminals and editors end lines as they like.
        for other in [format!("{text}\n"), text.replace('\n', "\r\n")] {
            assert_eq!(read(&other), found, "{other:?}");
        }
        found
    });
}

#[test]
fn messages_of_consoles_are_understood() {
    crate::expect::cases("explain/messages.txt", |input| {
        let (flags, text) = match input.strip_prefix("--origin ") {
            Some(rest) => rest.split_once('\n').expect("a message"),
            None => ("", input),
        };
        let origin = (!flags.is_empty()).then(|| flags.to_owned());
        let flags = Flags {
            origin,
            ..Flags::default()
        };
        let found = read_with(text, flags.clone());
        // A console wraps lines, and shows them with the place of the script around them.
        for other in [
            text.replace(' ', "\n"),
            format!("app.js:12 {text}\napp.js:13 Uncaught (in promise) TypeError: Failed to fetch"),
        ] {
            let is_alone = text.lines().any(|line| line.starts_with("http"));
            assert!(
                is_alone || read_with(&other, flags.clone()) == found,
                "{other}"
            );
        }
        found
    });
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
        // A field that a browser sets is kept if a flag asks for it.
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
    assert!(Question::of_text("curl http://h/", flags()).is_err());
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
    assert!(Flags::of_query("format=xml").is_err());
    assert!(Flags::of_query("orgin=x").is_err());
}

/// The request that is in every browser's copy, however it is quoted.
const BOOKS: &str = "\
POST https://api.example.com/v1/books?q=a%20b
accept: */*
content-type: application/json
origin: https://app.example.com
x-note: it's \"50%\" & ^more!
with credentials";

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
        let error = read("curl http://h/try -H").replace("-H", option);
        assert_eq!(read(&text), error);
    }
    for option in "-s -S -k -L -v -i -f -g -O -J -N -n -q -R -a -B -j -l -M -p -V -Z -0 -1 -4 -6 -# \
                   --compressed --insecure --location --silent --fail --http2 --no-buffer --path-as-is"
        .split_whitespace()
    {
        let text = format!("curl {option} http://h/try");
        assert_eq!(read(&text), "GET http://h/try", "{text}");
    }
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
        // An empty value is not a secret.
        let expected = if is_told { "s3cr3t" } else { "\u{2026}" };
        assert_eq!(told, [expected, ""], "{name}");
        let decides = browser_headers::value_decides(name);
        assert_eq!(decides, is_told && name != "x-note", "{name}");
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

    #[test]
    fn any_script_command_or_message_is_a_question_or_an_error(
        start in r#"fetch\("https://h/",|fetch\('|iwr -H @\{|irm \$x -|Access to fetch at '|Origin |Method "#,
        rest in r#"(null|new Headers\(|due to|[ {}()\[\]@,;:=`'"$/*\\xu0-9a-z\n\u{e9}-]){0,40}"#,
    ) {
        let _ = Question::of_text(&format!("{start}{rest}"), Flags::default());
    }
}

#[test]
fn what_is_nested_deeply_or_never_closed_is_an_error() {
    for text in [
        format!("fetch(\"http://h/\", {}", "{a:".repeat(100_000)),
        format!(
            "fetch(\"http://h/\", {{ headers: {}",
            "new Headers(".repeat(100_000)
        ),
        format!("fetch(\"http://h/\", {{ body: {}", "(".repeat(100_000)),
        format!("fetch(\"http://h/\" /*{}", "*".repeat(100_000)),
        format!("Invoke-WebRequest -Uri {}", "(".repeat(100_000)),
        format!("Invoke-WebRequest -Headers @{{{}", "a=b;".repeat(100_000)),
        format!("Method {}", "Method ".repeat(100_000)),
    ] {
        let question = Question::of_text(&text, Flags::default());
        assert!(question.is_err(), "{question:?}");
    }
}

#[test]
fn a_request_of_very_many_fields_is_refused() {
    let text = |fields: usize| format!("GET / HTTP/1.1\nHost: a\n{}", "x: y\n".repeat(fields));
    let read = |fields| Question::of_text(&text(fields), Flags::default());
    read(MAX_FIELDS).expect("it is read");
    let error = read(MAX_FIELDS + 1).expect_err("too many");
    assert_eq!(
        error.to_string(),
        "the request has more than 1000 header fields"
    );
}
