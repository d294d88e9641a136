//! Warns of an `other_options_requests` that rejects nothing.

use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::{OtherOptionsRequests, PolicyList};

/// Warns of policies in the list at `path` that reject OPTIONS requests where another policy says no.
pub(in crate::config) fn policies(report: &mut Report<'_>, path: &str, list: &PolicyList) {
    let Some(last) = list.policies().last() else {
        return;
    };
    if last.other_options_requests() == OtherOptionsRequests::Reject {
        return;
    }
    let mut policies = list.policies().enumerate();
    let rejecting = policies
        .find(|(_, policy)| policy.other_options_requests() == OtherOptionsRequests::Reject);
    if let Some((place, policy)) = rejecting {
        let (name, last) = (policy.name(), last.name());
        let message = format!(
            "`other_options_requests` of `{name}` does not count here: the last policy says no, and `{last}` \
             forwards such requests"
        );
        report
            .warn(
                WarningName::RejectsNothing,
                format!("{path}[{place}]"),
                message,
            )
            .hint("write it in the last policy of the list");
    }
}
