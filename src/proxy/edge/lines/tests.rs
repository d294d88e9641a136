use super::*;
use http::HeaderMap;

/// The lines of a header, each as its name and its value.
type Text<'t> = &'t [(&'t str, &'t str)];

fn edit(fields: &mut impl EditFields, with: usize) {
    let field = |name: &'static str, value: &'static str| FieldEdit {
        name: HeaderName::from_bytes(name.as_bytes()).expect("a name"),
        written: name.into(),
        value: HeaderValue::from_static(value),
    };
    match with {
        0 => fields.remove(&HeaderName::from_static("x-one")),
        1 => fields.set("X-One", HeaderValue::from_static("new")),
        2 => fields.set_text("X-Two", b"text"),
        3 => fields.set_text("X-One", b"a\r\nX-Evil: 1"),
        4 => fields.set_line(&field("X-Three", "line")),
        5 => fields.add_line(&field("X-One", "more")),
        6 => fields.remove_where(|_, name| name.to_ascii_lowercase().starts_with("x-t")),
        _ => fields.add_line(&field("X-Two", "last")),
    }
}

/// Returns the lines with the names in lower case, those of one field in their order.
fn sorted(fields: &impl MessageFields) -> Vec<(String, Vec<u8>)> {
    let mut lines = Vec::new();
    fields.for_each(|name, value| lines.push((name.to_ascii_lowercase(), value.to_vec())));
    lines.sort_by(|(a, _), (b, _)| a.cmp(b));
    lines
}

#[test]
fn edits_of_lines_are_those_of_a_map() {
    let texts: [Text<'_>; 4] = [
        &[],
        &[("x-one", "1")],
        &[
            ("X-ONE", "1"),
            ("x-two", "2"),
            ("X-One", "3"),
            ("host", "a"),
        ],
        &[("x-three", ""), ("X-Two", "2"), ("x-two", "3")],
    ];
    let mut written = Written::default();
    let mut cases = 0;
    for text in texts {
        // Every row of three edits.
        for row in 0..8 * 8 * 8 {
            let slots: Vec<_> = text
                .iter()
                .map(|(name, value)| httparse::Header {
                    name,
                    value: value.as_bytes(),
                })
                .collect();
            let mut map = HeaderMap::new();
            for (name, value) in text {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
                map.append(name, value.parse().expect("a value"));
            }
            let mut lines = Lines::new(&slots, &mut written);
            for with in [row % 8, row / 8 % 8, row / 64] {
                edit(&mut lines, with);
                edit(&mut map, with);
                assert_eq!(sorted(&lines), sorted(&map), "{text:?}, {row}");
                assert_eq!(lines.count(), map.len());
            }
            let name = HeaderName::from_static("x-one");
            assert_eq!(lines.first(&name), MessageFields::first(&map, &name));
            assert_eq!(lines.only(&name), MessageFields::only(&map, &name));
            cases += 1;
        }
    }
    assert_eq!(cases, 4 * 512);
}

#[test]
fn lines_are_written_with_the_names_as_they_came() {
    let came = [
        httparse::Header {
            name: "hOST",
            value: b"a",
        },
        httparse::Header {
            name: "x-gone",
            value: b"1",
        },
        httparse::Header {
            name: "x-odd",
            value: b"\xff",
        },
    ];
    let mut written = Written::default();
    let mut lines = Lines::new(&came, &mut written);
    lines.remove(&HeaderName::from_static("x-gone"));
    lines.set_text("X-New", b"2");
    let mut out = Vec::new();
    lines.write_lines(&mut out);
    assert_eq!(out, b"hOST: a\r\nx-odd: \xff\r\nX-New: 2\r\n");
}
