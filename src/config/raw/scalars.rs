//! Single values that have a form of their own: durations and sizes with a unit, and strings that may be
//! written as numbers.

use super::{HINT, NEGATIVE};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::fmt;
use std::time::Duration;

/// A duration with its unit, as in `2h`, `10s`, `500ms`.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct RawDuration(pub Duration);

/// Maximum duration; a longer one is a mistake, and clocks can't count that far.
const MAX_DURATION: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// A size with its unit, as in `64KiB`.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct RawSize(pub u64);

/// A string; a number or a truth value counts as the string that it is written as.
#[derive(Debug)]
pub(in crate::config) struct RawScalar(pub String);

// === impl Deserialize ===

impl<'de> Deserialize<'de> for RawDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DurationVisitor;
        impl Visitor<'_> for DurationVisitor {
            type Value = RawDuration;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with its unit, such as `10s` or `2h`")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawDuration, E> {
                Err(E::custom(format_args!(
                    "{number} lacks its unit{HINT}write `{number}s`"
                )))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<RawDuration, E> {
                Err(E::custom(format_args!("`{number}`{NEGATIVE}")))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<RawDuration, E> {
                Err(match number {
                    _ if number < 0.0 => E::custom(format_args!("`{number}`{NEGATIVE}")),
                    _ if number.is_finite() => E::custom(format_args!(
                        "{number} lacks its unit{HINT}write `{number}s`"
                    )),
                    _ => E::invalid_type(de::Unexpected::Float(number), &self),
                })
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawDuration, E> {
                if text.trim_start().starts_with('-') {
                    return Err(E::custom(format_args!("`{text}`{NEGATIVE}")));
                }
                if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(E::custom(format_args!(
                        "`{text}` lacks its unit{HINT}write `{text}s`"
                    )));
                }
                let duration = humantime::parse_duration(text).map_err(|error| {
                    E::custom(format_args!(
                        "`{text}` is not a duration such as `10s` or `2h`: {error}"
                    ))
                })?;
                match duration > MAX_DURATION {
                    true => Err(E::custom(format_args!(
                        "`{text}` is longer than a hundred years"
                    ))),
                    false => Ok(RawDuration(duration)),
                }
            }
        }
        deserializer.deserialize_any(DurationVisitor)
    }
}

impl<'de> Deserialize<'de> for RawSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = RawSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size with its unit, such as `64KiB`")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawSize, E> {
                Err(E::custom(format_args!(
                    "{number} lacks its unit{HINT}write `{number}B` for bytes"
                )))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawSize, E> {
                match text.parse::<bytesize::ByteSize>() {
                    Ok(size) => Ok(RawSize(size.as_u64())),
                    Err(_) => Err(E::custom(format_args!(
                        "`{text}` is not a size such as `64KiB`"
                    ))),
                }
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl<'de> Deserialize<'de> for RawScalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl Visitor<'_> for ScalarVisitor {
            type Value = RawScalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawScalar, E> {
                Ok(RawScalar(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawScalar, E> {
                Ok(RawScalar(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<RawScalar, E> {
                Ok(RawScalar(number.to_string()))
            }
            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<RawScalar, E> {
                Ok(RawScalar(truth.to_string()))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}
