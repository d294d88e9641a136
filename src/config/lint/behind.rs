//! Warns of policies that never decide: those before them in their list allow all of their origins.

use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::{PatternRef, Policy, PolicyList};

/// Warns of such policies in the list at `path`.
pub(in crate::config) fn policies(report: &mut Report<'_>, path: &str, list: &PolicyList) {
    for (place, policy) in list.policies().enumerate().skip(1) {
        if is_behind(list, place, policy) {
            let message = format!(
                "`{}` never decides: the policies before it allow all of its origins",
                policy.name()
            );
            report
                .warn(
                    WarningName::PolicyNeverDecides,
                    format!("{path}[{place}]"),
                    message,
                )
                .hint("put it in front of them, or remove it");
        }
    }
}

/// Whether earlier policies allow all origins of the one at `place`.
fn is_behind(list: &PolicyList, place: usize, policy: &Policy) -> bool {
    let earlier = || list.policies().take(place);
    let decides_earlier = |origin: &String| match list.find(origin.as_bytes()) {
        Ok(Some((decides, _))) => earlier().any(|p| std::ptr::eq(p, list.policy(decides))),
        Ok(None) | Err(_) => false,
    };
    policy.origins().patterns().all(|pattern| match pattern {
        // Its examples don't stand for all that it matches.
        PatternRef::Regex(_) => earlier().any(|earlier| {
            let mut patterns = earlier.origins().patterns();
            patterns.any(|other| other == pattern || other == PatternRef::Text("*"))
        }),
        PatternRef::Text("*") => earlier().any(|earlier| {
            let mut patterns = earlier.origins().patterns();
            patterns.any(|other| other == pattern) && decides_earlier(&"null".to_owned())
        }),
        PatternRef::Text(_) | PatternRef::Literal(_) => pattern
            .to_pattern()
            .is_ok_and(|pattern| pattern.examples().iter().all(decides_earlier)),
    })
}
