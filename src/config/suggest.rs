//! Suggestions for names that are not known.

use super::error::Problem;

/// Maximum number of known names that a hint lists; beyond it, the list ends with `…`.
const MAX_SHOWN: usize = 10;

/// Maximum number of known names that a name is compared with; the others are not suggested.
const MAX_COMPARED: usize = 1_000;
/// Maximum bytes of names that are compared; nothing is suggested for a longer one.
const MAX_NAME: usize = 64;

/// Finds the known name that `name` most likely is a misspelling of.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_NAME {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        match !name.is_empty() && (candidate.starts_with(&name) || candidate.ends_with(&name)) {
            // The name is shortened, not misspelt.
            true => 1,
            false => strsim::damerau_levenshtein(&name, &candidate),
        }
    };
    known
        .take(MAX_COMPARED)
        .filter(|candidate| candidate.len() <= MAX_NAME)
        .map(|candidate| (distance(candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3)
        .map(|(_, candidate)| candidate)
}

/// Says that there is no `kind` called `name`, and which name may be meant.
pub(super) fn unknown_name<'a>(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Problem {
    let problem = Problem::from(format!("there is no {kind} `{name}`"));
    match nearest(name, known.clone()) {
        Some(near) => problem.hint(format!("write `{near}`")),
        None => problem.hint(known_names(kind, known)),
    }
}

/// Lists the names of `kind` that the file has.
pub(super) fn known_names<'a>(kind: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.take(MAX_SHOWN + 1).collect();
    if known.is_empty() {
        return format!("there is no {kind} in this file");
    }
    let more = if known.len() > MAX_SHOWN { ", …" } else { "" };
    let shown: Vec<&str> = known.into_iter().take(MAX_SHOWN).collect();
    format!("known: {}{more}", shown.join(", "))
}
