//! LMIF's: <https://www.lookmaimfamous.com/webhooks/overview>, "Webhook Payload Format".

use bytes::Bytes;

use super::{Plain, json, quoted, seconds};
use crate::outbound::refusal::Refusal;

pub(super) fn wrap(plain: &Plain<'_>) -> Result<Bytes, Refusal> {
    let data = json(plain.body)?;
    let (id, kind) = (quoted(plain.id), quoted(plain.kind.ok_or(Refusal::EventTypeMissing)?));
    let (at, endpoint) = (seconds(plain.at), quoted(plain.endpoint));
    let meta = format!(r#"{{"apiVersion":"v1","webhookId":{endpoint}}}"#);
    Ok(format!(r#"{{"id":{id},"type":{kind},"createdAt":"{at}","data":{data},"meta":{meta}}}"#).into())
}
