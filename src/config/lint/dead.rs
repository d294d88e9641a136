//! Warns of regexes that match no origin, or have a part that doesn't, and says why.

use crate::config::report::{At, Report};
use crate::config::suggest::regex_key;
use crate::config::warning::WarningName;
use crate::cors::{DeadPart, LiteralPattern, Origin, OriginError, OriginPattern, RegexPattern};

/// Warns of each part of a regex that matches no serialized origin.
pub(super) fn regexes(report: &mut Report<'_>, origins: &[At<OriginPattern>]) {
    for At { value, at } in origins {
        let OriginPattern::Regex(regex) = value else {
            continue;
        };
        for part in regex.dead_parts() {
            report
                .warn(WarningName::RegexMatchesNoOrigin, at, message(regex, &part))
                .hint(hint(regex, &part));
        }
    }
}

fn message(regex: &RegexPattern, part: &DeadPart) -> String {
    let regex = match part.is_whole {
        true => format!("`{}`", regex.text()),
        false => format!("a part of `{}`", regex.text()),
    };
    let reason = part.text.as_deref().and_then(|text| {
        let reason = match Origin::parse(text.as_bytes()) {
            Ok(Origin::Null) => "no regex is asked about it".to_owned(),
            Ok(Origin::Tuple(_)) => OriginPattern::parse(text).err()?.kind.to_string(),
            Err(error) => error.to_string(),
        };
        let such = if part.is_only_text {
            ""
        } else {
            "texts such as "
        };
        Some(format!(": it matches {such}`{text}`, but {reason}"))
    });
    format!("{regex} matches no origin{}", reason.unwrap_or_default())
}

fn hint(regex: &RegexPattern, part: &DeadPart) -> String {
    let Some(text) = part.text.as_deref() else {
        return whole(regex);
    };
    if text == "null" {
        return "write \"null\" as an element of its own, without `regex:`".to_owned();
    }
    if OriginPattern::parse(text).is_ok() {
        return format!("write `{text}` as an element of its own, without `regex:`");
    }
    if let Some(app) = of_an_app(text) {
        let literal = format!("`literal: '{}'`", app.text());
        return match (text.starts_with("file:"), part.is_only_text) {
            (true, _) => {
                "write `literal: 'file://'` for an app that sends it; browsers send \"null\" for files"
                    .to_owned()
            }
            (false, true) => format!("write {literal}, which is compared byte by byte"),
            (false, false) => format!("write each value that the app sends, such as {literal}"),
        };
    }
    let words = match Origin::parse(text.as_bytes()) {
        Err(OriginError::UpperCase) => "write it in lower case, as browsers do",
        Err(OriginError::Path) => "let it end with the host or with the port",
        Err(OriginError::MissingScheme | OriginError::MissingHost | OriginError::Empty) => {
            return whole(regex);
        }
        _ => "write scheme, host and port as browsers do",
    };
    words.to_owned()
}

/// Returns the advice for a regex that was meant to be searched for in an origin: the regex as it is written
/// here, if that can be told.
fn whole(regex: &RegexPattern) -> String {
    let written = format!("regex: '{}'", regex.text());
    match regex_key(regex.text()).filter(|key| *key != written) {
        Some(key) => format!("a regex is the whole origin: write `{key}`"),
        None => {
            "a regex is the whole origin: write `https://` in front, and what may follow".to_owned()
        }
    }
}

/// Returns the text as a literal, if an app's web view may send it as its origin.
fn of_an_app(text: &str) -> Option<LiteralPattern> {
    let literal = LiteralPattern::parse(text).ok()?;
    literal.is_of_an_app().then_some(literal)
}
