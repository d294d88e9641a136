//! Binds the configured listeners; an error names the line of the file that has the address.

use super::StartError;
use crate::config::{Diagnostic, ListenAddress};
use crate::proxy::Bound;
use std::io;
use std::path::Path;

pub(super) fn bind(listener: &ListenAddress, file: &Path) -> Result<Bound, StartError> {
    let address = listener.address;
    Bound::new(address).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there: choose another port",
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE",
            _ => "see the reason above",
        };
        StartError::Configured(Box::new(Diagnostic {
            place: listener.place,
            path: listener.path.clone(),
            hint: Some(hint.to_owned()),
            ..Diagnostic::of_file(file, format!("can't listen on {address}: {error}"))
        }))
    })
}
