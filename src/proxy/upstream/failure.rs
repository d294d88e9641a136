//! Reads off pingora's errors in which way a try failed.

use crate::metrics::UpstreamFailure;
use pingora_core::{Error, ErrorSource, ErrorType, RetryType};
use std::io;

/// The way in which a try failed, as far as anything depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Failure {
    /// There was no connection to send the request on.
    Connect(UpstreamFailure),
    /// The connection ended before a byte of a response.
    Closed,
    /// The upstream said that it did not process the request, or did not get it.
    Unprocessed,
    /// The upstream did anything else that it should not.
    Broken(UpstreamFailure),
    /// The client went away, or the gateway itself gave up.
    NotUpstreams,
}

/// The texts by which pingora says that no stream could be opened on a connection of HTTP/2.
const NOT_SENT: [&str; 2] = ["while creating new stream", "while sending request"];

// === impl Failure ===

impl Failure {
    /// Reads an error of connecting.
    pub(in crate::proxy) fn of_connect(error: &Error) -> Self {
        use ErrorType::{
            ConnectTimedout, H2Error, HandshakeError, InvalidCert, TLSHandshakeFailure,
            TLSHandshakeTimedout,
        };
        Self::Connect(match error.etype() {
            // A connection was there, and takes no more requests.
            H2Error if is_not_sent(error) => return Self::Unprocessed,
            ConnectTimedout | TLSHandshakeTimedout => UpstreamFailure::Timeout,
            TLSHandshakeFailure | InvalidCert => UpstreamFailure::Tls,
            HandshakeError | H2Error => UpstreamFailure::Protocol,
            _ => UpstreamFailure::Connect,
        })
    }

    /// Reads an error of the exchange behind that.
    pub(in crate::proxy) fn of_exchange(error: &Error) -> Self {
        use ErrorType::{
            ConnectionClosed, H2Error, ReadError, ReadTimedout, WriteError, WriteTimedout,
        };
        if *error.esource() != ErrorSource::Upstream {
            return Self::NotUpstreams;
        }
        match (error.etype(), error.retry) {
            // HTTP_1_1_REQUIRED, and an answer that is not HTTP/2, are marked in the same way.
            (H2Error, RetryType::Decided(true)) => Self::Unprocessed,
            (H2Error, _) if is_not_sent(error) => Self::Unprocessed,
            // An alert that came when the gateway's side of the handshake was done.
            (ReadError | WriteError, _) if is_tls(error) => Self::Broken(UpstreamFailure::Tls),
            (WriteError, _) => Self::Closed,
            (ConnectionClosed | ReadError, retry) if !has_read(error) => match retry {
                RetryType::ReusedOnly => Self::Closed,
                _ if is_cut_off(error) => Self::Closed,
                _ => Self::Broken(UpstreamFailure::Reset),
            },
            (ReadTimedout | WriteTimedout, _) => Self::Broken(UpstreamFailure::Timeout),
            (ConnectionClosed | ReadError, _) => Self::Broken(UpstreamFailure::Reset),
            (kind, _) if kind.as_str() == "PrematureBodyEnd" => {
                Self::Broken(UpstreamFailure::Reset)
            }
            (H2Error, _) if is_reset(error) => Self::Broken(UpstreamFailure::Reset),
            _ => Self::Broken(UpstreamFailure::Protocol),
        }
    }

    /// Returns what it is counted as; `None` if it is not the upstream's.
    pub(in crate::proxy) fn label(self) -> Option<UpstreamFailure> {
        match self {
            Self::Connect(failure) | Self::Broken(failure) => Some(failure),
            Self::Closed | Self::Unprocessed => Some(UpstreamFailure::Reset),
            Self::NotUpstreams => None,
        }
    }
}

/// Whether bytes of a response had been read. pingora says so in the error's text alone, and on HTTP/1.1
/// alone; on HTTP/2 it is the header that it could not read, or the content behind it.
fn has_read(error: &Error) -> bool {
    let text = context(error);
    match text.rsplit_once("already read: ") {
        Some((_, bytes)) => bytes != "0",
        None => text != "while reading h2 header",
    }
}

fn is_not_sent(error: &Error) -> bool {
    NOT_SENT.contains(&context(error))
}

/// Whether a connection of TLS ended without saying so, which pingora does not tell from a broken one.
fn is_cut_off(error: &Error) -> bool {
    let io = error.root_cause().downcast_ref::<io::Error>();
    io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
}

/// Whether the other side has refused the connection by an alert, or TLS itself is broken: with version
/// 1.3, a client's certificate is refused only then.
fn is_tls(error: &Error) -> bool {
    let io = error.root_cause().downcast_ref::<io::Error>();
    let cause = io.and_then(|io| io.get_ref());
    cause.is_some_and(|cause| cause.is::<rustls::Error>())
}

/// Whether a stream of HTTP/2, or its connection, was ended by the upstream.
fn is_reset(error: &Error) -> bool {
    let cause = error.root_cause().downcast_ref::<h2::Error>();
    cause.is_some_and(|cause| cause.is_io() || cause.is_remote())
}

fn context(error: &Error) -> &str {
    let context = error.context.as_ref();
    context.map_or("", |context| context.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Failure::{Broken, Closed, NotUpstreams, Unprocessed};

    #[test]
    fn failures_are_told_apart() {
        use UpstreamFailure::{Protocol, Reset, Timeout};
        let error = |kind, text: &'static str, retry| {
            let mut error = Error::explain(kind, text).into_up();
            error.retry = retry;
            error
        };
        let nothing = "while reading response headers, bytes already read: 0";
        let something = "while reading response headers, bytes already read: 10";
        let (no, reused) = (RetryType::Decided(false), RetryType::ReusedOnly);
        let cut_off = |text: &'static str| {
            let cause = io::Error::from(io::ErrorKind::UnexpectedEof);
            Error::because(ErrorType::ReadError, text, cause).into_up()
        };
        let alert = |text: &'static str| {
            let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
            let cause = io::Error::new(io::ErrorKind::InvalidData, alert);
            Error::because(ErrorType::ReadError, text, cause).into_up()
        };
        let premature = ErrorType::new("PrematureBodyEnd");
        for (error, expected) in [
            (error(ErrorType::ConnectionClosed, nothing, reused), Closed),
            (error(ErrorType::ReadError, nothing, reused), Closed),
            (
                error(ErrorType::ReadError, "while reading h2 header", reused),
                Closed,
            ),
            (
                error(ErrorType::WriteError, "while writing request headers", no),
                Closed,
            ),
            (cut_off(nothing), Closed),
            (cut_off("while reading h2 header"), Closed),
            (cut_off(something), Broken(Reset)),
            (alert(nothing), Broken(UpstreamFailure::Tls)),
            (
                error(ErrorType::ConnectionClosed, something, reused),
                Broken(Reset),
            ),
            (
                error(ErrorType::ReadError, something, reused),
                Broken(Reset),
            ),
            (error(ErrorType::ReadError, nothing, no), Broken(Reset)),
            (
                error(ErrorType::ReadError, "while read h2 response body", no),
                Broken(Reset),
            ),
            (error(premature, "", no), Broken(Reset)),
            (error(ErrorType::ReadTimedout, "", no), Broken(Timeout)),
            (error(ErrorType::WriteTimedout, "", no), Broken(Timeout)),
            (
                error(ErrorType::InvalidHTTPHeader, "", no),
                Broken(Protocol),
            ),
            (
                error(ErrorType::InvalidH2, "", RetryType::Decided(true)),
                Broken(Protocol),
            ),
            (error(ErrorType::H2Error, "", no), Broken(Protocol)),
            (
                error(ErrorType::H2Error, "", RetryType::Decided(true)),
                Unprocessed,
            ),
            (
                error(ErrorType::H2Error, "while sending request", no),
                Unprocessed,
            ),
            (
                error(ErrorType::ConnectionClosed, nothing, reused).into_down(),
                NotUpstreams,
            ),
            (
                Error::explain(ErrorType::InternalError, "").into_in(),
                NotUpstreams,
            ),
        ] {
            assert_eq!(Failure::of_exchange(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn connections_fail_in_their_own_ways() {
        use UpstreamFailure::{Connect, Protocol, Timeout, Tls};
        for (kind, text, expected) in [
            (ErrorType::ConnectRefused, "", Failure::Connect(Connect)),
            (ErrorType::ConnectNoRoute, "", Failure::Connect(Connect)),
            (ErrorType::ConnectError, "", Failure::Connect(Connect)),
            (ErrorType::ConnectTimedout, "", Failure::Connect(Timeout)),
            (ErrorType::TLSHandshakeFailure, "", Failure::Connect(Tls)),
            (ErrorType::InvalidCert, "", Failure::Connect(Tls)),
            (ErrorType::HandshakeError, "", Failure::Connect(Protocol)),
            (
                ErrorType::H2Error,
                "zero max_stream",
                Failure::Connect(Protocol),
            ),
            (ErrorType::H2Error, "while creating new stream", Unprocessed),
        ] {
            let error = Error::explain(kind, text).into_up();
            assert_eq!(Failure::of_connect(&error), expected, "{error:?}");
        }
    }
}
