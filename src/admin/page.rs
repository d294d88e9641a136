//! The pages of an admin listener, and which methods each is asked by.

use http::Method;

/// A page of the admin listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Metrics,
    Livez,
    Readyz,
    Config,
    Explain,
    Rejections,
    Upstreams,
    Reload,
}

// === impl Page ===

impl Page {
    pub(super) const ALL: [Self; 8] = [
        Self::Metrics,
        Self::Livez,
        Self::Readyz,
        Self::Config,
        Self::Explain,
        Self::Rejections,
        Self::Upstreams,
        Self::Reload,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Config => "/config",
            Self::Explain => "/explain",
            Self::Rejections => "/rejections",
            Self::Upstreams => "/upstreams",
            Self::Reload => "/reload",
        }
    }

    /// Returns the methods as an Allow field lists them.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Reload => "POST",
            Self::Explain => "GET, POST",
            _ => "GET, HEAD",
        }
    }

    pub(super) fn allows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| method == allowed)
    }

    /// Whether the page is about a gateway, which the listener for Prometheus does not know.
    pub(super) fn needs_console(self) -> bool {
        matches!(
            self,
            Self::Config | Self::Explain | Self::Rejections | Self::Upstreams | Self::Reload
        )
    }

    /// Whether the page shows or changes something. Orchestrators ask for the others, by any host name.
    pub(super) fn is_guarded(self) -> bool {
        !matches!(self, Self::Livez | Self::Readyz)
    }
}
