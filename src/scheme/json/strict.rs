//! A small object, read whole and without mercy.

use super::cursor::{Cursor, Halt};
use super::text::{is_number, unescape};

/// Deeper than any header of a JWS.
const DEEPEST: usize = 8;

/// The members of the object that `bytes` are, each with its value where that is a string.
///
/// `None` where they are not exactly one JSON object, or where an object in it gives a member twice.
pub(in crate::scheme) fn members(bytes: &[u8]) -> Option<Vec<(String, Option<String>)>> {
    let mut cursor = Cursor::new(bytes);
    let members = object(&mut cursor, DEEPEST).ok()?;
    cursor.is_over().then_some(members)
}

fn object(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<(String, Option<String>)>, Halt> {
    let mut members: Vec<(String, Option<String>)> = Vec::new();
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

fn array(cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Halt> {
    cursor.expect(b'[')?;
    let mut more = !cursor.pass(b']')?;
    while more {
        value(cursor, depth)?;
        more = cursor.more(b']')?;
    }
    Ok(())
}

/// Passes a value; gives its text where it is a string.
fn value(cursor: &mut Cursor<'_>, depth: usize) -> Result<Option<String>, Halt> {
    let depth = depth.checked_sub(1).ok_or(Halt::Broken)?;
    match cursor.peek()? {
        b'"' => string(cursor).map(Some),
        b'{' => object(cursor, depth).map(|_| None),
        b'[' => array(cursor, depth).map(|()| None),
        _ => match cursor.bare()? {
            b"true" | b"false" | b"null" => Ok(None),
            raw if is_number(raw) => Ok(None),
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
    fn the_members_of_an_object_are_given_with_their_strings() {
        let text = r#" {"alg":"HS256", "n" : -1.5, "\u0078":[1,{"y":null}], "t":true} "#;

        let member = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(
            members(text.as_bytes()).unwrap(),
            [member("alg", Some("HS256")), member("n", None), member("x", None), member("t", None)]
        );
        assert_eq!(members(b"{}"), Some(Vec::new()));
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
