use super::*;
use proptest::prelude::*;

#[test]
fn a_template_is_read_by_the_grammar() {
    for (text, expected) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/b.c/%7B", "/a/b.c/%7B"),
        ("/*/**", "/*/**"),
        ("/{a}/{b.c}", "/{a}/{b.c}"),
        ("/{a=*}", "/{a}"),
        ("/{a=b/*/c}/d", "/{a=b/*/c}/d"),
        ("/{a=**}/b", "/{a=**}/b"),
        ("/**/a/b:c", "/**/a/b:c"),
        ("/a/{b=c/d}", "/a/c/d"),
        ("/a:go", "/a:go"),
        ("/{a}:go", "/{a}:go"),
        ("/{a=b/*}:go", "/{a=b/*}:go"),
        ("", "it does not begin with a slash"),
        ("a", "it does not begin with a slash"),
        ("/a/", "it ends with a slash"),
        ("//", "segment 1 is empty"),
        ("/a//b", "segment 2 is empty"),
        ("/a/:go", "segment 2 is empty"),
        ("/:go", "segment 1 is empty"),
        ("/{a=b//c}", "segment 2 is empty"),
        ("/{a=}", "segment 1 is empty"),
        ("/{a=", "segment 1 is empty"),
        ("/a:", "the verb behind `:` is empty"),
        (
            "/a:b:c",
            "a `:` begins the verb, which is behind the last segment",
        ),
        (
            "/a:b/c",
            "a `:` begins the verb, which is behind the last segment",
        ),
        ("/a:b}", "a `}` is without its `{`"),
        ("/a}", "a `}` is without its `{`"),
        ("/*}", "a `}` is without its `{`"),
        ("/{a", "the variable `a` does not end"),
        ("/{a=b", "the variable `a` does not end"),
        ("/{a=b:c}", "the variable `a` does not end"),
        ("/{}", "`` is not a variable's name"),
        ("/{a.}", "`a.` is not a variable's name"),
        ("/{a/b}", "`a/b` is not a variable's name"),
        ("/{a b}", "`a b` is not a variable's name"),
        ("/{a={b}}", "a variable is within another one"),
        (
            "/a*",
            "a wildcard or a variable is only a part of a segment",
        ),
        (
            "/*a",
            "a wildcard or a variable is only a part of a segment",
        ),
        (
            "/***",
            "a wildcard or a variable is only a part of a segment",
        ),
        (
            "/a{b}",
            "a wildcard or a variable is only a part of a segment",
        ),
        (
            "/{a}b",
            "a wildcard or a variable is only a part of a segment",
        ),
        (
            "/a:b*",
            "a wildcard or a variable is only a part of a segment",
        ),
        ("/**/*", "behind `**` there is another wildcard"),
        ("/**/a/**", "behind `**` there is another wildcard"),
        ("/{a=**}/{b}", "behind `**` there is another wildcard"),
        ("/a?b", "no path that is matched has '?' in it"),
        ("/a b", "no path that is matched has ' ' in it"),
        ("/a#", "no path that is matched has '#' in it"),
        ("/a\n", "no path that is matched has '\\n' in it"),
    ] {
        let actual = match Template::parse(text) {
            Ok(template) => template.to_string(),
            Err(fault) => fault.message.into_owned(),
        };
        assert_eq!(actual, expected, "{text}");
    }
    assert!(Template::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
    let fault = Template::parse(&"/a".repeat(MAX_SEGMENTS + 1)).expect_err("too long");
    assert_eq!(fault.message, "it has 33 segments; at most 32");
}

#[test]
fn names_of_fields_are_replaced_part_by_part() {
    let mut template = Template::parse("/{book_id}/{a.book_id=x/*}/book_id").expect("it is one");
    template.rename(&HashMap::from([("book_id", "bookId")]));
    assert_eq!(template.to_string(), "/{bookId}/{a.bookId=x/*}/book_id");
    assert_eq!(
        template.variables().collect::<Vec<_>>(),
        ["bookId", "a.bookId"]
    );
    assert_eq!(template.shape(), "/*/x/*/book_id");
}

/// The naive twin: takes variables out of the text first, and then looks at its pieces.
fn naive_shape(text: &str) -> Option<String> {
    let mut flat = text.to_owned();
    while let Some(start) = flat.find('{') {
        let end = start + flat[start..].find('}')?;
        let inner = flat[start + 1..end].to_owned();
        let (name, value) = inner.split_once('=').unwrap_or((&inner, "*"));
        let is_name = name
            .split('.')
            .all(|part| !part.is_empty() && !part.contains([':', '/', '*', '{']));
        let is_whole = flat[..start].ends_with('/')
            && (end + 1 == flat.len() || flat[end + 1..].starts_with(['/', ':']));
        if !is_name || !is_whole || value.contains([':', '{', '=']) || value.is_empty() {
            return None;
        }
        flat.replace_range(start..=end, value);
    }
    if flat == "/" {
        return Some(flat);
    }
    let (path, verb) = flat
        .split_once(':')
        .map_or((&*flat, None), |(p, v)| (p, Some(v)));
    if verb.is_some_and(|verb| verb.is_empty() || verb.contains(['/', ':', '*', '}'])) {
        return None;
    }
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let is_segment =
        |s: &&str| matches!(*s, "*" | "**") || (!s.is_empty() && !s.contains(['*', '}']));
    let rest = segments.iter().position(|s| *s == "**");
    let behind = rest.map_or(&[][..], |rest| &segments[rest + 1..]);
    let is_template = segments.iter().all(is_segment) && !behind.iter().any(|s| s.starts_with('*'));
    is_template.then_some(flat)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn the_grammar_is_that_of_the_naive_twin(text in "(/([ab]|\\*|\\*\\*|\\{a(=([ab]|\\*|\\*\\*)(/[ab*])?)?\\}|[ab:*{}./]{0,2})){0,3}(:[ab*]?)?") {
        let shape = Template::parse(&text).ok().map(|template| template.shape());
        prop_assert_eq!(shape, naive_shape(&text), "{}", text);
    }

    #[test]
    fn a_template_that_is_written_is_read_as_the_same(text in "(/([ab]|\\*|\\{[ab](=[ab*](/[ab*])?)?\\}|\\*\\*)){1,3}(:[ab])?") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(Template::parse(&template.to_string()), Ok(template));
        }
    }
}
