//! What flags and queries say.

use super::{QuestionError, error};

/// What flags and queries say; each of them replaces what a pasted request has.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// A request by itself: it is not pasted besides.
    pub url: Option<String>,
    pub origin: Option<String>,
    pub method: Option<String>,
    /// `name: value`, or a name alone. Those of one name replace the pasted ones together.
    pub headers: Vec<String>,
    pub credentials: bool,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

// === impl Flags ===

impl Flags {
    /// What a query says, which has the names of the command line.
    ///
    /// # Errors
    ///
    /// Where it has a name, or a format, that there is not.
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
                "format" => format = Format::of(&value)?,
                other => {
                    return Err(error(format!(
                        "`{}` is unknown: there are url, origin, method, header, credentials and format",
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
                "`{}` is no format: write `text` or `json`",
                other.escape_default()
            ))),
        }
    }
}
