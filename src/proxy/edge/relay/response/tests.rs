use super::*;
use crate::proxy::edge::head::slots;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Returns the header as it goes on, with its content's end and whether the connection is kept; `None` if it is
/// not whole.
fn passed_on(bytes: &str, is_head: bool) -> Result<Option<(String, Content, bool)>, String> {
    let (mut slots, mut written) = (slots(), Written::default());
    let parsed = ResponseHead::parse(bytes.as_bytes(), &mut slots, &mut written, is_head);
    let parsed = parsed.map_err(|error| error.to_string())?;
    Ok(parsed.map(|mut head| {
        let mut out = Vec::new();
        let (content, keeps) = (head.content, head.keeps_connection);
        match head.line.status.is_informational() {
            true => head.write_interim(&mut out),
            false => head.write_final(b"today", true, &mut out),
        }
        (String::from_utf8(out).expect("text"), content, keeps)
    }))
}

#[test]
fn a_header_goes_on_as_it_came_but_for_what_is_the_gateways() {
    const END: &str = "Date: today\r\nConnection: keep-alive\r\n\r\n";
    for (bytes, expected, content, keeps) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-oDD:  a b \r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-oDD: a b\r\n",
            Content::Length(5),
            true,
        ),
        (
            "HTTP/1.1 200 Fine\r\ndate: then\r\nCONNECTION: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n",
            Content::Length(0),
            false,
        ),
        (
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
            Content::UntilClose,
            false,
        ),
        (
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n",
            Content::Chunked,
            true,
        ),
        (
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n",
            Content::None,
            true,
        ),
        (
            "HTTP/1.1 599 \r\nX: a\r\n b\r\nX: c\r\nContent-Length : 1\r\n\r\n",
            "HTTP/1.1 599 \r\nX: a b\r\nX: c\r\nContent-Length: 1\r\n",
            Content::Length(1),
            true,
        ),
    ] {
        let found = passed_on(bytes, false).expect("it can be read");
        let expected = format!("{expected}{END}");
        assert_eq!(found, Some((expected, content, keeps)), "{bytes:?}");
    }
    let interim = passed_on("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", false);
    let expected = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_owned();
    assert_eq!(interim, Ok(Some((expected, Content::None, true))));
    let head = passed_on("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true);
    assert_eq!(
        head.map(|head| head.map(|head| head.1)),
        Ok(Some(Content::None))
    );
}

#[test]
fn every_part_of_a_header_is_waited_for_and_garbage_is_not() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(passed_on(&whole[..end], false), Ok(None), "{end}");
    }
    for garbage in [
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 x OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        "HTTP/1.1 200 OK\r\nbad name: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ] {
        assert!(passed_on(garbage, false).is_err(), "{garbage:?}");
    }
    for (length, is_read) in [(MAX_NAME, true), (MAX_NAME + 1, false)] {
        let name = "x".repeat(length);
        let found = passed_on(&format!("HTTP/1.1 200 OK\r\n{name}: 1\r\n\r\n"), false);
        assert_eq!(found.is_ok(), is_read, "{length}");
        assert_eq!(
            http::HeaderName::try_from(name).is_ok(),
            is_read,
            "as the crate has it"
        );
    }
}

/// Pieces of headers, sound ones and those that two parsers may read in two ways.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\n\n",
    b" ",
    b"\t",
    b"\r\n ",
    b"\r\n\t",
    b":",
    b"X-A: 1\r\n",
    b"X-B : 2\r\n",
    b"x c: 3\r\n",
    b"Content-Length: 5\r\n",
    b"content-length:6\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length\0: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding : Chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Connection: close\r\n",
    b"Date: then\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 204 No Content\r\n",
    b"hello",
    b"\xff",
];

proptest! {
    /// The client reads the header that was meant: by the rules alone, without a parser's leniency, each line is
    /// a field, and not more than one states where the content ends.
    #[test]
    fn what_goes_on_is_one_header_to_a_strict_reader(
        start in select(&["HTTP/1.1 200 OK\r\n", "HTTP/1.0 200\r\n", "HTTP/1.1 404 Not\tFound\r\n", ""][..]),
        pieces in vec(select(PIECES), 0..12),
        is_head: bool,
    ) {
        let bytes = [start.as_bytes(), &pieces.concat(), b"\r\n\r\n"].concat();
        let (mut slots, mut written) = (slots(), Written::default());
        let parsed = ResponseHead::parse(&bytes, &mut slots, &mut written, is_head);
        let Ok(Some(mut head)) = parsed else {
            return Ok(());
        };
        prop_assert!(head.len <= bytes.len());
        let content = head.content;
        let mut out = Vec::new();
        head.write_final(b"today", true, &mut out);
        let text = out.strip_suffix(b"\r\n\r\n").expect("it ends with an empty line");
        let mut statements = Vec::new();
        for line in text.split(|&byte| byte == b'\n').skip(1) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|&byte| byte == b':').expect("a field");
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            prop_assert!(!name.is_empty() && name.iter().all(|&byte| is_token(byte)), "{line:?}");
            prop_assert!(!value.iter().any(|byte| matches!(byte, b'\r' | 0)), "{line:?}");
            let name = name.to_ascii_lowercase();
            if matches!(&name[..], b"content-length" | b"transfer-encoding") {
                statements.push((name, value.trim_ascii().to_vec()));
            }
        }
        let lengths = |statements: &[(Vec<u8>, Vec<u8>)]| {
            let members = statements.iter().flat_map(|(_, value)| value.split(|&byte| byte == b','));
            let mut members = members.map(<[u8]>::trim_ascii);
            let first = members.next();
            let is_one = members.all(|member| Some(member) == first);
            is_one && statements.iter().all(|(name, _)| name == b"content-length")
        };
        match content {
            Content::Length(_) => prop_assert!(lengths(&statements) && !statements.is_empty()),
            Content::Chunked | Content::UntilClose => {
                prop_assert!(statements.iter().all(|(name, _)| name == b"transfer-encoding"));
                prop_assert!(!statements.is_empty());
            }
            Content::None => {}
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
