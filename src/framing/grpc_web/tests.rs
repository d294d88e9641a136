use super::*;
use proptest::prelude::*;

#[test]
fn the_types_of_grpc_web_are_told_from_all_others() {
    use Encoding::{Binary, Text};
    for (media_type, expected) in [
        ("application/grpc-web", Some((Binary, "application/grpc"))),
        (
            "application/grpc-web+proto",
            Some((Binary, "application/grpc+proto")),
        ),
        (
            "Application/gRPC-Web+JSON",
            Some((Binary, "application/grpc+json")),
        ),
        (
            " application/grpc-web+proto ; charset=utf-8",
            Some((Binary, "application/grpc+proto")),
        ),
        (
            "application/grpc-web-text",
            Some((Text, "application/grpc")),
        ),
        (
            "application/grpc-web-text+proto",
            Some((Text, "application/grpc+proto")),
        ),
        ("application/grpc", None),
        ("application/grpc+proto", None),
        ("application/grpc-web-texts", None),
        ("application/grpc-webs", None),
        ("application/grpc-web-", None),
        ("application/grpc-we", None),
        ("text/application/grpc-web", None),
        ("application/json", None),
        ("", None),
        (";", None),
    ] {
        let bytes = media_type.as_bytes();
        let found = GrpcWeb::of(b"POST", bytes, None);
        let found = found.map(|web| (web.request, web.native_type(bytes)));
        let expected = expected.map(|(encoding, native)| (encoding, native.to_owned()));
        assert_eq!(found, expected, "{media_type}");
    }
}

#[test]
fn only_a_post_is_grpc_web_and_accept_decides_how_its_response_comes() {
    use Encoding::{Binary, Text};
    let of = |method: &str, accept: &str| {
        let accepted = Encoding::accepted(accept.as_bytes());
        let web = GrpcWeb::of(method.as_bytes(), b"application/grpc-web-text", accepted);
        web.map(|web| (web.request, web.response))
    };
    assert_eq!(of("POST", ""), Some((Text, Text)));
    assert_eq!(of("POST", "*/*"), Some((Text, Text)));
    assert_eq!(
        of("POST", "application/grpc-web+proto"),
        Some((Text, Binary))
    );
    assert_eq!(
        of(
            "POST",
            "*/*, application/grpc-web-text;q=1, application/grpc-web"
        ),
        Some((Text, Text))
    );
    for method in ["GET", "OPTIONS", "post", "PUT"] {
        assert_eq!(of(method, ""), None, "{method}");
    }
    assert_eq!(GrpcWeb::of(b"POST", b"application/grpc", None), None);
}

#[test]
fn the_response_of_a_grpc_server_has_the_type_that_the_client_asked_for() {
    let web_type = |response, content_type: &str| {
        let request = Encoding::Binary;
        GrpcWeb { request, response }.web_type(content_type.as_bytes())
    };
    for (content_type, binary, text) in [
        (
            "application/grpc",
            Some("application/grpc-web"),
            Some("application/grpc-web-text"),
        ),
        (
            "application/grpc+proto; x=y",
            Some("application/grpc-web+proto"),
            Some("application/grpc-web-text+proto"),
        ),
        ("application/grpc-web", None, None),
        ("text/html", None, None),
        ("", None, None),
    ] {
        let found = web_type(Encoding::Binary, content_type);
        assert_eq!(found.as_deref(), binary, "{content_type}");
        let found = web_type(Encoding::Text, content_type);
        assert_eq!(found.as_deref(), text, "{content_type}");
    }
}

/// Decodes pieces, and says how that ends.
fn decoded<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<Vec<u8>, NotBase64> {
    let mut decoder = TextDecoder::default();
    let mut whole = Vec::new();
    for piece in pieces {
        whole.extend(decoder.decode(piece)?);
        assert!(decoder.len < GROUP, "it holds less than a group");
    }
    decoder.finish().map(|()| whole)
}

#[test]
fn base64_is_decoded_with_padding_anywhere_and_refused_without() {
    for (text, expected) in [
        ("", Some("")),
        ("YQ==", Some("a")),
        ("YWI=", Some("ab")),
        ("YWJj", Some("abc")),
        // Two and three bodies, each with its padding.
        ("YQ==YWI=", Some("aab")),
        ("YQ==YWJjYWI=YQ==", Some("aabcaba")),
        ("YQ=", None),
        ("YQ", None),
        ("Y", None),
        ("=", None),
        ("====", None),
        ("Y===", None),
        ("YQ=a", None),
        ("=YQ=", None),
        // Bits that are cut off are zero.
        ("YR==", None),
        ("YWJ=", None),
        // The alphabet of URLs, and white space.
        ("-_-_", None),
        ("+/+/", Some("\u{fb}\u{ff}\u{bf}")),
        ("YQ==\n", None),
        ("YW\r\nI=", None),
        ("YWJ\0", None),
    ] {
        let expected = expected.map(|text| text.chars().map(|c| c as u8).collect::<Vec<u8>>());
        let whole = decoded([text.as_bytes()]);
        assert_eq!(whole.ok(), expected, "{text}");
        let single = decoded(text.as_bytes().chunks(1));
        assert_eq!(single.ok(), expected, "{text}, byte by byte");
    }
}

#[test]
fn trailers_are_a_frame_of_lines() {
    let frame =
        |trailers: &[(&'static str, &'static [u8])]| trailers_frame(trailers.iter().copied());
    assert_eq!(frame(&[]).as_deref(), Some(b"\x80\0\0\0\0".as_slice()));
    assert_eq!(
        frame(&[
            ("Grpc-Status", b"5"),
            ("grpc-message", b"no%20such%20book"),
            ("grpc-status-details-bin", b"CAU"),
            ("x-raw", b"\xe9 a: b"),
        ])
        .as_deref(),
        Some(
            b"\x80\0\0\0\x5dgrpc-status: 5\r\ngrpc-message: no%20such%20book\r\n\
              grpc-status-details-bin: CAU\r\nx-raw: \xe9 a: b\r\n"
                .as_slice()
        )
    );
}

#[test]
fn a_response_in_text_is_decoded_piece_by_piece() {
    assert_eq!(Encoding::Binary.encode(b"ab"), None);
    assert_eq!(Encoding::Text.encode(b"ab").as_deref(), Some("YWI="));
    assert_eq!(Encoding::Text.encode(b"").as_deref(), Some(""));
}

proptest! {
    #[test]
    fn what_is_encoded_in_pieces_is_decoded_in_others(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
        size in 1_usize..9,
    ) {
        let text: String = pieces.iter().filter_map(|piece| Encoding::Text.encode(piece)).collect();
        let found = decoded(text.as_bytes().chunks(size));
        prop_assert_eq!(found, Ok(pieces.concat()));
    }
}
