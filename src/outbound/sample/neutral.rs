//! An event for a scheme whose sender's events are not known: an object with whatever the scheme looks for.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Occasion;
use crate::scheme::{Locator, Part, Pointer, Scheme, TimestampSource};

/// The data with an id, a type and a time, where the scheme finds them.
pub(super) fn event(data: &Bytes, scheme: &Scheme, occasion: &Occasion<'_>) -> Bytes {
    let mut event = Value::Null;
    let (kind, time) = (Value::from(occasion.kind), json!(occasion.at.to_string()));
    let (signed, timestamp) = covered(scheme, occasion);
    // What comes first stays where two want one place.
    if let Some((pointer, time)) = timestamp {
        put(&mut event, &pointer.0, time);
    }
    // An id may hold the type: of one with several parts, the others make it.
    for id in pointers(scheme.event_id.iter().filter(|part| scheme.event_type.as_ref() != Some(*part))) {
        put(&mut event, id, occasion.id.into());
    }
    for place in pointers(scheme.event_type.iter()) {
        put(&mut event, place, kind.clone());
    }
    for part in signed {
        put(&mut event, part, "signed".into());
    }
    for (name, value) in [("/id", occasion.id.into()), ("/type", kind), ("/createdAt", time)] {
        put(&mut event, name, value);
    }
    if let (Some(event), Ok(Value::Object(data))) = (event.as_object_mut(), serde_json::from_slice(data)) {
        for (name, value) in data {
            event.entry(name).or_insert(value);
        }
    }
    event.to_string().into()
}

fn pointers<'a>(locators: impl Iterator<Item = &'a Locator>) -> impl Iterator<Item = &'a str> {
    locators.filter_map(|locator| match locator {
        Locator::Json(pointer) => Some(&*pointer.0),
        _ => None,
    })
}

/// Which fields of the body are signed by themselves, and where the time of signing stands, if that is in the body.
fn covered<'a>(scheme: &'a Scheme, occasion: &Occasion<'_>) -> (Vec<&'a str>, Option<(&'a Pointer, Value)>) {
    let signed = scheme.signed_parts().iter().filter_map(|part| match part {
        Part::Json(pointer) => Some(&*pointer.0),
        _ => None,
    });
    let timestamp = scheme.timestamp().and_then(|rule| match &rule.from {
        TimestampSource::Json(pointer) => {
            let written = rule.unit.write(occasion.at);
            // Numbers where they can be, as senders write them.
            Some((pointer, written.parse::<i64>().map_or_else(|_| written.into(), Value::from)))
        }
        _ => None,
    });
    (signed.collect(), timestamp)
}

/// Puts a value at a pointer where nothing is yet; a step that is a number leads into a list.
fn put(within: &mut Value, pointer: &str, value: Value) {
    let Some(steps) = pointer.strip_prefix('/') else {
        if within.is_null() {
            *within = value;
        }
        return;
    };
    let (step, rest) = steps.find('/').map_or((steps, ""), |end| steps.split_at(end));
    let name = step.replace("~1", "/").replace("~0", "~");
    if within.is_null() {
        *within = if name == "0" { json!([]) } else { Value::Object(Map::new()) };
    }
    match (within, name.as_str()) {
        (Value::Object(object), _) => put(object.entry(name).or_insert(Value::Null), rest, value),
        (Value::Array(list), "0") => {
            if list.is_empty() {
                list.push(Value::Null);
            }
            put(&mut list[0], rest, value);
        }
        // Something else is there already.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{Body, PRESETS, preset};

    fn event_for(scheme: &Scheme) -> Bytes {
        let (at, unique) = ("2026-11-23T10:00:00Z".parse().unwrap(), uuid::Uuid::from_u128(7));
        let occasion = Occasion { id: "evt_7", kind: "invoice.paid", hook: "partner", at, unique };
        event(&Bytes::from_static(br#"{"message":"hello","id":"not this"}"#), scheme, &occasion)
    }

    fn written(text: &str) -> Scheme {
        crate::config::scheme(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_preset_finds_its_id_and_type_in_it() {
        for preset in PRESETS {
            let (id, kind) = preset.named(&Body::from(event_for(preset)));

            if let [Locator::Json(_)] = &*preset.event_id {
                assert_eq!(id.as_deref(), Some("evt_7"), "{}", preset.name);
            }
            if let Some(Locator::Json(_)) = preset.event_type {
                assert_eq!(kind.as_deref(), Some("invoice.paid"), "{}", preset.name);
            }
        }
    }

    #[test]
    fn it_is_plain_where_the_scheme_looks_for_nothing() {
        let github = preset("github").unwrap();

        let event: Value = serde_json::from_slice(&event_for(github)).unwrap();

        assert_eq!(
            event,
            json!({"id": "evt_7", "type": "invoice.paid", "createdAt": "2026-11-23T10:00:00Z", "message": "hello"})
        );
    }

    #[test]
    fn lists_nested_fields_and_times_stand_where_the_scheme_finds_them() {
        let scheme = written(
            "hmac: {algorithm: sha256, header: X-S, signed: '{json:/0/a~1b}{timestamp}{body}', timestamp: {from: {json: /0/at}, unit: ms}, tolerance: 1m}
event_id: {json: /0/event/id}
event_type: {json: /0/event}",
        );

        let event: Value = serde_json::from_slice(&event_for(&scheme)).unwrap();

        assert_eq!(event, json!([{"at": 1_795_428_000_000_i64, "event": {"id": "evt_7"}, "a/b": "signed"}]));
    }
}
