//! The names of warnings, by which an operator acknowledges them in the file.

/// The name of a warning. Names are part of the file's format: they don't change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WarningName {
    /// A `block_disallowed_origins` that has no effect.
    BlocksNothing,
    /// A certificate that has expired, or is not valid yet.
    CertificateNotValid,
    CertificateWithoutName,
    /// A chain in which one certificate has not been issued by the next.
    ChainWithGap,
    /// A client_ca with a certificate that is not an authority's.
    ClientCaWithoutAuthority,
    CoveredOrigin,
    /// A `dangerously_` key that is set.
    DangerousKey,
    DuplicateOrigin,
    /// An endpoint on a port where servers speak TLS.
    EndpointWithoutTls,
    /// A fallback route all of whose requests go to other routes.
    FallbackNeverTaken,
    /// A route that translates gRPC-Web, under a policy that its clients can't do with.
    GrpcWebWithoutPreset,
    /// A policy for gRPC-Web that no route which translates it has.
    GrpcWebWithoutRoute,
    HeaderNeverAsked,
    /// A host of a route that no certificate has.
    HostWithoutCertificate,
    LiteralOfAPage,
    MaxAgeTooLong,
    MethodCase,
    MethodOfAnotherRoute,
    /// Two certificates of a listener for one name.
    OverlappingCertificates,
    /// A plain listener that blocks the pages of its own origin behind a proxy that ends TLS.
    OwnOriginUnknown,
    PolicyNeverDecides,
    /// A policy whose preflights go to a route without one, or to none.
    PreflightOfAnotherRoute,
    /// A listener whose handshakes need a certificate, which preflights never have.
    PreflightWithoutCertificate,
    RegexMatchesNoOrigin,
    RegexMatchesTooMuch,
    /// An `other_options_requests` that has no effect.
    RejectsNothing,
    /// An origin with a scheme that no page has.
    SchemeOfNoPage,
    /// A `*` that browsers take for a name.
    StarIsAName,
    TrustsEveryProxy,
    /// A list that is sent as written, and that browsers can't read.
    UnreadableList,
    /// A certificate that no client gets.
    UnusedCertificate,
    UnusedClientCa,
    /// A word such as `ANY`, or several names in one, where one name stands.
    WordForSeveral,
    /// An acknowledgement of a warning that is not there. It can't be acknowledged itself.
    UnusedAcknowledgement,
}

// === impl WarningName ===

impl WarningName {
    /// The warnings that can be acknowledged.
    pub(super) const ACKNOWLEDGEABLE: [Self; 33] = [
        Self::BlocksNothing,
        Self::CertificateNotValid,
        Self::CertificateWithoutName,
        Self::ChainWithGap,
        Self::ClientCaWithoutAuthority,
        Self::CoveredOrigin,
        Self::DangerousKey,
        Self::DuplicateOrigin,
        Self::EndpointWithoutTls,
        Self::FallbackNeverTaken,
        Self::GrpcWebWithoutPreset,
        Self::GrpcWebWithoutRoute,
        Self::HeaderNeverAsked,
        Self::HostWithoutCertificate,
        Self::LiteralOfAPage,
        Self::MaxAgeTooLong,
        Self::MethodCase,
        Self::MethodOfAnotherRoute,
        Self::OverlappingCertificates,
        Self::OwnOriginUnknown,
        Self::PolicyNeverDecides,
        Self::PreflightOfAnotherRoute,
        Self::PreflightWithoutCertificate,
        Self::RegexMatchesNoOrigin,
        Self::RegexMatchesTooMuch,
        Self::RejectsNothing,
        Self::SchemeOfNoPage,
        Self::StarIsAName,
        Self::TrustsEveryProxy,
        Self::UnreadableList,
        Self::UnusedCertificate,
        Self::UnusedClientCa,
        Self::WordForSeveral,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlocksNothing => "blocks_nothing",
            Self::CertificateNotValid => "certificate_not_valid",
            Self::CertificateWithoutName => "certificate_without_name",
            Self::ChainWithGap => "chain_with_gap",
            Self::ClientCaWithoutAuthority => "client_ca_without_authority",
            Self::CoveredOrigin => "covered_origin",
            Self::DangerousKey => "dangerous_key",
            Self::DuplicateOrigin => "duplicate_origin",
            Self::EndpointWithoutTls => "endpoint_without_tls",
            Self::FallbackNeverTaken => "fallback_never_taken",
            Self::GrpcWebWithoutPreset => "grpc_web_without_preset",
            Self::GrpcWebWithoutRoute => "grpc_web_without_route",
            Self::HeaderNeverAsked => "header_never_asked",
            Self::HostWithoutCertificate => "host_without_certificate",
            Self::LiteralOfAPage => "literal_of_a_page",
            Self::MaxAgeTooLong => "max_age_too_long",
            Self::MethodCase => "method_case",
            Self::MethodOfAnotherRoute => "method_of_another_route",
            Self::OverlappingCertificates => "overlapping_certificates",
            Self::OwnOriginUnknown => "own_origin_unknown",
            Self::PolicyNeverDecides => "policy_never_decides",
            Self::PreflightOfAnotherRoute => "preflight_of_another_route",
            Self::PreflightWithoutCertificate => "preflight_without_certificate",
            Self::RegexMatchesNoOrigin => "regex_matches_no_origin",
            Self::RegexMatchesTooMuch => "regex_matches_too_much",
            Self::RejectsNothing => "rejects_nothing",
            Self::SchemeOfNoPage => "scheme_of_no_page",
            Self::StarIsAName => "star_is_a_name",
            Self::TrustsEveryProxy => "trusts_every_proxy",
            Self::UnreadableList => "unreadable_list",
            Self::UnusedCertificate => "unused_certificate",
            Self::UnusedClientCa => "unused_client_ca",
            Self::WordForSeveral => "word_for_several",
            Self::UnusedAcknowledgement => "unused_acknowledgement",
        }
    }
}
