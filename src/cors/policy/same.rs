//! Whether two policies permit the same, whatever else they say.

use super::Policy;

/// Maximum number of patterns of policies that are compared; two that have more count as different.
const MAX_PATTERNS: usize = 1_000;

// === impl Policy ===

impl Policy {
    /// Whether a browser gets permission for the same requests by both policies.
    pub(in crate::cors) fn permits_the_same(&self, other: &Self) -> bool {
        let patterns = |policy: &Self| policy.origins.patterns().take(MAX_PATTERNS + 1).count();
        let (count, others) = (patterns(self), patterns(other));
        self.preflight_fields == other.preflight_fields
            && self.private_network == other.private_network
            && count == others
            && count <= MAX_PATTERNS
            && self.origins.patterns().eq(other.origins.patterns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cors::{OnRejectedPreflight, OriginPattern, PolicySpec};

    fn policy(origins: &[&str], change: impl FnOnce(&mut PolicySpec)) -> Policy {
        let origins = origins.iter();
        let mut spec = PolicySpec {
            origins: origins
                .map(|text| OriginPattern::parse(text).expect("valid"))
                .collect(),
            ..PolicySpec::default()
        };
        change(&mut spec);
        Policy::new(spec).expect("valid")
    }

    #[test]
    fn policies_that_permit_the_same_may_reject_otherwise() {
        const ORIGIN: &str = "https://a.example";
        let one = policy(&[ORIGIN], |_| ());
        for (other, is_same) in [
            (policy(&[ORIGIN], |_| ()), true),
            (
                policy(&[ORIGIN], |spec| {
                    spec.name = "other".to_owned();
                    spec.on_rejected_preflight = OnRejectedPreflight::Forward;
                }),
                true,
            ),
            (policy(&[ORIGIN], |spec| spec.credentials = true), false),
            (policy(&[ORIGIN], |spec| spec.max_age = Some(5)), false),
            (policy(&["https://b.example"], |_| ()), false),
            (policy(&[ORIGIN, "https://b.example"], |_| ()), false),
            (policy(&["*"], |_| ()), false),
        ] {
            assert_eq!(one.permits_the_same(&other), is_same, "{other:?}");
            assert_eq!(other.permits_the_same(&one), is_same, "{other:?}");
        }
    }
}
