//! `countersign schema`, and whether a configuration is as it says.
//!
//! Of JSON Schema as much as our schema uses, and no regular expressions: `tests/interop/editor.mjs` has the validator that
//! editors have.

use serde_json::Value;

use super::trial::run;

/// The schema of the configuration file.
pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn printed() -> Self {
        Self(serde_json::from_str(&run(&["schema"])).unwrap())
    }

    /// What a configuration has that the schema does not allow; `None`: it is no YAML.
    pub(super) fn complaints(&self, config: &str) -> Option<Vec<String>> {
        // As YAML 1.2 has it: `off`, `no` and `yes` are words.
        let options = serde_yaml::options! { strict_booleans: true };
        let config: Value = serde_yaml::from_str_with_options(config, options).ok()?;
        let mut complaints = Vec::new();
        self.check(&self.0, &config, "", &mut complaints);
        Some(complaints)
    }

    /// Every description, and every property without one.
    pub(super) fn undescribed(&self) -> Vec<String> {
        let mut undescribed = Vec::new();
        for (name, definition) in self.0["definitions"].as_object().unwrap() {
            let one = definition["oneOf"].as_array().into_iter().flatten();
            for object in one.chain([definition]) {
                let properties = object["properties"].as_object().into_iter().flatten();
                let bare = properties.filter(|(_, schema)| schema["description"].as_str().is_none_or(str::is_empty));
                undescribed.extend(bare.map(|(key, _)| format!("{name}.{key}")));
            }
        }
        undescribed
    }

    fn accepts(&self, schema: &Value, value: &Value) -> bool {
        let mut complaints = Vec::new();
        self.check(schema, value, "", &mut complaints);
        complaints.is_empty()
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, complaints: &mut Vec<String>) {
        for (keyword, rule) in schema.as_object().unwrap() {
            let accepted =
                |rules: &Value| rules.as_array().unwrap().iter().filter(|rule| self.accepts(rule, value)).count();
            let right = match keyword.as_str() {
                "$ref" => {
                    let target = self.0.pointer(&rule.as_str().unwrap()[1..]).unwrap();
                    self.check(target, value, at, complaints);
                    true
                }
                "allOf" => {
                    rule.as_array().unwrap().iter().for_each(|rule| self.check(rule, value, at, complaints));
                    true
                }
                "anyOf" => accepted(rule) > 0,
                "oneOf" => accepted(rule) == 1,
                "not" => !self.accepts(rule, value),
                "enum" => rule.as_array().unwrap().contains(value),
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|kind| is(kind, value)),
                    kind => is(kind, value),
                },
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    items.for_each(|(index, item)| self.check(rule, item, &format!("{at}/{index}"), complaints));
                    true
                }
                "required" => {
                    let has = |key: &Value| value.as_object().is_none_or(|map| map.contains_key(key.as_str().unwrap()));
                    rule.as_array().unwrap().iter().all(has)
                }
                "dependencies" => {
                    let rules = rule.as_object().unwrap().iter().filter(|(key, _)| value.get(key).is_some());
                    let mut needed = rules.flat_map(|(_, keys)| keys.as_array().unwrap());
                    needed.all(|key| value.get(key.as_str().unwrap()).is_some())
                }
                "properties" => {
                    let known = rule.as_object().unwrap().iter();
                    known.filter_map(|(key, rule)| Some((key, rule, value.get(key)?))).for_each(
                        |(key, rule, value)| {
                            self.check(rule, value, &format!("{at}/{key}"), complaints);
                        },
                    );
                    true
                }
                "additionalProperties" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        let at = format!("{at}/{key}");
                        match rule {
                            _ if schema["properties"].get(key).is_some() => {}
                            Value::Bool(_) => complaints.push(format!("{at} is unknown")),
                            rule => self.check(rule, value, &at, complaints),
                        }
                    }
                    true
                }
                "$schema" | "default" | "definitions" | "description" | "examples" | "pattern" | "propertyNames"
                | "title" => true,
                other => panic!("the schema uses {other}, which this test does not know"),
            };
            if !right {
                complaints.push(format!("{at} breaks {keyword} {rule}"));
            }
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "array" => value.is_array(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        other => panic!("the schema has the type {other}, which this test does not know"),
    }
}
