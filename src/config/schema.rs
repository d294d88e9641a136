//! The JSON Schema of the file, for editors. It is made from the raw types, so that it can't fall
//! behind.
//!
//! The schema checks each value; rules that involve several values are checked by `compile`. Every
//! file that loads without an error is valid.

use super::raw::{
    NotEmpty, OneOrMany, RawConfig, RawCors, RawDuration, RawHashKey, RawHashKeyField,
    RawHashKeyWord, RawNameList, RawOnRejectedPreflight, RawOrigin, RawOriginEntry, RawPolicy,
    RawPreset, RawRejection, RawScalar, RawSize, RawVerbatimList, RawWrittenAnswer,
};
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// A reference to a variable. It may stand anywhere in a value, so that each pattern ends with this
/// alternative.
const VARIABLE: &str = r"\$\{";
const DURATION: &str =
    r"^ *[0-9]+(\.[0-9]+)? *[A-Za-zµ]+( *[0-9]+(\.[0-9]+)? *[A-Za-zµ]+)* *$|\$\{";
const SIZE: &str = r"^ *[0-9]+(\.[0-9]+)? *[A-Za-z]* *$|\$\{";
const ORIGIN: &str = r"^(\*|null|[a-z][a-z0-9+.-]*://[^/?#@\\\sA-Z]+)$|\$\{";

/// Returns the schema as text.
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<RawConfig>();
    RecursiveTransform(without_nulls).transform(&mut schema);
    ChildrenFirst(or_variable).transform(&mut schema);
    format!("{:#}", schema.to_value())
}

/// A transformation that must not see its own results, and so begins with the innermost schemas.
#[derive(Clone)]
struct ChildrenFirst(fn(&mut Schema));

impl Transform for ChildrenFirst {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        (self.0)(schema);
    }
}

/// Removes the `null` that the raw types allow for a value that was refused: operators can't write
/// it.
fn without_nulls(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let is_null = |value: &_| *value == "null";
    if let Some(types) = object
        .get_mut("type")
        .and_then(|types| types.as_array_mut())
    {
        types.retain(|value| !is_null(value));
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(any) = object.get_mut("anyOf").and_then(|any| any.as_array_mut()) {
        any.retain(|schema| !schema.get("type").is_some_and(is_null));
        if let [only] = any.as_slice() {
            let only = only.as_object().cloned().unwrap_or_default();
            object.remove("anyOf");
            object.extend(only);
        }
    }
    if object
        .get("default")
        .is_some_and(|default| default.is_null())
    {
        object.remove("default");
    }
    // Formats such as `uint` are Rust's; validators don't know them.
    object.remove("format");
}

/// Allows a variable in place of a number, a truth value or one of a few words.
fn or_variable(schema: &mut Schema) {
    const SAYS_WHICH: [&str; 7] = [
        "type", "minimum", "maximum", "enum", "oneOf", "const", "pattern",
    ];
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    let wants = |word: &str| object.get("type").is_some_and(|t| t == word);
    let has_words = object.contains_key("enum")
        || object
            .get("oneOf")
            .and_then(|one| one.as_array())
            .is_some_and(|one| one.iter().all(|value| value.get("const").is_some()));
    if !(wants("integer") || wants("boolean") || has_words) {
        return;
    }
    let mut plain = json_schema!({});
    for key in SAYS_WHICH {
        if let Some(value) = object.remove(key) {
            plain.insert(key.to_owned(), value);
        }
    }
    let both = json_schema!({ "anyOf": [plain, { "type": "string", "pattern": VARIABLE }] });
    object.extend(both.as_object().cloned().unwrap_or_default());
}

/// Makes the schema of one element alone, or of a list with at least `least` of them.
fn one_or_many(element: &Schema, least: usize) -> Schema {
    let mut many = json_schema!({ "type": "array", "items": element });
    if least > 0 {
        many.insert("minItems".to_owned(), least.into());
    }
    json_schema!({ "anyOf": [element, many] })
}

fn origin_text() -> Schema {
    json_schema!({ "type": "string", "pattern": ORIGIN })
}

// === impl JsonSchema ===

/// Implements a schema that is written out where it is used and has no name of its own.
macro_rules! inline_schema {
    ($of:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $of {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let schema: fn(&mut SchemaGenerator) -> Schema = $schema;
                schema(generator)
            }
        }
    };
}

inline_schema!(RawDuration, "Duration", |_| {
    json_schema!({ "type": "string", "pattern": DURATION, "examples": ["10s", "2h"] })
});

inline_schema!(RawSize, "Size", |_| {
    json_schema!({ "type": "string", "pattern": SIZE, "examples": ["64KiB"] })
});

inline_schema!(RawScalar, "Scalar", |_| {
    json_schema!({ "type": ["string", "integer", "boolean"] })
});

inline_schema!(RawOrigin, "Origin", |generator| {
    let entry = generator.subschema_for::<RawOriginEntry>();
    json_schema!({ "anyOf": [origin_text(), entry] })
});

inline_schema!(RawCors, "Cors", |generator| {
    let policy = generator.subschema_for::<RawPolicy>();
    let one = json_schema!({ "anyOf": [{ "type": "string" }, policy] });
    one_or_many(&one, 1)
});

inline_schema!(RawOnRejectedPreflight, "OnRejectedPreflight", |generator| {
    let word = generator.subschema_for::<RawRejection>();
    let written = generator.subschema_for::<RawWrittenAnswer>();
    json_schema!({ "anyOf": [word, written] })
});

inline_schema!(RawHashKey, "HashKey", |generator| {
    let word = generator.subschema_for::<RawHashKeyWord>();
    let field = generator.subschema_for::<RawHashKeyField>();
    json_schema!({ "anyOf": [word, field] })
});

inline_schema!(OneOrMany<String>, "Names", |generator| {
    one_or_many(&generator.subschema_for::<String>(), 0)
});

inline_schema!(RawNameList, "NameList", |generator| {
    let names = one_or_many(&generator.subschema_for::<String>(), 0);
    let text = generator.subschema_for::<RawVerbatimList>();
    json_schema!({ "anyOf": [names, text] })
});

inline_schema!(OneOrMany<RawPreset>, "Presets", |generator| {
    one_or_many(&generator.subschema_for::<RawPreset>(), 0)
});

inline_schema!(NotEmpty, "NotEmpty", |generator| {
    one_or_many(&generator.subschema_for::<String>(), 1)
});

inline_schema!(OneOrMany<RawOrigin>, "Origins", |generator| {
    let element = generator.subschema_for::<RawOrigin>();
    one_or_many(&element, 1)
});
