use super::operator::ask_admin;
use super::site::Site;
use crate::support::label;

/// The page of metrics.
pub(super) struct Metrics(String);

// === impl Metrics ===

impl Metrics {
    pub(super) fn of(site: &Site) -> Self {
        Self(ask_admin(site, "GET /metrics").body)
    }

    /// The sum of the series of a metric that have these labels.
    pub(super) fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> u64 {
        let lines = self.0.lines().filter(|line| {
            let rest = line.strip_prefix(metric);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        let has_labels = |line: &&str| {
            let mut labels = labels.iter();
            labels.all(|(name, value)| label(line, name).as_deref() == Some(*value))
        };
        let values = lines
            .filter(has_labels)
            .filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<u64>().ok()).sum()
    }
}
