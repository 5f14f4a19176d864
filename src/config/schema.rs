//! The configuration file as a JSON Schema, for editors.
//!
//! Draft 7, which the language servers of editors know best. Which keys there are and what they take is the reader's own
//! answer ([`outline`]); what they mean is docs/config.md's ([`reference`]). A schema cannot say everything: that a size is
//! too large or a name unknown is for `check` to tell.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file::ConfigFile;
use super::outline::{self, Object, Scalars, Shape};
use super::read::{Name, Word as _};
use super::reference;

/// The JSON Schema of the configuration file.
pub fn schema() -> Value {
    let mut writer = Writer::default();
    let root = writer.alternatives(&outline::of::<ConfigFile>());
    // The file itself is no part that others refer to.
    let mut schema = writer.definitions.remove(TOP).unwrap_or(root);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "The configuration of countersign".into();
    schema["definitions"] = writer.definitions.into_iter().collect();
    schema
}

/// The place of the file as a whole.
const TOP: &str = "top";

#[derive(Default)]
struct Writer {
    definitions: BTreeMap<String, Value>,
}

impl Writer {
    fn alternatives(&mut self, shapes: &[Shape]) -> Value {
        let mut schemas: Vec<Value> = shapes.iter().map(|shape| self.shape(shape)).collect();
        if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) }
    }

    fn shape(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Choice { what, keys } => self.choice(what, keys),
            Shape::Integer(range) => json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() }),
            Shape::List { items, may_be_empty } => {
                let items = self.alternatives(items);
                json!({ "type": "array", "items": items, "minItems": usize::from(!may_be_empty) })
            }
            Shape::Names(values) => {
                let values = self.alternatives(values);
                json!({ "type": "object", "propertyNames": { "pattern": Name::pattern() }, "additionalProperties": values })
            }
            Shape::Object(object) => self.object(object),
            Shape::Text { pattern, also, examples } => text(pattern.as_deref(), *also, examples),
            Shape::Words(words) => json!({ "enum": words }),
        }
    }

    fn choice(&mut self, what: &str, keys: &[(&'static str, Vec<Shape>)]) -> Value {
        let place = place(what);
        let one = keys.iter().map(|(key, shapes)| {
            let property = self.property(&place, key, shapes);
            json!({
                "type": "object",
                "properties": { *key: property },
                "required": [key],
                "additionalProperties": false,
            })
        });
        let one: Vec<Value> = one.collect();
        self.define(&place, json!({ "title": what.replace('`', ""), "oneOf": one }))
    }

    fn object(&mut self, object: &Object) -> Value {
        let place = place(object.what);
        let properties: BTreeMap<&str, Value> =
            object.keys.iter().map(|(key, shapes)| (*key, self.property(&place, key, shapes))).collect();
        let mut schema = json!({
            "title": object.what.replace('`', ""),
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        let required: Vec<&str> =
            object.required.iter().filter_map(|keys| <[_; 1]>::try_from(&**keys).ok()).flatten().collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        let rules = rules(object);
        if !rules.is_empty() {
            schema["allOf"] = json!(rules);
        }
        for (key, needed) in &object.needs {
            schema["dependencies"][key] = json!([needed]);
        }
        self.define(&place, schema)
    }

    /// What stands under a key, and what that means.
    fn property(&mut self, place: &str, key: &str, shapes: &[Shape]) -> Value {
        let mut schema = self.alternatives(shapes);
        if schema.get("$ref").is_some() {
            // Beside a reference nothing counts.
            schema = json!({ "allOf": [schema] });
        }
        let Some(row) = reference::row(place, key) else { return schema };
        let default = if row.default.is_empty() { String::new() } else { format!(" Default: {}.", row.default) };
        let default = if row.default == "required" { " Required.".into() } else { default };
        schema["description"] = format!("{}{default}", row.meaning).into();
        if let Some(value) = row.value {
            let number =
                shapes.iter().any(|shape| matches!(shape, Shape::Integer(_))).then(|| value.parse::<u64>().ok());
            schema["default"] = number.flatten().map_or_else(|| value.into(), Value::from);
        }
        schema
    }

    /// A reference to `schema`, which is written once, however often it is referred to.
    fn define(&mut self, place: &str, schema: Value) -> Value {
        let names = std::iter::once(place.to_owned()).chain((2..).map(|number| format!("{place}-{number}")));
        for name in names {
            let known = self.definitions.entry(name.clone()).or_insert_with(|| schema.clone());
            if *known == schema {
                return json!({ "$ref": format!("#/definitions/{name}") });
            }
        }
        schema
    }
}

/// What must be there beside the required keys, and what cannot be there together.
fn rules(object: &Object) -> Vec<Value> {
    let needs = |key: &&str| json!({ "required": [key] });
    let excludes =
        |one: &str, other: &str| object.exclusive.iter().any(|pair| *pair == (one, other) || *pair == (other, one));
    let alternatives = object.required.iter().filter(|keys| keys.len() > 1);
    let mut rules: Vec<Value> = Vec::new();
    let mut said = Vec::new();
    for keys in alternatives {
        let pairs = keys.iter().flat_map(|one| keys.iter().map(move |other| (*one, *other)));
        let single = pairs.filter(|(one, other)| one != other).all(|(one, other)| excludes(one, other));
        let keyword = if single { "oneOf" } else { "anyOf" };
        rules.push(json!({ keyword: keys.iter().map(needs).collect::<Vec<_>>() }));
        said.extend(keys.iter().filter(|_| single));
    }
    let pairs = object.exclusive.iter().filter(|(one, other)| !(said.contains(&one) && said.contains(&other)));
    rules.extend(pairs.map(|(one, other)| json!({ "not": { "required": [one, other] } })));
    rules
}

fn text(pattern: Option<&str>, also: Scalars, examples: &[String]) -> Value {
    let mut schema = match also {
        Scalars::None => json!({ "type": "string" }),
        Scalars::Integers => json!({ "type": ["string", "integer"] }),
        Scalars::Numbers => json!({ "type": ["string", "number"] }),
    };
    if let Some(pattern) = pattern {
        schema["pattern"] = pattern.into();
    }
    if !examples.is_empty() {
        schema["examples"] = json!(examples);
    }
    schema
}

/// How docs/config.md calls what messages call `what`.
fn place(what: &str) -> String {
    match what {
        "the configuration" => TOP.to_owned(),
        "a key reference" => "key".to_owned(),
        "a secret reference" => "secret".to_owned(),
        "the SQLite store" => "sqlite".to_owned(),
        _ => {
            let articles = ["a ", "an ", "the "];
            let name = articles.iter().find_map(|article| what.strip_prefix(article)).unwrap_or(what);
            name.replace('`', "").replace(' ', "-")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str) -> Value {
        schema()["definitions"][name].clone()
    }

    #[test]
    fn what_must_be_there_and_what_excludes_what_is_as_the_reader_has_it() {
        assert_eq!(definition("source")["required"], json!(["path", "scheme", "upstream"]));
        let one_of = |keys: &[&str]| {
            let required: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
            json!([{ "oneOf": required }])
        };
        assert_eq!(definition("source")["allOf"], one_of(&["secrets", "keys"]));
        assert_eq!(definition("scheme")["allOf"], one_of(&["hmac", "jws", "public_key", "token"]));
        assert_eq!(
            schema()["allOf"],
            json!([{ "anyOf": [{ "required": ["inbound"] }, { "required": ["outbound"] }] }])
        );
        assert_eq!(definition("upstream")["dependencies"], json!({ "certificate": ["key"], "key": ["certificate"] }));
    }

    #[test]
    fn words_numbers_and_forms_are_as_the_reader_has_them() {
        let properties = |name| definition(name)["properties"].clone();

        assert_eq!(properties("log")["format"]["enum"], json!(["text", "json"]));
        assert_eq!(properties("limits")["connections"]["maximum"], 1_000_000);
        assert_eq!(properties("limits")["read_timeout"]["pattern"], "^[0-9]+(ms|s|m|h|d)$");
        assert_eq!(properties("endpoint")["events"]["minItems"], 0);
        assert_eq!(properties("retry")["schedule"]["minItems"], 1);
        assert_eq!(definition("locator")["oneOf"].as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn what_keys_mean_and_default_to_is_the_reference_s() {
        let limits = &definition("limits")["properties"];

        assert_eq!(limits["connections"]["default"], 10_000);
        assert_eq!(limits["body"]["description"], "The largest body. More is 413. Default: `1MiB`.");
    }
}
