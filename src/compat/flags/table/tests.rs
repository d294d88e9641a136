use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// The options of each script, one per line: its names and what it takes, as argparse has them.
const ESPV2: &str = include_str!("../../../../tests/compat/espv2_flags.txt");
const ESP: &str = include_str!("../../../../tests/compat/esp_flags.txt");

fn listed(text: &str) -> BTreeMap<BTreeSet<&str>, &str> {
    let option = |line: &'static str| {
        let (names, kind) = line.rsplit_once(' ').expect("names and a kind");
        (names.split(' ').collect(), kind)
    };
    text.lines()
        .map(|line| option(Box::leak(line.into())))
        .collect()
}

fn kind(known: &Known) -> String {
    match known.flag.kind {
        Kind::Switch => "switch".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::List => "list".to_owned(),
        Kind::Integer => "integer".to_owned(),
        Kind::Help => "help".to_owned(),
        Kind::Choice(choices) => format!("choice({})", choices.join(",")),
    }
}

#[test]
fn every_option_of_both_projects_is_in_the_table_and_no_other() {
    let (espv2, esp) = (listed(ESPV2), listed(ESP));
    assert_eq!((espv2.len(), esp.len()), (113, 76));
    for (project, options) in [("ESPv2", &espv2), ("ESP", &esp)] {
        for (names, written) in options {
            let name = names
                .iter()
                .find(|name| name.starts_with("--"))
                .expect("long");
            let known = named(name).unwrap_or_else(|| panic!("{project} has {name}"));
            let of_table: BTreeSet<&str> = known.flag.names.iter().copied().collect();
            assert!(
                names.is_subset(&of_table),
                "{project}: {names:?}, here {of_table:?}"
            );
            // ESP takes an integer where ESPv2 takes a text.
            let is_espv2s = known.flag.project == Project::EspV2 && project == "ESP";
            if !is_espv2s {
                assert_eq!(kind(&known), *written, "{project}: {name}");
            }
        }
    }
    let both: BTreeSet<&str> = espv2.keys().chain(esp.keys()).flatten().copied().collect();
    for known in all().filter(|known| known.flag.project != Project::Own) {
        for name in known.flag.names {
            assert!(both.contains(name), "neither project has {name}");
        }
        let is_espv2s = espv2.keys().any(|names| names.contains(known.flag.name()));
        assert_eq!(
            is_espv2s,
            known.flag.project == Project::EspV2,
            "{}",
            known.flag.name()
        );
    }
}

#[test]
fn no_name_stands_twice() {
    let mut names = BTreeSet::new();
    for known in all() {
        assert!(!known.flag.name().is_empty(), "{:?}", known.flag.names);
        for name in known.flag.names {
            assert!(names.insert(*name), "{name}");
            let is_short = name.len() == 2 && name.starts_with('-');
            assert!(is_short || name.starts_with("--"), "{name}");
        }
    }
}
