//! Compares JSON with the schemas of an OpenAPI document, as far as ours uses them.

use serde_json::Value;

/// What is wrong with `value`, with the place where; `None`: nothing is.
pub(crate) fn mismatch(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(path) = schema["$ref"].as_str() {
        let schema = document.pointer(path.trim_start_matches('#'));
        return mismatch(document, schema.unwrap_or_else(|| panic!("there is no {path}")), value);
    }
    if let Some(schemas) = schema["oneOf"].as_array() {
        let fitting = schemas.iter().filter(|schema| mismatch(document, schema, value).is_none()).count();
        return (fitting != 1).then(|| format!(": {fitting} of the schemas fit {value}"));
    }
    if !is_of_type(&schema["type"], value) {
        return Some(format!(": {value} is not {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Some(format!(": {value} is not one of {}", schema["enum"]));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| mismatch(document, &schema["items"], item).map(|wrong| format!("/{at}{wrong}"))),
        Value::Object(_) if schema["properties"].is_object() => object(document, schema, value),
        _ => None,
    }
}

fn object(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| value.get(name).is_none()) {
        return Some(format!(": {missing} is missing"));
    }
    value.as_object().into_iter().flatten().find_map(|(name, value)| match schema["properties"].get(name) {
        None => Some(format!(": {name} is not described")),
        Some(schema) => mismatch(document, schema, value).map(|wrong| format!("/{name}{wrong}")),
    })
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("array") => value.is_array(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("null") => value.is_null(),
        Some("number") => value.is_number(),
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        _ => true,
    };
    types.as_array().map_or_else(|| is(types), |types| types.iter().any(is))
}
