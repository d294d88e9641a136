//! The description of a service, as Google Cloud Endpoints has it: a service configuration or an OpenAPI
//! document, read into one model.
//!
//! Only what ESPv2 reads is read. Whatever else a document has is left alone; but a setting that would
//! change what ESPv2 does, and changes nothing here, is a remark or a demand, never silence.

mod backends;
mod model;
mod openapi;
mod operations;
mod reader;
mod service_config;
mod template;

pub use model::{
    Backend, Demand, DemandKind, Description, HttpMethod, Kind, Operation, PathTranslation,
};
pub use template::Template;

use crate::config::{Diagnostic, Shape, Tree, TreeValue};
use reader::Reader;
use std::borrow::Cow;
use std::path::Path;

/// Reads the description `text`, which messages call `file`.
///
/// # Errors
///
/// Returns everything that is wrong with it, in the order of the file.
pub fn read(text: &str, file: &Path) -> Result<Description, Vec<Diagnostic>> {
    let tree = Tree::read(&without_surrogates(text), file)?;
    let root = tree.root();
    let mut reader = Reader::new(file);
    let description = match kind(&mut reader, root) {
        Some(Kind::ServiceConfig) => Some(service_config::read(&mut reader, root)),
        Some(kind) => Some(openapi::read(&mut reader, root, kind)),
        None => None,
    };
    let remarks = reader.finish()?;
    // Without a kind there is an error.
    let description = description.ok_or_else(Vec::new)?;
    Ok(Description {
        remarks,
        ..description
    })
}

/// Puts characters in the place of JSON's pairs of surrogates, such as `\ud83d\ude00`, which YAML does not have.
/// Only JSON has them: a text that is not a mapping in braces stays as it is.
fn without_surrogates(text: &str) -> Cow<'_, str> {
    const PAIR: usize = "\\ud83d\\ude00".len();
    let is_json = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('{');
    if !is_json || !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let unit = |escape: &str| u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok();
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        replaced.push_str(before);
        let pair = escape.get(..PAIR).and_then(|pair| {
            let units = [unit(pair.get(..PAIR / 2)?)?, unit(pair.get(PAIR / 2..)?)?];
            let is_pair = (0xd800..0xdc00).contains(&units[0]);
            let character = char::decode_utf16(units).next()?.ok()?;
            is_pair.then_some(character)
        });
        if let Some(character) = pair {
            replaced.push(character);
            rest = &escape[PAIR..];
            continue;
        }
        // A backslash and what it escapes stay together.
        let escaped = escape.chars().nth(1).map_or(0, char::len_utf8);
        let (kept, behind) = escape.split_at(1 + escaped);
        replaced.push_str(kept);
        rest = behind;
    }
    replaced.push_str(rest);
    Cow::Owned(replaced)
}

/// Finds the form of a description; one of neither form is an error.
fn kind(reader: &mut Reader<'_>, root: TreeValue<'_>) -> Option<Kind> {
    let hint =
        "take the service configuration that deploying the service made, or its OpenAPI document";
    if root.shape() != Shape::Mapping {
        let message = "this is not the description of a service: it is not a mapping";
        reader.error(root, message, hint);
        return None;
    }
    let version = |key: &str| Some((root.get(key)?.written().unwrap_or_default(), root.get(key)?));
    match (version("swagger"), version("openapi")) {
        (Some(("2.0" | "2", _)), _) => Some(Kind::OpenApi2),
        (None, Some((text, _))) if text == "3" || text.starts_with("3.") => Some(Kind::OpenApi3),
        (Some((_, field)), _) | (None, Some((_, field))) => {
            let message = "this version of OpenAPI is not one that can be read";
            reader.error(field, message, "write it as OpenAPI 2.0 or 3.x");
            None
        }
        (None, None) if root.get("apis").is_some() => Some(Kind::ServiceConfig),
        (None, None) => {
            let message = "this is not the description of a service: it has neither `apis`, as a \
                           service configuration has, nor `swagger` or `openapi`";
            reader.error(root, message, hint);
            None
        }
    }
}

/// Remarks that an endpoint of another name than the service's allows CORS.
fn other_endpoint(
    reader: &mut Reader<'_>,
    endpoint: TreeValue<'_>,
    service: &str,
    name: Option<&str>,
) {
    let name = name.unwrap_or_default();
    let message = format!(
        "CORS is allowed for the endpoint `{name}`, which is not the service `{service}`: it has no effect"
    );
    let hint = format!("write `{service}` as its name, if preflights shall go to the backend");
    reader.remark(endpoint, message, hint);
}

/// Remarks that tokens are optional where they are read.
fn optional_token(reader: &mut Reader<'_>, rule: TreeValue<'_>) {
    let message = "keys and tokens are optional here, and ESPv2 checks those that come; this gateway checks none";
    let hint = "let the backend check them, and believe no header `X-Endpoint-API-UserInfo`";
    reader.remark(rule, message, hint);
}

#[cfg(test)]
mod tests;
