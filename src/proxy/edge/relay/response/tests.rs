use super::*;
use crate::proxy::edge::head::slots;

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
}
