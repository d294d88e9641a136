use super::*;

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
            "GET http://h/ Cookie=a=b +credentials",
        ),
        (
            "curl -u me:secret http://h/",
            "GET http://h/ Authorization=\u{2026}",
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
            "error: `http://me@h/` is not a URL: leave the user name out",
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
    let flags = Flags {
        url: Some("https://other.example/p".to_owned()),
        origin: Some("https://b.example".to_owned()),
        method: Some("PATCH".to_owned()),
        headers: vec!["x-a: 1".to_owned(), "authorization".to_owned()],
        credentials: true,
    };
    let pasted = "curl http://h/ -H 'origin: https://a.example' -H 'x-b: 2'";
    let question = Question::of_text(pasted, flags).expect("a question");
    let fields = question.headers.iter().map(|(n, v)| format!("{n}={v}"));
    let expected = [
        "x-b=2",
        "Origin=https://b.example",
        "x-a=1",
        "authorization=",
    ];
    assert_eq!(fields.collect::<Vec<_>>(), expected);
    assert_eq!(question.authority, "other.example");
    assert_eq!((&*question.method, question.credentials), ("PATCH", true));
}

#[test]
fn a_query_is_read_as_flags_are() {
    let query = "url=http%3A%2F%2Fh%2Fp&origin=https://a.example&header=x-a:+1&header=b\
                 &credentials=true&format=json";
    let flags = Flags::of_query(query).expect("flags");
    assert_eq!(flags.url.as_deref(), Some("http://h/p"));
    assert_eq!(flags.headers, ["x-a: 1", "b"]);
    assert!(flags.credentials);
    assert!(Flags::of_query("credentials=false").is_ok_and(|flags| !flags.credentials));
    let error = Flags::of_query("orgin=x").expect_err("unknown");
    assert!(
        error.to_string().starts_with("`orgin` is unknown"),
        "{error}"
    );
}
