//! The flags of the command, which are also the query of the admin page.

use super::{QuestionError, error};

/// The flags. Each replaces the same part of a pasted request.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The URL of the request; excludes a pasted one.
    pub url: Option<String>,
    pub origin: Option<String>,
    pub method: Option<String>,
    /// `name: value`, or a name alone. All flags of one name together replace the pasted fields.
    pub headers: Vec<String>,
    pub credentials: bool,
    /// The names of response headers that the script reads.
    pub reads: Vec<String>,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

// === impl Flags ===

impl Flags {
    /// Reads a query, whose names are those of the command line.
    ///
    /// # Errors
    ///
    /// If it has an unknown name or format.
    pub fn of_query(query: &str) -> Result<(Self, Format), QuestionError> {
        let mut flags = Self::default();
        let mut format = Format::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*key {
                "url" => flags.url = Some(value),
                "origin" => flags.origin = Some(value),
                "method" => flags.method = Some(value),
                "header" => flags.headers.push(value),
                "credentials" => flags.credentials = value != "false",
                "reads" => flags.reads.push(value),
                "format" => format = Format::of(&value)?,
                other => {
                    return Err(error(format!(
                        "`{}` is unknown: there are url, origin, method, header, credentials, reads and format",
                        other.escape_default()
                    )));
                }
            }
        }
        Ok((flags, format))
    }
}

// === impl Format ===

impl Format {
    fn of(name: &str) -> Result<Self, QuestionError> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(error(format!(
                "`{}` is not a format: write `text` or `json`",
                other.escape_default()
            ))),
        }
    }
}
