//! risr/advance's: <https://api.kaizenep.com/v2/docs/hooks.html>.
//!
//! The event stands by itself; only its id is added, where there is none. The scheme signs it as the payload of a JWS.

use bytes::Bytes;

use super::object::{Member, member};
use super::{Plain, json, quoted};
use crate::outbound::refusal::Refusal;

const ID: &str = "webhook_request_id";

pub(super) fn wrap(plain: &Plain<'_>) -> Result<Bytes, Refusal> {
    let text = json(plain.body)?;
    match member(text, ID).ok_or(Refusal::NotAnObject)? {
        Member::Text(own) if own == plain.id => Ok(plain.body.clone()),
        // Two ids would be two events, to this side and to the receiver's.
        Member::Text(_) | Member::Unfit => Err(Refusal::EventId),
        Member::Missing => Ok(with_id(text, plain.id).into()),
    }
}

/// The id that the app's object has of its own.
pub(in crate::outbound) fn id_in(body: &[u8]) -> Option<String> {
    match member(std::str::from_utf8(body).ok()?, ID)? {
        Member::Text(id) => Some(id),
        Member::Missing | Member::Unfit => None,
    }
}

fn with_id(object: &str, id: &str) -> String {
    let (before, members) = object.split_once('{').expect("an object begins with a brace");
    let comma = if members.trim_ascii_start().starts_with('}') { "" } else { "," };
    format!(r#"{before}{{"{ID}":{}{comma}{members}"#, quoted(id))
}
