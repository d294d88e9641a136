//! The parts of docs/espv2.md that are made of data: every flag, and every difference.

use super::differences::DIFFERENCES;
use crate::expect;
use corsgate::compat::flags::{Effect, flags};
use std::fs;
use std::path::Path;

/// Puts a text between the two marks of a part.
fn with_part(document: &str, name: &str, part: &str) -> String {
    let (start, end) = (
        format!("<!-- {name} -->"),
        format!("<!-- end of {name} -->"),
    );
    let (before, rest) = document.split_once(&start).expect("the mark is there");
    let (_, behind) = rest.split_once(&end).expect("the end of the part is there");
    format!("{before}{start}\n\n{part}\n{end}{behind}")
}

fn flag_table() -> String {
    let mut table = "| flag | effect |\n|---|---|\n".to_owned();
    for flag in flags() {
        let mark = match flag.effect {
            Effect::Works(_) | Effect::None(_) => "",
            Effect::Warns(_) | Effect::Refused { .. } => "**",
        };
        let effect = flag.effect.to_string().replace('|', "\\|");
        let (kind, text) = effect.split_once(": ").unwrap_or(("", &effect));
        let effect = match kind {
            "warning" | "error" | "no effect" => format!("{mark}{kind}{mark}: {text}"),
            _ => effect,
        };
        let is_own = flag.names.iter().any(|name| name.starts_with("--corsgate"));
        let of = match (flag.is_of_espv2, is_own) {
            (true, _) => "",
            (false, true) => " (corsgate's own)",
            (false, false) => " (ESP's)",
        };
        table += &format!("| `{}`{of} | {effect} |\n", flag.usage());
    }
    table
}

fn difference_table() -> String {
    let mut table = "| corsgate | why |\n|---|---|\n".to_owned();
    for difference in DIFFERENCES {
        table += &format!("| {} | {} |\n", difference.name, difference.reason);
    }
    table
}

#[test]
fn the_document_has_every_flag_and_every_difference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/espv2.md");
    let document = fs::read_to_string(&path).expect("it is there");
    let document = with_part(&document, "differences", &difference_table());
    let document = with_part(&document, "flags", &flag_table());
    expect::compare(&path, &document).unwrap_or_else(|difference| panic!("{difference}"));
}
