//! The material beside the configuration's own text: the files that it names, the authorities that the
//! machine trusts, and room for patterns. The room is that of all policies together, because a small file may have many policies.

use crate::config::error::Problem;
use crate::config::lint::grpc_web::GrpcWebPolicy;
use crate::config::report::Report;
use crate::config::sources::Sources;
use crate::tls::usable_authorities;
use rustls::pki_types::CertificateDer;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Maximum number of patterns of all policies together, those in files included; more are refused.
pub(super) const MAX_ORIGINS: usize = 500_000;
/// Maximum bytes of what is built for all regexes together; regexes beyond it are refused. It bounds the
/// time as well, so that what was built in vain counts too.
pub(super) const MAX_REGEX_BYTES: usize = 64 << 20;

/// The files that were read so far, and the room that is left.
pub(super) struct Inputs {
    pub sources: Sources,
    origins: usize,
    /// Number of policies so far.
    pub policies: usize,
    regex_bytes: usize,
    /// Read when an upstream first needs them.
    machine_authorities: Option<Result<Arc<[CertificateDer<'static>]>, String>>,
    /// The policies so far, by what they have of gRPC-Web.
    pub grpc_web: Vec<GrpcWebPolicy>,
}

// === impl Inputs ===

impl Inputs {
    pub(super) fn new(sources: Sources) -> Self {
        Self {
            sources,
            origins: MAX_ORIGINS,
            policies: 0,
            regex_bytes: MAX_REGEX_BYTES,
            machine_authorities: None,
            grpc_web: Vec::new(),
        }
    }

    /// Reads the file that the value at `path` names, relative to the configuration. If it can't, it reports
    /// that, with the remedy that `hint` knows.
    pub(super) fn read<T>(
        &mut self,
        report: &mut Report<'_>,
        path: &str,
        name: &str,
        read: impl FnOnce(&mut Sources, &Path) -> io::Result<T>,
        hint: impl FnOnce(&io::Error) -> Option<&'static str>,
    ) -> Option<(PathBuf, T)> {
        if name.is_empty() {
            report.error(path, "the file's name is empty");
            return None;
        }
        let folder = report.file().parent().unwrap_or(Path::new(""));
        let file = folder.join(name);
        match read(&mut self.sources, &file) {
            Ok(content) => Some((file, content)),
            Err(error) => {
                let message = format!("can't read `{}`: {error}", file.display());
                let hint = match error.kind() {
                    ErrorKind::NotFound if Path::new(name).is_relative() => {
                        Some("the path is relative to the configuration file")
                    }
                    _ => hint(&error),
                };
                let hint = hint.map(str::to_owned);
                report.error(path, Problem { message, hint });
                None
            }
        }
    }

    /// Returns the authorities that the machine trusts; the error says why there are none.
    pub(super) fn machine_authorities(&mut self) -> Result<Arc<[CertificateDer<'static>]>, String> {
        let all = self.machine_authorities.get_or_insert_with(|| {
            let found = rustls_native_certs::load_native_certs();
            let usable = usable_authorities(found.certs);
            match (usable.is_empty(), found.errors.first()) {
                (false, _) => Ok(usable),
                (true, Some(error)) => Err(error.to_string()),
                (true, None) => Err("there is none".to_owned()),
            }
        });
        all.clone()
    }

    /// Returns the number of patterns that there is room for.
    pub(super) fn room_for_origins(&self) -> usize {
        self.origins
    }

    /// Takes room for so many patterns; returns whether it was there.
    pub(super) fn take_origins(&mut self, patterns: usize) -> bool {
        let rest = self.origins.checked_sub(patterns);
        self.origins = rest.unwrap_or(self.origins);
        rest.is_some()
    }

    /// Whether there is room for another regex.
    pub(super) fn has_room_for_regexes(&self) -> bool {
        self.regex_bytes > 0
    }

    /// Leaves no room for regexes.
    pub(super) fn refuse_regexes(&mut self) {
        self.regex_bytes = 0;
    }

    /// Takes room for automata of so many bytes; returns whether it was there.
    pub(super) fn take_regex(&mut self, bytes: usize) -> bool {
        let rest = self.regex_bytes.checked_sub(bytes);
        self.regex_bytes = rest.unwrap_or(0);
        rest.is_some()
    }
}
