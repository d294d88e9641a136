//! Says in words why a try or a check failed. pingora nests its errors, and of a handshake it keeps
//! rustls's text alone.

use super::failure::Failure;
use crate::metrics::UpstreamFailure;
use pingora_core::Error;

/// Reasons that rustls and its verifier give by a name alone, in the words of an operator.
const CERTIFICATE: [(&str, &str); 4] = [
    (
        "UnknownIssuer",
        "its certificate is not signed by an authority that is trusted: see `ca`",
    ),
    (
        "Other(OtherError(CaUsedAsEndEntity))",
        "its certificate is an authority's (CA:TRUE), which no server may show: issue one without that",
    ),
    (
        "Other(OtherError(UnsupportedCertVersion))",
        "its certificate is not of X.509 version 3",
    ),
    ("BadSignature", "its certificate has a wrong signature"),
];

/// Describes the error of connecting, or of the exchange behind that.
pub(in crate::proxy) fn reason(failure: Failure, error: &Error) -> String {
    let cause = cause(error);
    match failure {
        Failure::Connect(UpstreamFailure::Tls) | Failure::Broken(UpstreamFailure::Tls) => {
            format!(
                "the TLS handshake failed: {}",
                of_handshake(&error.to_string())
            )
        }
        Failure::Connect(UpstreamFailure::Timeout) => {
            "it can't be connected to within `connect_timeout`".to_owned()
        }
        Failure::Connect(_) => format!("it can't be connected to: {cause}"),
        Failure::Closed => format!("it closed the connection before it answered: {cause}"),
        Failure::Unprocessed => format!("it did not process the request: {cause}"),
        Failure::Broken(UpstreamFailure::Timeout) => format!("it was silent for too long: {cause}"),
        Failure::Broken(UpstreamFailure::Reset) => format!("its response was cut off: {cause}"),
        Failure::Broken(_) => format!("its response can't be passed on: {cause}"),
        Failure::NotUpstreams => cause,
    }
}

/// Describes what went wrong in a handshake, of which pingora has a `text` with all that it knows.
fn of_handshake(text: &str) -> String {
    // pingora adds the name that it asked for, and the address that it asked from.
    let text = text.split_once(", SNI: ").map_or(text, |(text, _)| text);
    if let Some((_, reason)) = text.split_once("invalid peer certificate: ") {
        let known = CERTIFICATE.iter().find(|(name, _)| *name == reason);
        return known.map_or(reason, |(_, words)| words).to_owned();
    }
    match text.split_once("received fatal alert: ") {
        Some((_, alert)) => format!("it sent the alert {alert}"),
        None => {
            let innermost = text.rsplit_once("cause: ").map_or(text, |(_, rest)| rest);
            innermost.trim().to_owned()
        }
    }
}

/// Returns the text of the innermost error.
fn cause(error: &Error) -> String {
    let innermost = error.root_cause();
    match innermost.downcast_ref::<Box<Error>>() {
        Some(innermost) => own(innermost),
        None => match innermost.downcast_ref::<Error>() {
            Some(innermost) => own(innermost),
            None => innermost.to_string(),
        },
    }
}

/// Returns the text of an error without a cause.
fn own(error: &Error) -> String {
    match &error.context {
        Some(context) => context.as_str().to_owned(),
        None => error.etype().as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pingora_core::ErrorType::{
        ConnectRefused, ConnectTimedout, ConnectionClosed, ReadTimedout, TLSHandshakeFailure,
    };
    use std::io;

    #[test]
    fn reasons_are_in_words() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let nested = Error::because(
            ConnectRefused,
            "Fail to connect to addr: 127.0.0.1:1",
            Error::because(ConnectRefused, "Fail to connect", refused()),
        );
        let tls = |text: &'static str| {
            let from = io::Error::other("local address 127.0.0.1:40000");
            Error::because(TLSHandshakeFailure, text, from)
        };
        for (error, is_connect, expected) in [
            (nested, true, "it can't be connected to: connection refused"),
            (
                Error::explain(ConnectTimedout, "timeout 1s"),
                true,
                "it can't be connected to within `connect_timeout`",
            ),
            (
                tls("x: invalid peer certificate: UnknownIssuer, SNI: a.internal"),
                true,
                "the TLS handshake failed: its certificate is not signed by an authority that is trusted: see `ca`",
            ),
            (
                tls("x: invalid peer certificate: certificate expired: long ago, SNI: a.internal"),
                true,
                "the TLS handshake failed: certificate expired: long ago",
            ),
            (
                tls("TLS connect() failed: x cause: record overflow, SNI: a.internal"),
                true,
                "the TLS handshake failed: record overflow",
            ),
            (
                tls("x: received fatal alert: NoApplicationProtocol, SNI: a.internal"),
                true,
                "the TLS handshake failed: it sent the alert NoApplicationProtocol",
            ),
            (
                Error::explain(ReadTimedout, "the upstream is silent").into_up(),
                false,
                "it was silent for too long: the upstream is silent",
            ),
            (
                Error::explain(ConnectionClosed, "bytes already read: 3").into_up(),
                false,
                "its response was cut off: bytes already read: 3",
            ),
        ] {
            let failure = match is_connect {
                true => Failure::of_connect(&error),
                false => Failure::of_exchange(&error),
            };
            assert_eq!(reason(failure, &error), expected);
        }
    }
}
