//! A small object, read whole and without mercy.

use super::cursor::{Cursor, Halt};
use super::text::{is_number, unescape};

/// Deeper than any header of a JWS.
const DEEPEST: usize = 8;

/// A value, as far as anybody here asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scheme) enum Value {
    /// `false`.
    False,
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
    /// A number, `null` or `true`.
    Other,
    /// A string, unescaped.
    Text(String),
}

/// The members of the object that `bytes` are.
///
/// `None` where they are not exactly one JSON object, or where an object in it gives a member twice.
pub(in crate::scheme) fn members(bytes: &[u8]) -> Option<Vec<(String, Value)>> {
    let mut cursor = Cursor::new(bytes);
    let members = object(&mut cursor, DEEPEST).ok()?;
    cursor.is_over().then_some(members)
}

/// Whether `bytes` are exactly one JSON object or array.
pub(in crate::scheme) fn is_structure(bytes: &[u8]) -> bool {
    let mut cursor = Cursor::new(bytes);
    matches!(cursor.peek(), Ok(b'{' | b'[')) && value(&mut cursor, 64).is_ok() && cursor.is_over()
}

fn object(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<(String, Value)>, Halt> {
    let mut members: Vec<(String, Value)> = Vec::new();
    cursor.expect(b'{')?;
    let mut more = !cursor.pass(b'}')?;
    while more {
        let name = string(cursor)?;
        if members.iter().any(|(other, _)| *other == name) {
            return Err(Halt::Broken);
        }
        cursor.expect(b':')?;
        members.push((name, value(cursor, depth)?));
        more = cursor.more(b'}')?;
    }
    Ok(members)
}

fn array(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Value>, Halt> {
    let mut values = Vec::new();
    cursor.expect(b'[')?;
    let mut more = !cursor.pass(b']')?;
    while more {
        values.push(value(cursor, depth)?);
        more = cursor.more(b']')?;
    }
    Ok(values)
}

fn value(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, Halt> {
    let depth = depth.checked_sub(1).ok_or(Halt::Broken)?;
    match cursor.peek()? {
        b'"' => string(cursor).map(Value::Text),
        b'{' => object(cursor, depth).map(Value::Object),
        b'[' => array(cursor, depth).map(Value::List),
        _ => match cursor.bare()? {
            b"false" => Ok(Value::False),
            b"true" | b"null" => Ok(Value::Other),
            raw if is_number(raw) => Ok(Value::Other),
            _ => Err(Halt::Broken),
        },
    }
}

fn string(cursor: &mut Cursor<'_>) -> Result<String, Halt> {
    unescape(cursor.string()?).ok_or(Halt::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_of_an_object_are_given_with_their_values() {
        let text = r#" {"alg":"HS256", "n" : -1.5, "\u0078":[1,{"y":null}], "t":true, "f":false} "#;

        let nested = Value::List(vec![Value::Other, Value::Object(vec![("y".to_owned(), Value::Other)])]);
        let expected = [
            ("alg", Value::Text("HS256".to_owned())),
            ("n", Value::Other),
            ("x", nested),
            ("t", Value::Other),
            ("f", Value::False),
        ];
        let found = members(text.as_bytes()).unwrap();
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(members(b"{}"), Some(Vec::new()));
    }

    #[test]
    fn objects_and_arrays_are_structures_and_nothing_else_is() {
        for text in ["{}", "[]", r#" {"a":[1,{"b":null}]} "#, r#"["accepted"]"#] {
            assert!(is_structure(text.as_bytes()), "{text}");
        }
        for text in ["", "OK", "1", "null", r#""a""#, "[accepted]", "{", "{}x", "[1,]"] {
            assert!(!is_structure(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(8), "]".repeat(8));
        for text in [
            "",
            "null",
            "[]",
            "{",
            "{}}",
            "{} x",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":01}"#,
            r#"{"a":NaN}"#,
            r#"{"a":tru}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":"\x"}"#,
            r#"{a:1}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            &deep,
            "\u{feff}{}",
        ] {
            assert_eq!(members(text.as_bytes()), None, "{text}");
        }
    }
}
