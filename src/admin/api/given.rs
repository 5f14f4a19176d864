//! What a request says beside its path: parameters of the query, or of an object in the body.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use super::Refusal;

/// The largest body, in bytes.
const LIMIT: usize = 64 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Parameters, each given at most once.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<&'static str, String>);

impl Given {
    /// Reads what a request gives of these parameters.
    pub(super) async fn read(
        request: Request<Incoming>,
        parameters: &'static [&'static str],
    ) -> Result<Given, Refusal> {
        let mut given = Given::default();
        given.query(request.uri().query().unwrap_or_default(), parameters)?;
        if *request.method() == Method::POST {
            given.body(&body(request).await?, parameters)?;
        }
        Ok(given)
    }

    /// A parameter as it stands; an empty one is none.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// All that leaves something out, as it stands; for the log.
    pub(super) fn filters(&self) -> String {
        let filters = self.0.iter().filter(|(name, text)| **name != "reason" && !text.is_empty());
        filters.map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join("&")
    }

    /// The parameters that are given and say nothing.
    pub(super) fn empty(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|(_, text)| text.is_empty()).map(|(name, _)| *name)
    }

    /// A parameter, understood by `read`.
    pub(super) fn read_as<T>(
        &self,
        name: &str,
        what: impl Display,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        read(&text).map(Some).ok_or_else(|| Refusal::BadRequest(format!("`{name}` is not {what}")))
    }

    pub(super) fn query(&mut self, query: &str, parameters: &'static [&'static str]) -> Result<(), Refusal> {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text| decode(text).ok_or_else(|| bad("the query is not percent-encoded UTF-8"));
            self.add(&decoded(name)?, decoded(value)?, parameters)?;
        }
        Ok(())
    }

    pub(super) fn body(&mut self, body: &[u8], parameters: &'static [&'static str]) -> Result<(), Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(());
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
            return Err(bad("the body is not a JSON object"));
        };
        for (name, value) in object {
            match value {
                Value::String(text) => self.add(&name, text, parameters)?,
                Value::Null => {}
                _ => return Err(bad("every value in the body's object is a string")),
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, value: String, parameters: &'static [&'static str]) -> Result<(), Refusal> {
        let Some(known) = parameters.iter().find(|known| **known == name) else {
            let names: Vec<String> = parameters.iter().map(|name| format!("`{name}`")).collect();
            return Err(bad(match names.is_empty() {
                true => "no parameter is taken here".to_owned(),
                false => format!("a parameter is unknown; there are {}", names.join(", ")),
            }));
        };
        match self.0.insert(known, value) {
            Some(_) => Err(bad(format!("`{known}` is given twice"))),
            None => Ok(()),
        }
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::BadRequest(message.into())
}

async fn body(request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    let read = timeout(PATIENCE, Limited::new(request.into_body(), LIMIT).collect()).await;
    match read.map_err(|_| Refusal::BodyTimeout)? {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Refusal::BodyTooLarge),
        Err(_) => Err(bad("the body broke off")),
    }
}

/// Percent-decodes; `+` is a plus, as in times with an offset (RFC 3986, not HTML's forms).
fn decode(text: &str) -> Option<String> {
    let (mut decoded, mut bytes) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => u8::try_from(digit(bytes.next()?)? << 4 | digit(bytes.next()?)?).ok()?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["state", "reason"];

    fn given(query: &str, body: &str) -> Result<Given, Refusal> {
        let mut given = Given::default();
        given.query(query, KNOWN)?;
        given.body(body.as_bytes(), KNOWN)?;
        Ok(given)
    }

    #[test]
    fn parameters_come_in_the_query_and_in_the_body() {
        let given = given("state=de%61d&", r#"{"reason": "a+b", "state": null}"#).unwrap();

        assert_eq!((given.text("state").unwrap(), given.text("reason").unwrap()), ("dead".into(), "a+b".into()));
    }

    #[test]
    fn a_plus_is_a_plus() {
        assert_eq!(given("reason=12:00%2B01:00+1", "").unwrap().text("reason").unwrap(), "12:00+01:00+1");
    }

    #[test]
    fn what_is_unknown_or_said_twice_or_cannot_be_read_is_refused() {
        for (query, body) in [
            ("stat=dead", ""),
            ("state=dead&state=dead", ""),
            ("state=dead", r#"{"state": "dead"}"#),
            ("state=%", ""),
            ("state=%4", ""),
            ("state=%zz", ""),
            ("state=%ff", ""),
            ("", "[]"),
            ("", "{"),
            ("", r#"{"reason": 1}"#),
            ("", r#"{"other": "1"}"#),
        ] {
            assert!(matches!(given(query, body), Err(Refusal::BadRequest(_))), "{query} {body}");
        }
    }
}
