//! Warns of a `block_disallowed_origins` that blocks nothing, or more than its operator may mean.

use super::PolicyDraft;
use crate::config::compiled::{Listener, Route};
use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::{BlockDisallowedOrigins, OriginPattern, Policy, PolicyList, Rule};

/// Warns of a policy that allows every origin, so that there is none to block.
pub(super) fn policy(report: &mut Report<'_>, policy: &PolicyDraft<'_>) {
    let is_any = |pattern: &OriginPattern| matches!(pattern, OriginPattern::Any);
    let allows_any = policy.origins.iter().any(|origin| is_any(&origin.value));
    if policy.block == BlockDisallowedOrigins::Never || policy.credentials || !allows_any {
        return;
    }
    let path = format!("{}.block_disallowed_origins", policy.path);
    let message = "`*` allows every origin, and none is left to be blocked";
    report
        .warn(WarningName::BlocksNothing, path, message)
        .hint("remove it, or list the origins: a WebSocket has cookies, whatever `allow_credentials` says");
}

/// Warns of policies in the list at `path` that have requests blocked where another policy says no.
pub(in crate::config) fn policies(report: &mut Report<'_>, path: &str, list: &PolicyList) {
    let Some(last) = list.policies().last() else {
        return;
    };
    // Without a policy that says no there is nothing that blocks.
    let most = match list.allows_any() {
        true => BlockDisallowedOrigins::Never,
        false => last.block_disallowed_origins(),
    };
    let is_without_effect = |policy: &Policy| policy.block_disallowed_origins() > most;
    let mut policies = list.policies().enumerate();
    let Some((place, policy)) = policies.find(|(_, policy)| is_without_effect(policy)) else {
        return;
    };
    let (name, last) = (policy.name(), last.name());
    let (message, hint) = match list.allows_any() {
        true => (
            format!(
                "`block_disallowed_origins` of `{name}` blocks nothing here: a policy of the list allows every origin"
            ),
            "give requests that must be blocked a route without that policy",
        ),
        false => (
            format!(
                "`block_disallowed_origins` of `{name}` does not count here: the last policy says no, and `{last}` \
                 blocks less"
            ),
            "write it in the last policy of the list",
        ),
    };
    report
        .warn(
            WarningName::BlocksNothing,
            format!("{path}[{place}]"),
            message,
        )
        .hint(hint);
}

/// Warns of plain listeners behind which a page's own origin may be one of https.
pub(in crate::config) fn listeners(
    report: &mut Report<'_>,
    listeners: &[Listener],
    trusts_proxies: bool,
    routes: &[Route],
) {
    let blocks =
        |policy: &Policy| policy.block_disallowed_origins() != BlockDisallowedOrigins::Never;
    let blocks_some = routes.iter().any(|route| match &route.rule {
        Rule::Policies(list) => list.policies().last().is_some_and(blocks),
        Rule::Passthrough | Rule::Off | Rule::NoRoute(_) => false,
    });
    if trusts_proxies || !blocks_some {
        return;
    }
    for listener in listeners {
        if listener.tls.is_some() || listener.https_redirect_port.is_some() {
            continue;
        }
        let path = listener.listen.path.trim_end_matches(".address");
        let message = "behind a proxy that ends TLS, `block_disallowed_origins` blocks the pages of this listener's own \
                       origin as well: it is `https`, and the listener has no `tls`";
        report
            .warn(WarningName::OwnOriginUnknown, path, message)
            .hint("list the proxy in `trusted_proxies`; if there is none, acknowledge this");
    }
}
