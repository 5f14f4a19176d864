//! What a message gives to be signed: looking parts up, and feeding them to a hash.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::json::{self, Scalar};
use super::{Body, Head, Locator, Part, Pointer, Rejection};

/// What the parts of a template are taken from.
pub(super) struct Given<'a> {
    pub(super) head: &'a Head<'a>,
    /// Where `{id}` stands.
    pub(super) id: &'a [Locator],
    pub(super) fields: Fields<'a>,
}

/// Fields of the body that were picked, or none, where the body is not there yet.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pointers: Vec<&'a Pointer>,
    values: Vec<Option<Scalar>>,
}

impl<'a> Fields<'a> {
    pub(super) fn pick(body: &Body, pointers: Vec<&'a Pointer>) -> Self {
        Self { values: json::pick(body, &pointers), pointers }
    }

    pub(super) fn scalar(&self, pointer: &Pointer) -> Option<&Scalar> {
        let at = self.pointers.iter().position(|other| *other == pointer)?;
        self.values[at].as_ref()
    }

    pub(super) fn get(&self, pointer: &Pointer) -> Option<&str> {
        self.scalar(pointer).map(Scalar::as_str)
    }

    /// Whether this pointer was looked for.
    pub(super) fn knows(&self, pointer: &Pointer) -> bool {
        self.pointers.contains(&pointer)
    }
}

impl Given<'_> {
    /// Hands the bytes of `parts` to `sink`, in order.
    pub(super) fn feed(
        &self,
        parts: &[Part],
        timestamp: Option<&[u8]>,
        sink: &mut impl FnMut(&[u8]),
    ) -> Result<(), Rejection> {
        for part in parts {
            match part {
                Part::Body => return Err(Rejection::Missing),
                Part::Header(name) => sink(self.header(name)?),
                Part::Id => sink(&self.id()?),
                Part::Json(pointer) => sink(self.field(pointer)?),
                Part::Literal(text) => sink(text.as_bytes()),
                Part::Method => sink(self.head.method.as_str().as_bytes()),
                Part::Query(name) => sink(&self.parameter(name)?),
                Part::Timestamp => sink(timestamp.ok_or(Rejection::Missing)?),
                Part::Url => self.url(sink)?,
                Part::UrlDecoded => self.url_decoded(sink)?,
            }
        }
        Ok(())
    }

    pub(super) fn header(&self, name: &HeaderName) -> Result<&[u8], Rejection> {
        single(self.head.headers, name)?.map(HeaderValue::as_bytes).ok_or(Rejection::Missing)
    }

    pub(super) fn field(&self, pointer: &Pointer) -> Result<&[u8], Rejection> {
        self.fields.get(pointer).map(str::as_bytes).ok_or(Rejection::Missing)
    }

    fn parameter(&self, name: &str) -> Result<Vec<u8>, Rejection> {
        parameter(self.head.query, name)?.ok_or(Rejection::Missing)
    }

    fn id(&self) -> Result<Cow<'_, [u8]>, Rejection> {
        match self.id {
            [Locator::Header(name)] => self.header(name).map(Cow::Borrowed),
            [Locator::Json(pointer)] => self.field(pointer).map(Cow::Borrowed),
            [Locator::Query(name)] => self.parameter(name).map(Cow::Owned),
            _ => Err(Rejection::Missing),
        }
    }

    fn url(&self, sink: &mut impl FnMut(&[u8])) -> Result<(), Rejection> {
        let url = self.head.public_url.ok_or(Rejection::Missing)?;
        sink(url.strip_suffix('/').unwrap_or(url).as_bytes());
        sink(self.head.path.as_bytes());
        if let Some(query) = self.head.query {
            sink(b"?");
            sink(query.as_bytes());
        }
        Ok(())
    }

    fn url_decoded(&self, sink: &mut impl FnMut(&[u8])) -> Result<(), Rejection> {
        let mut url = Vec::new();
        self.url(&mut |part| url.extend_from_slice(part))?;
        let mut rest = url.as_slice();
        while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
            sink(&rest[..at]);
            let found = escaped(&rest[at + 1..]).filter(|(byte, _)| DECODED.contains(byte));
            match found {
                Some((byte, _)) => sink(&[byte]),
                None => sink(b"%"),
            }
            rest = found.map_or(&rest[at + 1..], |(_, tail)| tail);
        }
        sink(rest);
        Ok(())
    }
}

/// The characters whose percent-encoded forms [`Part::UrlDecoded`] decodes.
const DECODED: &[u8] = b"!$'()*,/:;?@";

/// The value of a header that may be there once: of two, the app might take the other one.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Rejection::Repeated) } else { Ok(first) }
}

/// The value of a query's parameter that may be there once, however its name is spelled.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Result<Option<Vec<u8>>, Rejection> {
    let mut found = None;
    for pair in query.unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(key) == name.as_bytes() && found.replace(value).is_some() {
            return Err(Rejection::Repeated);
        }
    }
    Ok(found.map(|value| decode(value).into_owned()))
}

/// Decodes as forms are encoded (`+` is a space); a `%` without two digits stands for itself.
fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, escaped(tail)) {
            (b'%', Some((byte, tail))) => {
                decoded.push(byte);
                rest = tail;
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
    }
    Cow::Owned(decoded)
}

/// The byte that the two hexadecimal digits behind a `%` stand for, and what follows them.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], tail) = text.split_first_chunk()?;
    let digit = |digit: u8| char::from(digit).to_digit(16);
    Some((u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?, tail))
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::scheme::Template;

    fn rendered(template: &str, head: &Head<'_>) -> Result<String, Rejection> {
        let given = Given { head, id: &[Locator::Query("id".into())], fields: Fields::default() };
        let mut bytes = Vec::new();
        let template = Template::parse(template).unwrap();
        given.feed(&template.0, Some(b"17"), &mut |part| bytes.extend_from_slice(part))?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn parts_are_taken_from_the_request() {
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-a"), HeaderValue::from_static("a, b"))]);
        let query = Some("id=x%2fy+z&empty&%69=1");
        let head =
            Head { method: &Method::PUT, path: "/h%20k", query, headers: &headers, public_url: Some("https://x/") };

        assert_eq!(rendered("{method} {url}", &head).unwrap(), "PUT https://x/h%20k?id=x%2fy+z&empty&%69=1");
        assert_eq!(rendered("{timestamp}|{id}|{header:x-a}", &head).unwrap(), "17|x/y z|a, b");
        assert_eq!(rendered("{query:i}{query:empty}", &head).unwrap(), "1");
        assert_eq!(rendered("{query:no}", &head), Err(Rejection::Missing));
        assert_eq!(rendered("{header:no}", &head), Err(Rejection::Missing));
        assert_eq!(rendered("{json:/no}", &head), Err(Rejection::Missing));
    }

    #[test]
    fn of_a_decoded_url_some_characters_are_written_plainly() {
        let headers = HeaderMap::new();
        let query = Some("a=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%3b&b=%20%C3%A9%25%3d+%&c=%4");
        let public_url = Some("https://x");
        let head = Head { method: &Method::POST, path: "/a%2fb%20c", query, headers: &headers, public_url };

        let url = rendered("{url:decoded}", &head).unwrap();

        assert_eq!(url, "https://x/a/b%20c?a=:/?@!$'()*,;;&b=%20%C3%A9%25%3d+%&c=%4");
    }

    #[test]
    fn a_part_that_is_there_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("a"));
        headers.append("x-a", HeaderValue::from_static("a"));
        let query = Some("id=1&%69d=1");
        let head = Head { method: &Method::POST, path: "/", query, headers: &headers, public_url: None };

        assert_eq!(rendered("{header:X-A}", &head), Err(Rejection::Repeated));
        assert_eq!(rendered("{query:id}", &head), Err(Rejection::Repeated));
        assert_eq!(rendered("{url}", &head), Err(Rejection::Missing));
    }

    #[test]
    fn a_percent_sign_without_two_digits_stands_for_itself() {
        assert_eq!(decode("%41%4%zz%").as_ref(), b"A%4%zz%");
    }
}
