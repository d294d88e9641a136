use super::*;
use crate::routing::{Bound, Variable, has_dot_segment, normalized};
use proptest::prelude::*;

fn prefix(text: &str) -> PathMatch {
    PathMatch::Prefix(normalized(text.trim_end_matches('/')))
}

fn becomes(text: &str) -> PathRewrite {
    PathRewrite::Prefix(text.trim_end_matches('/').to_owned())
}

fn rewritten(rewrite: &PathRewrite, matched: &PathMatch, sent: &str) -> String {
    let new = target(rewrite, matched, sent.as_bytes());
    new.map_or(sent.to_owned(), |new| String::from_utf8(new).expect("text"))
}

/// The table of `ReplacePrefixMatch`:
/// <https://gateway-api.sigs.k8s.io/reference/spec/#httppathmodifier>. Its empty string is `/` here.
#[test]
fn a_prefix_is_replaced_as_the_gateway_api_says() {
    for (sent, matched, replacement, expected) in [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "/", "/bar"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
    ] {
        let actual = rewritten(&becomes(replacement), &prefix(matched), sent);
        assert_eq!(actual, expected, "{sent} {matched} {replacement}");
    }
}

#[test]
fn what_is_behind_the_prefix_and_the_query_stay_as_they_were_sent() {
    for (sent, matched, replacement, expected) in [
        ("/%61pi/x%2Fy", "/api", "/v2", "/v2/x%2Fy"),
        (
            "/api/%c3%bc?a=%2f&b=/api?c",
            "/api",
            "/v2",
            "/v2/%c3%bc?a=%2f&b=/api?c",
        ),
        ("/api?", "/api", "/v2", "/v2?"),
        ("/api?x", "/api", "/", "/?x"),
        ("/api/x//y", "/api", "/v2", "/v2/x//y"),
        ("/api//x", "/api", "/v2", "/v2//x"),
        // At the beginning it would be taken for a host.
        ("/api//evil.test/x", "/api", "/", "/evil.test/x"),
        ("/api//", "/api", "/", "/"),
        ("/api/%2Fx", "/api", "/", "/%2Fx"),
        // The prefix `/` is every path.
        ("/x", "/", "/v2", "/v2/x"),
        ("/", "/", "/v2", "/v2/"),
        ("/x/y", "/", "/", "/x/y"),
        ("//x", "/", "/", "/x"),
        // A second time it is a part like any other.
        ("/api/api", "/api", "/v2", "/v2/api"),
        ("*", "/", "/v2", "*"),
    ] {
        let actual = rewritten(&becomes(replacement), &prefix(matched), sent);
        assert_eq!(actual, expected, "{sent} {matched} {replacement}");
    }
}

#[test]
fn a_whole_path_is_replaced_and_the_query_stays() {
    let whole = PathRewrite::Whole("/x".to_owned());
    let exact = PathMatch::Exact("/a".to_owned());
    for (rewrite, matched, sent, expected) in [
        (&whole, &exact, "/a?b=c", "/x?b=c"),
        (&whole, &prefix("/a"), "/a/b/c", "/x"),
        (&whole, &prefix("/"), "/?q", "/x?q"),
        (&becomes("/x"), &exact, "/%61?b", "/x?b"),
        (&becomes("/"), &exact, "/a", "/"),
        (&PathRewrite::Untouched, &exact, "/a?b", "/a?b"),
    ] {
        assert_eq!(rewritten(rewrite, matched, sent), expected, "{sent}");
    }
}

#[test]
fn a_path_is_put_in_front_of_the_clients() {
    let base = PathRewrite::Prepended("/base".to_owned());
    for (sent, expected) in [
        ("/pet/1?a=b", "/base/pet/1?a=b"),
        ("/", "/base/"),
        ("//x", "/base//x"),
        ("/%61/", "/base/%61/"),
        ("*", "*"),
    ] {
        assert_eq!(rewritten(&base, &prefix("/"), sent), expected);
    }
}

/// Makes the rewrite of `/getpet` with these variables, each of which is one segment.
fn with_variables(variables: &[(&str, usize)], has_verb: bool, takes_slash: bool) -> PathRewrite {
    let variable = |&(name, at): &(&str, usize)| Variable {
        name: name.to_owned(),
        start: Bound::Behind(at),
        end: Bound::Behind(at + 1),
    };
    let variables = Variables {
        all: variables.iter().map(variable).collect(),
        has_verb,
        takes_slash,
    };
    PathRewrite::WithVariables("/getpet".to_owned(), variables)
}

#[test]
fn variables_are_appended_to_the_query() {
    let id: &[(&str, usize)] = &[("id", 1)];
    let both: &[(&str, usize)] = &[("b.c", 2), ("id", 1)];
    for (variables, sent, expected) in [
        (id, "/pet/1?a=b", "/getpet?a=b&id=1"),
        (id, "/pet/1", "/getpet?id=1"),
        (id, "/pet/1?", "/getpet?id=1"),
        (id, "/pet/1?a&", "/getpet?a&&id=1"),
        (id, "/pet/%31%26%3d%25", "/getpet?id=%31%26%3d%25"),
        (id, "/pet/1&admin=1", "/getpet?id=1%26admin%3D1"),
        (id, "/pet/1;admin=1+2#x", "/getpet?id=1%3Badmin%3D1%2B2%23x"),
        (id, "/pet/%", "/getpet?id=%25"),
        (id, "/pet/%2", "/getpet?id=%252"),
        (id, "/pet/%zz%41", "/getpet?id=%25zz%41"),
        (id, "/pet", "/getpet?id="),
        (both, "/pet/1/2?a=b", "/getpet?a=b&b.c=2&id=1"),
        (both, "/pet/1/2", "/getpet?b.c=2&id=1"),
    ] {
        let rewrite = with_variables(variables, false, false);
        assert_eq!(rewritten(&rewrite, &prefix("/"), sent), expected);
    }
    for (has_verb, takes_slash, sent, expected) in [
        (false, false, "/pet/a:go/", "/getpet?id=a:go"),
        (true, false, "/pet/a:b:go", "/getpet?id=a:b"),
        (true, true, "/pet/a/:go?x", "/getpet?x&id=a"),
    ] {
        let rewrite = with_variables(id, has_verb, takes_slash);
        assert_eq!(rewritten(&rewrite, &prefix("/"), sent), expected);
    }
}

proptest! {
    /// A path brings one parameter per variable, and none of its own.
    #[test]
    fn a_path_brings_no_parameter_of_its_own(
        path in "/pet/[a-z&=+;#%:@!~]{0,8}(/[a&=]{0,3})?",
        query in "(\\?[a-z=&]{0,6})?",
    ) {
        let rewrite = with_variables(&[("id", 1)], false, false);
        let new = rewritten(&rewrite, &prefix("/"), &format!("{path}{query}"));
        let parameters = |text: &str| text.split(['&', ';', '#']).count();
        let (_, new_query) = new.split_once('?').expect("a query");
        let own = query.strip_prefix('?').filter(|own| !own.is_empty());
        prop_assert_eq!(parameters(new_query), own.map_or(0, parameters) + 1, "{}", &new);
        let rewrite = match &rewrite {
            PathRewrite::WithVariables(whole, variables) => {
                whole.len() + query.len() + appended(variables, path.as_bytes())
            }
            _ => 0,
        };
        prop_assert!(new.len() <= rewrite, "{}", new);
    }
}

#[test]
fn bytes_that_are_not_text_stay() {
    let new = target(&becomes("/x"), &prefix("/a"), b"/a/\xff?\xfe");
    assert_eq!(new.as_deref(), Some(b"/x/\xff?\xfe".as_slice()));
}

#[test]
fn a_host_names_the_endpoint_without_the_default_port() {
    for (host, port, scheme, expected) in [
        ("books.internal", 9000, "http", "books.internal:9000"),
        ("books.internal", 80, "http", "books.internal"),
        ("books.internal", 443, "http", "books.internal:443"),
        ("books.internal", 443, "https", "books.internal"),
        ("127.0.0.1", 8080, "http", "127.0.0.1:8080"),
        ("::1", 8080, "http", "[::1]:8080"),
        ("::1", 80, "http", "[::1]"),
    ] {
        let endpoint = Endpoint {
            host: host.to_owned(),
            port,
        };
        let value = super::host(&endpoint, scheme).expect("a value");
        assert_eq!(value, expected, "{host} {port}");
    }
}

/// The same in the naive way: by segments of the path as it was sent.
fn naive(replacement: &str, matched: &str, path: &str) -> String {
    let count = matched
        .split('/')
        .filter(|segment| !segment.is_empty())
        .count();
    let rest: Vec<&str> = path.split('/').skip(1 + count).collect();
    let rest = match path.split('/').count() > 1 + count {
        true => format!("/{}", rest.join("/")),
        false => String::new(),
    };
    match replacement {
        "/" => format!("/{}", rest.trim_start_matches('/')),
        _ => format!("{replacement}{rest}"),
    }
}

proptest! {
    #[test]
    fn a_rewritten_path_has_nothing_that_was_not_sent_or_configured(
        segments in proptest::collection::vec("(a|%61|b|%2F|%2e|\\.|;|\\\\|)", 0..4),
        matched in "(/|/a|/a/b)",
        replacement in "(/|/x|/x/y|/a)",
    ) {
        let spelled = matched.replacen('a', "%61", segments.len() % 2);
        let sent = match matched.as_str() {
            "/" => format!("/{}", segments.join("/")),
            _ if segments.is_empty() => spelled,
            _ => format!("{spelled}/{}", segments.join("/")),
        };
        let new = rewritten(&becomes(&replacement), &prefix(&matched), &sent);
        prop_assert_eq!(&new, &naive(&replacement, &matched, &sent));
        prop_assert!(new.starts_with('/'));
        prop_assert!(!new.starts_with("//"));
        prop_assert!(has_dot_segment(&sent) || !has_dot_segment(&new), "{} {}", sent, new);
    }
}
