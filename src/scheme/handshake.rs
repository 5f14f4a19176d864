//! How a sender makes sure of an address, and how it wants to hear that an event has arrived.
//!
//! What is echoed is short and of letters that mean nothing to a browser, whoever asks: an answer that holds what a
//! request says must not be a page that somebody else has written.

use http::{Method, StatusCode};

use super::encoding::hex;
use super::given::{Fields, parameter, single};
use super::locator::Pointer;
use super::recipe::Text;
use super::{Body, Head, Keyring, Locator, Scheme, Secret, Verified, json};

/// More than the longest challenge of any sender, in bytes.
const LONGEST: usize = 256;

/// What a sender asks of an address before it sends events there, or from time to time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// A GET, not signed, that wants a parameter of its query back.
    Get {
        /// A parameter and the value that it must have.
        mode: Option<(&'static str, &'static str)>,
        /// The parameter that holds the `verify_token` of the source.
        token: Option<&'static str>,
        /// The parameter that is given back.
        challenge: &'static str,
    },
    /// A HEAD, not signed: whether somebody is there.
    Head,
    /// A POST, signed and verified as an event is.
    Post {
        /// Where it says that it is no event: in a header, or in the payload.
        at: Locator,
        /// What it says there.
        value: &'static str,
        /// What it wants to hear.
        answer: Answer,
    },
}

/// What a signed handshake is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The text at this place of the payload.
    Echo(Pointer),
    /// Always the same.
    Fixed(Acknowledge),
    /// A JSON object of the text at this place of the payload, and of its HMAC in hexadecimal, under these names. The
    /// key is the one that the request is signed with.
    Proof {
        /// Where the text stands.
        at: Pointer,
        /// The member that gives it back.
        plain: &'static str,
        /// The member that proves that the secret is known.
        mac: &'static str,
    },
}

/// How a sender is told that its event is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// The status.
    pub status: StatusCode,
    /// The body; `None`: the delivery's id, as JSON.
    pub body: Option<Text>,
}

/// The answer to a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The status.
    pub status: StatusCode,
    /// What the body is; `None`: there is none.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Text,
}

/// Why a handshake is not answered as it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// What is to be echoed is missing, there twice, too long, or holds what is not echoed.
    #[error("what is to be echoed is missing, or is not echoed")]
    Challenge,
    /// It is no handshake of this sender.
    #[error("the method is not one of this sender's")]
    Method,
    /// The token is not the one that was agreed on.
    #[error("the token is missing, or is not the one of the source")]
    Token,
}

impl Scheme {
    /// What a verified message is answered with, if it is a handshake and no event.
    ///
    /// `head` and `keyring` are those that it was verified with.
    pub fn greet(&self, verified: &Verified, head: &Head<'_>, keyring: &Keyring) -> Option<Result<Greeting, Unfit>> {
        let Some(Handshake::Post { at, value, answer }) = &self.sender.handshake else { return None };
        let payload = verified.payload();
        let says = match at {
            Locator::Header(name) => {
                single(head.headers, name).is_ok_and(|said| said.is_some_and(|said| said == value))
            }
            Locator::Json(pointer) => field(payload, pointer).is_some_and(|said| said == *value),
            _ => false,
        };
        says.then(|| answer.greeting(payload, keyring, verified.key()))
    }
}

impl Answer {
    fn greeting(&self, payload: &Body, keyring: &Keyring, key: usize) -> Result<Greeting, Unfit> {
        match self {
            Self::Echo(at) => Ok(Greeting::text(challenge(field(payload, at))?)),
            Self::Fixed(answer) => Ok(Greeting::fixed(answer)),
            Self::Proof { at, plain, mac } => {
                let text = challenge(field(payload, at))?;
                // Only secrets make such a proof, and only schemes with secrets ask for one.
                let made = hex(&keyring.sign(key, &[text.as_bytes()]).ok_or(Unfit::Challenge)?);
                let body = format!("{{\"{plain}\":\"{text}\",\"{mac}\":\"{made}\"}}");
                Ok(Greeting { status: StatusCode::OK, content_type: Some("application/json"), body: body.into() })
            }
        }
    }
}

impl Handshake {
    /// What a request is answered with that is no POST, and not signed. `agreed` is the source's `verify_token`.
    ///
    /// # Errors
    ///
    /// Where it is not what this sender asks, or does not hold what was agreed on.
    pub fn greet(&self, head: &Head<'_>, agreed: Option<&Secret>) -> Result<Greeting, Unfit> {
        match self {
            Self::Get { mode, token, challenge: name } if head.method == Method::GET => {
                let said = |name: &str| parameter(head.query, name).ok().flatten();
                if let Some(token) = token {
                    let matches = |token: Vec<u8>| agreed.is_some_and(|agreed| agreed.matches(&token));
                    said(token).is_some_and(matches).then_some(()).ok_or(Unfit::Token)?;
                }
                let asks = mode.is_none_or(|(name, value)| said(name).is_some_and(|said| said == value.as_bytes()));
                let said = said(name).filter(|_| asks).and_then(|said| String::from_utf8(said).ok());
                Ok(Greeting::text(challenge(said)?))
            }
            Self::Head if head.method == Method::HEAD => Ok(Greeting::fixed(&Acknowledge::EMPTY)),
            _ => Err(Unfit::Method),
        }
    }

    /// The methods that a source of this sender has an answer for, as `Allow` lists them.
    pub fn methods(&self) -> &'static str {
        match self {
            Self::Get { .. } => "GET, POST",
            Self::Head => "HEAD, POST",
            Self::Post { .. } => "POST",
        }
    }
}

impl Acknowledge {
    /// 202 and the delivery's id: what any sender takes that takes any 2xx.
    pub const ACCEPTED: Self = Self { status: StatusCode::ACCEPTED, body: None };

    /// 200 without a body.
    pub const EMPTY: Self = Self { status: StatusCode::OK, body: Some(Text::Borrowed("")) };

    /// 200 and the delivery's id, for a sender to which 202 is a failure.
    pub const OK: Self = Self { status: StatusCode::OK, body: None };

    /// The `Content-Type` of the body: JSON where it is an object or an array, else text; none where it is empty.
    pub fn content_type(&self) -> Option<&'static str> {
        match self.body.as_deref() {
            Some("") => None,
            Some(text) if !json::is_structure(text.as_bytes()) => Some("text/plain; charset=utf-8"),
            _ => Some("application/json"),
        }
    }
}

impl Greeting {
    fn text(challenge: String) -> Self {
        Self { status: StatusCode::OK, content_type: Some("text/plain"), body: challenge.into() }
    }

    fn fixed(answer: &Acknowledge) -> Self {
        let body = answer.body.clone().unwrap_or_default();
        Self { status: answer.status, content_type: answer.content_type().filter(|_| !body.is_empty()), body }
    }
}

fn field(payload: &Body, pointer: &Pointer) -> Option<String> {
    Fields::pick(payload, vec![pointer]).get(pointer).map(str::to_owned)
}

/// What may be echoed: tokens of a URL and base64 are, and nothing that a browser or a shell would act on.
fn challenge(said: Option<String>) -> Result<String, Unfit> {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let is_fit = |said: &String| (1..=LONGEST).contains(&said.len()) && said.bytes().all(is_harmless);
    said.filter(is_fit).ok_or(Unfit::Challenge)
}

#[cfg(test)]
mod tests;
