//! `cors` of a route: a policy, several of them in their order, or a word that does without.

use super::inputs::{Inputs, MAX_ORIGINS};
use super::origins::take_regexes;
use super::policies::{OFF, PASSTHROUGH, Policies, policy};
use super::values::elements;
use crate::config::lint::{behind, blocking, other_options};
use crate::config::raw::{RawCors, RawPolicyRef, Seq};
use crate::config::report::Report;
use crate::cors::{Policy, PolicyList, PolicyListError, Rule};
use std::collections::HashMap;
use std::sync::Arc;

/// The lists of policies so far, by their policies: routes with the same policies have the same rule.
pub(super) struct PolicyLists<'p> {
    named: &'p Policies,
    known: HashMap<Vec<*const Policy>, Arc<PolicyList>>,
}

// === impl PolicyLists ===

impl<'p> PolicyLists<'p> {
    pub(super) fn new(named: &'p Policies) -> Self {
        Self {
            named,
            known: HashMap::new(),
        }
    }

    /// Compiles the value at `path`; `None` if something is wrong with it.
    pub(super) fn rule(
        &mut self,
        report: &mut Report<'_>,
        inputs: &mut Inputs,
        path: &str,
        raw: Option<RawCors>,
    ) -> Option<Rule> {
        let policies = match raw {
            None => return (!report.was_refused(path)).then_some(Rule::Off),
            Some(RawCors::One(RawPolicyRef::Name(name))) if name == PASSTHROUGH => {
                return Some(Rule::Passthrough);
            }
            Some(RawCors::One(RawPolicyRef::Name(name))) if name == OFF => return Some(Rule::Off),
            Some(RawCors::One(one)) => vec![self.policy(report, inputs, path, one)?],
            Some(RawCors::Several(several)) => self.several(report, inputs, path, several)?,
        };
        self.list(report, inputs, path, policies)
            .map(Rule::Policies)
    }

    fn policy(
        &self,
        report: &mut Report<'_>,
        inputs: &mut Inputs,
        path: &str,
        raw: RawPolicyRef,
    ) -> Option<Arc<Policy>> {
        match raw {
            RawPolicyRef::Name(name) => self.named.named(report, path, &name),
            RawPolicyRef::Inline(raw) => policy(report, inputs, path, *raw),
        }
    }

    /// Compiles the policies of a list; `None` if something is wrong with one of them.
    fn several(
        &self,
        report: &mut Report<'_>,
        inputs: &mut Inputs,
        path: &str,
        raw: Seq<RawPolicyRef>,
    ) -> Option<Vec<Arc<Policy>>> {
        if raw.is_empty() {
            report
                .error(path, "an empty list has no policy that could decide")
                .hint("name a policy, or write `off`");
            return None;
        }
        if raw.len() > PolicyList::MAX {
            let message = format!("{}: here are {}", PolicyListError::TooMany, raw.len());
            report.error(path, message).hint("remove some of them");
            return None;
        }
        let before = report.error_count();
        let mut policies: Vec<Arc<Policy>> = Vec::with_capacity(raw.len());
        let mut is_complete = !report.was_refused_within(path);
        for (path, raw) in elements(report, path, raw) {
            if let RawPolicyRef::Name(name) = &raw
                && [PASSTHROUGH, OFF].contains(&name.as_str())
            {
                report
                    .error(&path, format!("`{name}` is not a policy"))
                    .hint(format!(
                        "write `cors: {name}` alone, or remove it from the list"
                    ));
                continue;
            }
            let Some(policy) = self.policy(report, inputs, &path, raw) else {
                is_complete = false;
                continue;
            };
            if policies.iter().any(|known| Arc::ptr_eq(known, &policy)) {
                report
                    .error(&path, format!("`{}` is there twice", policy.name()))
                    .hint("remove one of them")
                    .as_element();
            }
            policies.push(policy);
        }
        (is_complete && report.error_count() == before).then_some(policies)
    }

    fn list(
        &mut self,
        report: &mut Report<'_>,
        inputs: &mut Inputs,
        path: &str,
        mut policies: Vec<Arc<Policy>>,
    ) -> Option<Arc<PolicyList>> {
        let key: Vec<*const Policy> = policies.iter().map(Arc::as_ptr).collect();
        if let Some(known) = self.known.get(&key) {
            return Some(Arc::clone(known));
        }
        if policies.len() > 1 {
            let patterns = policies.iter().map(|p| p.origins().patterns().count());
            if !inputs.take_origins(patterns.sum()) {
                let message = format!(
                    "with those of lists of policies there are more than {MAX_ORIGINS} patterns together"
                );
                report.error(path, message).hint(
                    "give routes the same list, or allow origins of one domain by a wildcard",
                );
                return None;
            }
        }
        let last = policies.pop()?;
        let list = match PolicyList::new(policies, last) {
            Ok(list) => Arc::new(list),
            Err(error) => {
                // It took as long as anything can; other lists' regexes would take as long again.
                inputs.refuse_regexes();
                report.error(path, error.to_string());
                return None;
            }
        };
        if list.has_several() {
            if !take_regexes(report, inputs, path, list.origins()) {
                return None;
            }
            behind::policies(report, path, &list);
            blocking::policies(report, path, &list);
            other_options::policies(report, path, &list);
        }
        self.known.insert(key, Arc::clone(&list));
        Some(list)
    }
}
