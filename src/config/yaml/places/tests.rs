use super::*;

#[test]
fn every_value_has_a_place() {
    let places =
        Places::of("a:\n  - b: 1\n    c: [x, y]\n  - \"d\"\n'e f': {g: h}\n").expect("it is YAML");
    for (path, line, column) in [
        ("a", 1, 1),
        ("a[0].b", 2, 5),
        ("a[0].c", 3, 5),
        ("a[0].c[1]", 3, 12),
        ("a[1]", 4, 5),
        ("e f", 5, 1),
        ("e f.g", 5, 9),
        ("a[0].c[7].nowhere", 3, 5),
    ] {
        assert_eq!(places.find(path), Some(Place { line, column }), "{path}");
    }
    assert_eq!(places.find("elsewhere"), None);
}

#[test]
fn what_an_alias_or_a_merge_key_brings_has_the_place_where_it_is_written() {
    let text = "a: &a\n  b: &b [x, y]\n  c: &c 1\nd: *a\ne:\n  <<: *a\n  c: *c\n\
                f:\n  <<: [{ g: 2 }, *a]\nh: *b\n";
    let places = Places::of(text).expect("it is YAML");
    for (path, line, written, value) in [
        ("a.b[1]", 2, "a.b[1]", Some("y")),
        ("d", 1, "a", None),
        ("d.b[1]", 2, "a.b[1]", Some("y")),
        ("d.c", 3, "a.c", Some("1")),
        ("e.b[0]", 2, "a.b[0]", Some("x")),
        ("e.c", 3, "a.c", Some("1")),
        ("f.g", 9, "f.<<[0].g", Some("2")),
        ("f.b[0]", 2, "a.b[0]", Some("x")),
        ("h[1]", 2, "a.b[1]", Some("y")),
        ("d.nowhere", 4, "d.nowhere", None),
    ] {
        let spot = places.written(path).expect(path);
        assert_eq!(
            (
                spot.place.map(|place| place.line),
                spot.path.as_str(),
                spot.value.as_deref()
            ),
            (Some(line), written, value),
            "{path}"
        );
    }
    for (path, line) in [("d", 4), ("d.b[1]", 4), ("e.b[1]", 2), ("h[0]", 10)] {
        assert_eq!(
            places.find(path).map(|place| place.line),
            Some(line),
            "{path}"
        );
    }
}

#[test]
fn an_alias_that_goes_in_a_circle_is_refused_where_it_stands() {
    let refused = Places::of("a: &a\n  b: *a\n");
    let Err(Stop::Excess(place, Excess::Circle)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((place.line, place.column), (2, 6));
}

#[test]
fn no_place_is_behind_the_end() {
    for (text, line, column) in [("&a \t", 1, 1), ("# no\n&a ", 2, 1)] {
        let expected = Some(Place { line, column });
        let places = Places::of(text).expect("it is YAML");
        assert_eq!(places.find(""), expected, "{text:?}");
    }
    let whole = "a: &a\n  - [x, { y: }]\n  -\nb:\n  *a : c\n? d\n: &b \t";
    for (end, _) in whole.char_indices() {
        let text = &whole[..end];
        let last = end_of(text);
        for node in Places::of(text).map_or_else(|_| Vec::new(), |places| places.nodes) {
            assert!(node.place <= last, "{text:?}: {node:?}");
        }
    }
}

#[test]
fn a_collection_for_a_key_disturbs_nothing_else() {
    let places =
        Places::of("? [x, {y: 1}]\n: z\na: 1\n? {b: c}\n: [d]\ne: [f]\n").expect("it is YAML");
    for (path, line) in [("a", 3), ("e[0]", 6)] {
        assert_eq!(
            places.find(path).map(|place| place.line),
            Some(line),
            "{path}"
        );
    }
}
