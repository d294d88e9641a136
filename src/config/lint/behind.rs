//! Warns of policies that never decide: those before them in their list allow all of their origins.

use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::{PatternRef, Policy, PolicyList};
use std::collections::HashSet;

/// The patterns of the policies before one, as far as looking up an origin doesn't tell.
#[derive(Default)]
struct Earlier<'l> {
    policies: Vec<*const Policy>,
    regexes: HashSet<&'l str>,
    has_any: bool,
}

/// Warns of such policies in the list at `path`.
pub(in crate::config) fn policies(report: &mut Report<'_>, path: &str, list: &PolicyList) {
    let mut earlier = Earlier::default();
    for (place, policy) in list.policies().enumerate() {
        if place > 0 && earlier.allow_all_of(policy, list) {
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
        earlier.add(policy);
    }
}

// === impl Earlier ===

impl<'l> Earlier<'l> {
    fn add(&mut self, policy: &'l Policy) {
        self.policies.push(std::ptr::from_ref(policy));
        for pattern in policy.origins().patterns() {
            match pattern {
                PatternRef::Regex(regex) => {
                    self.regexes.insert(regex);
                }
                PatternRef::Text("*") => self.has_any = true,
                PatternRef::Text(_) | PatternRef::Literal(_) => {}
            }
        }
    }

    fn allow_all_of(&self, policy: &Policy, list: &PolicyList) -> bool {
        let take = |origin: &str| match list.find(origin.as_bytes()) {
            Ok(Some((decides, _))) => {
                let decides = std::ptr::from_ref(list.policy(decides));
                self.policies.contains(&decides)
            }
            Ok(None) | Err(_) => false,
        };
        policy.origins().patterns().all(|pattern| match pattern {
            // Its examples don't stand for all that it matches.
            PatternRef::Regex(regex) => self.has_any || self.regexes.contains(regex),
            PatternRef::Text("*") => self.has_any && take("null"),
            PatternRef::Text(_) | PatternRef::Literal(_) => pattern
                .to_pattern()
                .is_ok_and(|pattern| pattern.examples().iter().all(|example| take(example))),
        })
    }
}
