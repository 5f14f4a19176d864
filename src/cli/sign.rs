//! `countersign sign`

use std::fmt::Write as _;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::scheme::{RequestArgs, SchemeArgs, body};
use crate::scheme::{Mechanism, Message, Signed};

#[derive(Debug, clap::Args)]
pub(super) struct Sign {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    request: RequestArgs,
    /// The event's type, for schemes that send it in a header.
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// The event's id, for schemes that send it in a header; made up where it is left out.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Headers)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A line for each header; for jws, the body.
    Headers,
    /// `{"headers": [[name, value], …], "body_base64": …}`.
    Json,
    /// A curl command that sends the request to --url.
    Curl,
}

impl Sign {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (scheme, keyring) = self.scheme.load()?;
        let request = self.request.load()?;
        let made_up = uuid::Uuid::new_v4().to_string();
        let message = Message {
            body: Bytes::from(body()?),
            event_id: Some(self.event_id.as_deref().unwrap_or(&made_up)),
            event_type: self.event_type.as_deref(),
            method: &request.method,
            path: request.target.path(),
            query: request.target.query(),
            public_url: Some(&request.public_url),
            headers: &request.headers,
        };
        let signed = scheme.sign(&keyring, &message, request.now)?;
        let is_body = matches!(scheme.mechanism, Mechanism::Jws(_));
        let text = match self.format {
            Format::Headers if is_body => signed.body.to_vec(),
            Format::Headers => headers(&signed.headers).into(),
            Format::Json => json(&signed).into(),
            Format::Curl => self.curl(&signed).into(),
        };
        super::print(text)?;
        Ok(ExitCode::SUCCESS)
    }

    fn curl(&self, signed: &Signed) -> String {
        let mut command =
            format!("curl --request {}", self.request.load().map_or_else(|_| "POST".into(), |r| r.method.to_string()));
        for (name, value) in &signed.headers {
            let _ = write!(command, " --header {}", quoted(&format!("{name}: {}", shown(value))));
        }
        let url = quoted(&self.request.url().to_string());
        match std::str::from_utf8(&signed.body) {
            Ok(body) if !body.contains('\0') => format!("{command} --data-raw {} {url}\n", quoted(body)),
            // Bytes that no shell word can hold.
            _ => {
                format!("printf %s {} | base64 -d | {command} --data-binary @- {url}\n", STANDARD.encode(&signed.body))
            }
        }
    }
}

fn headers(headers: &[(HeaderName, HeaderValue)]) -> String {
    headers.iter().fold(String::new(), |text, (name, value)| text + &format!("{name}: {}\n", shown(value)))
}

fn json(signed: &Signed) -> String {
    let headers: Vec<_> = signed.headers.iter().map(|(name, value)| [name.as_str().to_owned(), shown(value)]).collect();
    let body = STANDARD.encode(&signed.body);
    format!("{}\n", serde_json::json!({ "headers": headers, "body_base64": body }))
}

fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// One word for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
