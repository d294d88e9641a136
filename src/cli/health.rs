//! `corsgate health [URL]`: whether a running gateway takes traffic, for containers and scripts.

use super::error::CommandError;
use super::output::{complain, print};
use crate::probe::{Client, ClientOptions, Roots, Target, Transport as _};
use clap::Args;
use http::{Method, Request};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The page /readyz of its admin or metrics listener. /livez tells whether the process runs.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:9901/readyz")]
    url: Target,
    /// Maximum time for the answer.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub(super) fn run(options: Options) -> Result<ExitCode, CommandError> {
    match ask(&options) {
        Ok(()) => {
            print("ready\n")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            complain(&format!("not ready: {reason}\n"));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn ask(Options { url, timeout }: &Options) -> Result<(), String> {
    if url.is_https() {
        return Err("the admin and metrics listeners speak plain HTTP: write `http://`".to_owned());
    }
    let port = url.uri().port_u16().unwrap_or(80);
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    // Looked up here, so that no proxy of the environment is asked instead of the gateway.
    let addresses = (host, port).to_socket_addrs();
    let addresses: Vec<SocketAddr> = addresses.map_err(|error| error.to_string())?.collect();
    let client = Client::new(
        &ClientOptions {
            timeout: *timeout,
            roots: Roots::Machine,
            addresses: Some(addresses),
        },
        false,
    );
    let client = client.map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(Method::GET)
        .uri(url.uri())
        .body(());
    let request = request.map_err(|error| error.to_string())?;
    let answer = client
        .exchange(request)
        .map_err(|error| error.to_string())?;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(format!("the answer is {}", answer.status)),
    }
}
