//! A member of a JSON object, found without building a tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer as _, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Deserializer, Value};

/// What an object has under a name.
pub(super) enum Member {
    /// Nothing.
    Missing,
    /// A string that is not empty.
    Text(String),
    /// Something else, or more than one value.
    Unfit,
}

/// The member of this name, however it is spelled; `None`: `text` is not a JSON object.
pub(super) fn member(text: &str, name: &str) -> Option<Member> {
    let mut json = Deserializer::from_str(text);
    let member = json.deserialize_map(Named(name)).ok()?;
    json.end().ok()?;
    Some(member)
}

struct Named<'a>(&'a str);

impl<'de> Visitor<'de> for Named<'_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Member, A::Error> {
        let mut found = Member::Missing;
        while let Some(Name(name)) = object.next_key()? {
            if name != self.0.as_bytes() {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = object.next_value::<Value>()?;
            found = match (found, value) {
                (Member::Missing, Value::String(text)) if !text.is_empty() => Member::Text(text),
                _ => Member::Unfit,
            };
        }
        Ok(found)
    }
}

/// A member's name. It may hold half of a surrogate pair, which no string of Rust's can.
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_bytes(Bytes)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Name, E> {
        Ok(Name(bytes.to_vec()))
    }
}
