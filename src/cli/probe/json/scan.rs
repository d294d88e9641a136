//! The result of a scan.

use crate::probe::{Finding, LeakSeverity, ScanReport};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct ScanObject<'a> {
    control: &'static str,
    worst: &'static str,
    through: usize,
    probes: Vec<FindingObject<'a>>,
}

#[derive(Serialize)]
struct FindingObject<'a> {
    kind: &'static str,
    origin: &'a str,
    access: &'static str,
    severity: &'static str,
    what: &'static str,
    error: Option<String>,
}

// === impl ScanObject ===

impl<'a> ScanObject<'a> {
    pub(super) fn of(report: &'a ScanReport) -> Self {
        let findings = report.findings.iter();
        Self {
            control: report.control.as_str(),
            worst: report.worst().as_str(),
            through: findings
                .clone()
                .filter(|finding| finding.severity > LeakSeverity::None)
                .count(),
            probes: findings.map(FindingObject::of).collect(),
        }
    }
}

// === impl FindingObject ===

impl<'a> FindingObject<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding {
            probe,
            access,
            severity,
            error,
        } = finding;
        Self {
            kind: probe.kind.as_str(),
            origin: &probe.origin,
            access: access.as_str(),
            severity: severity.as_str(),
            what: probe.kind.what(),
            error: error.as_ref().map(ToString::to_string),
        }
    }
}
