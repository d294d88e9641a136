//! `traces`: spans, for a collector of OpenTelemetry.

use crate::config::compiled::Traces;
use crate::config::raw::RawTraces;
use crate::config::report::Report;
use crate::cors::invalid_port;
use http::Uri;

/// The path of OTLP over HTTP for spans: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
const PATH: &str = "/v1/traces";

/// The name of the gateway in traces.
const SERVICE_NAME: &str = "corsgate";

/// Compiles `traces`; `None` if something is wrong with it.
pub(super) fn traces(report: &mut Report<'_>, raw: RawTraces) -> Option<Traces> {
    let RawTraces {
        endpoint,
        sample_ratio,
        service_name,
    } = raw;
    if cfg!(not(feature = "traces")) {
        report
            .error("traces", "this program was built without traces")
            .hint("remove the key, or build it with `cargo build --release --features traces`");
    }
    let endpoint = endpoint_of(report, endpoint);
    let sample_ratio = sample_ratio_of(report, sample_ratio);
    if service_name.as_deref() == Some("") {
        report
            .error("traces.service_name", "the name is empty")
            .hint(format!("write `{SERVICE_NAME}`, or remove the key"));
    }
    Some(Traces {
        endpoint: endpoint?,
        sample_ratio: sample_ratio?,
        service_name: service_name.unwrap_or(SERVICE_NAME.to_owned()),
        place: report.place_of("traces.endpoint"),
    })
}

fn endpoint_of(report: &mut Report<'_>, url: Option<String>) -> Option<String> {
    const KEY: &str = "traces.endpoint";
    const HINT: &str = "write the collector's URL, such as `http://127.0.0.1:4318`";
    let Some(url) = url else {
        if !report.was_refused(KEY) {
            report
                .error(
                    "traces",
                    "`endpoint` is missing: spans have to go somewhere",
                )
                .hint(HINT);
        }
        return None;
    };
    let parsed = url.parse::<Uri>().ok();
    let parsed = parsed.filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
    let parsed = parsed.filter(|url| url.host().is_some_and(|host| !host.is_empty()));
    let Some(parsed) = parsed else {
        report
            .error(KEY, "this is not a URL of http or https")
            .hint(HINT);
        return None;
    };
    if parsed
        .authority()
        .is_some_and(|host| host.as_str().contains('@'))
    {
        report
            // Not at the key itself, whose value the message would show.
            .error("traces", "`endpoint` has a password, which all who may read this file would see")
            .hint("put `authorization=Basic%20…` into the environment variable OTEL_EXPORTER_OTLP_HEADERS");
        return None;
    }
    // With such a port, spans would go to that of the scheme.
    let port = parsed.authority().and_then(|at| invalid_port(at.as_str()));
    if let Some(port) = port {
        report
            .error(KEY, format!("`{port}` is not a port"))
            .hint("write a number up to 65535; most collectors listen on 4318");
        return None;
    }
    if parsed.query().is_some() || url.contains('#') {
        report
            .error(
                KEY,
                format!("`{PATH}` is put behind the URL, so that it can't have a query"),
            )
            .hint(HINT);
        return None;
    }
    let base = url.trim_end_matches('/');
    Some(match base.ends_with(PATH) {
        true => base.to_owned(),
        false => format!("{base}{PATH}"),
    })
}

fn sample_ratio_of(report: &mut Report<'_>, ratio: Option<f64>) -> Option<f64> {
    const KEY: &str = "traces.sample_ratio";
    match ratio {
        Some(ratio) if (0.0..=1.0).contains(&ratio) => Some(ratio),
        Some(ratio) => {
            report
                .error(KEY, format!("{ratio} is not a part of all requests"))
                .hint("write a number from 0 to 1: `0.01` for one request in a hundred");
            None
        }
        None => {
            if !report.was_refused(KEY) {
                report
                    .error(
                        "traces",
                        "`sample_ratio` is missing: a span of every request can be too many",
                    )
                    .hint(
                        "write `sample_ratio: 0.01` for one request in a hundred, or `1` for all",
                    );
            }
            None
        }
    }
}
