//! The selectors in an expression of Prometheus.

/// Returns the selectors of an expression, `NAME` or `NAME{LABELS}`, without their ranges. Only names that can
/// be a metric here are one: of the gateway, of its process, of a recording rule, and `up`.
pub(super) fn selectors(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '"' => quoted_len(rest),
            _ if is_in_name(first) => name_len(rest),
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(len);
        rest = behind;
        if is_metric(token) {
            let labels = if behind.starts_with('{') {
                braces_len(behind)
            } else {
                0
            };
            let start = expression.len() - behind.len() - token.len();
            found.push(&expression[start..start + token.len() + labels]);
        }
    }
    found
}

/// Returns the name of the metric that a selector selects.
pub(super) fn name(selector: &str) -> &str {
    &selector[..name_len(selector)]
}

/// Whether a token is a metric's name. A number with its unit, such as `5m`, is a token as well.
fn is_metric(token: &str) -> bool {
    let is_name = token.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_ours = token.starts_with("corsgate_") || token.starts_with("process_");
    is_name && (is_ours || token == "up" || token.contains(':'))
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn name_len(text: &str) -> usize {
    text.find(|c| !is_in_name(c)).unwrap_or(text.len())
}

/// Returns the length of a text in quotes; these have no escaped quotes.
fn quoted_len(text: &str) -> usize {
    let end = text[1..].find('"').expect("the quotes end");
    1 + end + 1
}

fn braces_len(text: &str) -> usize {
    let mut at = 0;
    while !text[at..].starts_with('}') {
        at += match text[at..].chars().next().expect("the braces end") {
            '"' => quoted_len(&text[at..]),
            other => other.len_utf8(),
        };
    }
    at + 1
}

#[test]
fn selectors_are_found_wherever_they_stand() {
    let expression = r#"
        sum by (le, route) (rate(corsgate_a_total{x=~"a|}b", y!="[::1]:80"}[5m] offset 1h))
          / on (job) route:corsgate_c:rate5m > 0.5 * up unless process_d{e="f"} == 1e3"#;
    let expected = [
        r#"corsgate_a_total{x=~"a|}b", y!="[::1]:80"}"#,
        "route:corsgate_c:rate5m",
        "up",
        r#"process_d{e="f"}"#,
    ];
    assert_eq!(selectors(expression), expected);
    assert_eq!(name(expected[0]), "corsgate_a_total");
    assert_eq!(name("up"), "up");
}
