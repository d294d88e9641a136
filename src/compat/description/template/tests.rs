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
    ] {
        let template = Template::parse(text).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(template.to_string(), expected, "{text}");
    }
}

#[test]
fn a_wider_template_covers_a_narrower_one() {
    for (wide, narrow, is_covered) in [
        ("/a", "/a", true),
        ("/*", "/a", true),
        ("/a", "/*", false),
        ("/{x}", "/{y}", true),
        ("/*", "/a/b", false),
        ("/**", "/a/*", true),
        ("/**", "/**", true),
        ("/a/**", "/a", false),
        ("/a/**", "/a/**/b", true),
        ("/a/**/b", "/a/**", false),
        ("/a/**/b", "/a/x/*/b", true),
        ("/a/**/b", "/a/b", false),
        ("/*", "/**", false),
        ("/*:go", "/a:go", true),
        ("/*", "/a:go", false),
        ("/", "/", true),
    ] {
        let parse = |text| Template::parse(text).expect("a template");
        let covers = parse(wide).covers(&parse(narrow));
        assert_eq!(covers, is_covered, "{wide} {narrow}");
    }
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
    // A literal may have a `*` in it, but not begin with one; requests with dot segments are refused.
    let is_literal = |s: &str| !s.is_empty() && !s.starts_with('*') && !s.contains('}');
    let is_segment =
        |s: &&str| matches!(*s, "*" | "**") || (is_literal(s) && !matches!(*s, "." | ".."));
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
