//! LoginRadius': <https://www.loginradius.com/docs/integrations/webhook/overview>, "Webhook Sample Payload Body".

use bytes::Bytes;

use super::{Plain, json, seconds};
use crate::outbound::refusal::Refusal;

pub(super) fn wrap(plain: &Plain<'_>) -> Result<Bytes, Refusal> {
    let data = json(plain.body)?;
    let name = hook_name(plain.kind.ok_or(Refusal::EventTypeMissing)?)?;
    let (at, hook) = (seconds(plain.at), plain.unique);
    Ok(format!(r#"{{"HookName":"{name}","Time":"{at}","HookId":"{hook}","Data":{data}}}"#).into())
}

/// On the wire its names have neither capitals nor separators: `updateprofile` for `UpdateProfile`.
fn hook_name(kind: &str) -> Result<String, Refusal> {
    let letters = kind.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    if name.is_empty() { Err(Refusal::EventType) } else { Ok(name) }
}
