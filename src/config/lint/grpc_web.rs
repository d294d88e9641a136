//! Warns where one half of gRPC-Web stands without the other: a route that translates it, and a policy that
//! lets its clients send and read what they need.

use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::{Policy, Rule};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A policy, and its part in gRPC-Web.
pub(in crate::config) struct GrpcWebPolicy {
    pub policy: Arc<Policy>,
    /// The path of its presets.
    pub path: String,
    pub has_preset: bool,
    /// The headers that its scripts may not send.
    pub not_allowed: Vec<&'static str>,
    /// The headers that its scripts may not read.
    pub not_exposed: Vec<&'static str>,
    /// Whether one of its lists is sent as written, so that a preset can't add to it.
    pub is_verbatim: bool,
}

/// A route that is right so far.
#[derive(Clone, Copy)]
pub(in crate::config) struct GrpcWebRoute<'a> {
    pub path: &'a str,
    /// Whether it translates gRPC-Web.
    pub translates: bool,
    pub rule: &'a Rule,
}

/// Warns of routes and policies of which one has to do with gRPC-Web and the other has not.
pub(in crate::config) fn routes(
    report: &mut Report<'_>,
    routes: &[GrpcWebRoute<'_>],
    policies: &[GrpcWebPolicy],
) {
    let known = policies.iter().map(|p| (Arc::as_ptr(&p.policy), p));
    let known: HashMap<*const Policy, &GrpcWebPolicy> = known.collect();
    let mut translated: HashSet<*const Policy> = HashSet::new();
    for route in routes.iter().filter(|route| route.translates) {
        let Rule::Policies(list) = route.rule else {
            continue;
        };
        for policy in list.policies().map(std::ptr::from_ref) {
            translated.insert(policy);
            if let Some(policy) = known.get(&policy) {
                policy.check(report, route.path);
            }
        }
    }
    for policy in policies.iter().filter(|policy| policy.has_preset) {
        if !translated.contains(&Arc::as_ptr(&policy.policy)) {
            let message = "no route with this policy translates gRPC-Web";
            report
                .warn(WarningName::GrpcWebWithoutRoute, &policy.path, message)
                .hint(
                    "write `grpc_web: true` in the route, unless its upstream speaks gRPC-Web itself",
                );
        }
    }
}

// === impl GrpcWebPolicy ===

impl GrpcWebPolicy {
    /// Warns if the policy of a route that translates gRPC-Web lacks headers.
    fn check(&self, report: &mut Report<'_>, route: &str) {
        let lists = [
            (&self.not_allowed, "scripts may not send"),
            (&self.not_exposed, "scripts may not read"),
        ];
        let lacks = lists.iter().filter(|(names, _)| !names.is_empty());
        let lacks: Vec<String> = lacks
            .map(|(names, words)| {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("{words} {}", names.join(", "))
            })
            .collect();
        if lacks.is_empty() {
            return;
        }
        let message = format!(
            "`grpc_web: true`, and the policy `{}` fails the clients of gRPC-Web: {}",
            self.policy.name(),
            lacks.join("; ")
        );
        report
            .warn(
                WarningName::GrpcWebWithoutPreset,
                format!("{route}.grpc_web"),
                message,
            )
            .hint(match self.is_verbatim {
                true => "write them into its lists",
                false => "write `presets: [grpc_web]` in the policy",
            })
            .where_used();
    }
}
