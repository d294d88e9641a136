use super::*;

fn read(text: &str) -> Result<Tree, Vec<Diagnostic>> {
    Tree::read(text, Path::new("f"))
}

/// Writes a value as JSON, with the shapes that it has.
fn json(value: Value<'_>) -> String {
    match value.shape() {
        Shape::Nothing => "null".to_owned(),
        Shape::Flag(flag) => flag.to_string(),
        Shape::Number(number) => number.to_string(),
        Shape::Text(text) => format!("{text:?}"),
        Shape::List => {
            let elements: Vec<String> = value.elements().map(json).collect();
            format!("[{}]", elements.join(","))
        }
        Shape::Mapping => {
            let entries = value.entries().into_iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{key}:{}", json(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

#[test]
fn values_have_the_shapes_of_the_core_schema() {
    for (text, expected) in [
        ("", "null"),
        ("~", "null"),
        ("\u{feff}a: 1", "{a:1}"),
        ("[1, -2.5, .5, 1e3, +4]", "[1,-2.5,0.5,1000,4]"),
        (
            "[inf, nan, .inf, 1.2.3, 0x1f, 1_0, e5]",
            r#"["inf","nan",".inf","1.2.3","0x1f","1_0","e5"]"#,
        ),
        (
            "[true, False, yes, no, 'true', \"1\"]",
            r#"[true,false,"yes","no","true","1"]"#,
        ),
        ("[!!str 1, null, 'null', '']", r#"["1",null,"null",""]"#),
        ("a: &x {b: 1}\nc: *x", "{a:{b:1},c:{b:1}}"),
        (
            "- &x {b: 1, c: 2}\n- <<: *x\n  b: 3",
            "[{b:1,c:2},{b:3,c:2}]",
        ),
        (
            "- &x {b: 1}\n- &y {b: 2, c: 2}\n- <<: [*x, *y]",
            "[{b:1},{b:2,c:2},{b:1,c:2}]",
        ),
        (
            r#"{"a": {"b": [1, {"c": "d"}]}, "u": "\u00e9"}"#,
            r#"{a:{b:[1,{c:"d"}]},u:"é"}"#,
        ),
    ] {
        assert_eq!(json(read(text).expect(text).root()), expected, "{text}");
    }
}

#[test]
fn a_value_has_the_place_and_the_path_of_what_is_written() {
    let tree = read("a: &x\n  - b: 1\n  - {c.d: 2}\ne: *x\n").expect("it is YAML");
    let of = |value: Value<'_>| {
        let Place { line, column } = value.place();
        format!("{line}:{column} {}", value.path())
    };
    let root = tree.root();
    let list = root.get("e").expect("an alias");
    assert_eq!(of(root), "1:1 ");
    assert_eq!(of(list), "1:1 a");
    let elements: Vec<String> = list.elements().map(of).collect();
    assert_eq!(elements, ["2:5 a[0]", "3:5 a[1]"]);
    let last = list.elements().last().expect("two");
    assert_eq!(of(last.get("c.d").expect("it is there")), "3:6 a[1].c.d");
}

#[test]
fn an_unfit_document_is_refused_where_it_is_unfit() {
    let deep = "[".repeat(129);
    let wide = format!("[{}]", "1,".repeat(500_001));
    let long = format!("{}: 1", "k".repeat(1_001));
    let large = "#".repeat(MAX_BYTES + 1);
    for (text, expected) in [
        ("a: [1", "error: f:1:6: did not find expected ',' or ']'"),
        (
            "a: 1\nb:\n  c: 1\n  c: 2",
            "error: f:4:3: b.c: this key stands here twice, first in line 3\n  hint: remove one of them",
        ),
        (
            "a: 1\n---\nb: 1",
            "error: f:2:1: a second document begins here\n  hint: keep one of them",
        ),
        (
            "a:\n  [b]: 1",
            "error: f:2:3: this key is not text\n  hint: write a name",
        ),
        (
            "a: &x 1\n*x : 1",
            "error: f:2:1: this key is not text\n  hint: write a name",
        ),
        (
            "a: &x [*x]",
            "error: f:1:8: this alias stands within the value that it repeats\n  hint: write the value that is meant",
        ),
        (
            "a:\n  <<: 1",
            "error: f:2:3: a.<<: a merge key merges a mapping, or a list of mappings\n  hint: write `<<: *NAME`, with the anchor of a mapping",
        ),
        (
            &deep,
            "error: f:1:129: lists and mappings are more than 128 deep here\n  hint: leave out of it what is for readers only: examples, descriptions and schemas",
        ),
        (
            &wide,
            "error: f:1:1000000: the file has more than 500000 values up to here, with those that aliases repeat\n  hint: leave out of it what is for readers only: examples, descriptions and schemas",
        ),
        (
            &long,
            "error: f:1:1: this key is longer than 1000 bytes\n  hint: give it a shorter name",
        ),
        (&large, "error: f: the file is larger than 16 MiB"),
    ] {
        let errors: Vec<String> = match read(text) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            errors.join("\n"),
            expected,
            "{}",
            &text[..text.len().min(40)]
        );
    }
}

#[test]
fn a_document_of_aliases_of_aliases_is_refused() {
    let mut text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for i in 1..10 {
        let before = format!("*a{}, ", i - 1).repeat(8);
        text += &format!("a{i}: &a{i} [{before}]\n");
    }
    let errors = read(&text).expect_err("8^10 values");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("500000 values"));
}
