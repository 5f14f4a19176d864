//! HAProxy: its own HMAC converter over a body that is buffered whole, a comparison in constant time, and a guard for
//! bodies that do not fit, which it would otherwise judge by their beginning.

use std::fmt::Write;
use std::net::SocketAddr;

use super::{Listen, Stage};
use crate::load::SECRET;

/// `return` and not `deny`: an empty answer, after which the connection is kept, as all the others give.
pub(super) fn config(stage: &Stage, listen: SocketAddr, how: Listen, buffer: usize) -> String {
    let upstream = stage.upstream;
    let tls = match how {
        Listen::Clear => String::new(),
        Listen::Tls => format!("ssl crt {} ssl-min-ver TLSv1.3 alpn h2,http/1.1", stage.path("tls.pem")),
    };
    let key = base64(SECRET.as_bytes());
    format!(
        "global
  nbthread 1
  maxconn 9000
  tune.bufsize {buffer}
  tune.maxrewrite 1024
defaults
  mode http
  timeout client 60s
  timeout server 10s
  timeout connect 2s
  timeout http-request 10s
  timeout http-keep-alive 75s
  option http-keep-alive
  http-reuse always
frontend in
  bind {listen} {tls}
  option http-buffer-request
  http-request set-var(txn.read) req.body_len
  http-request return status 413 unless {{ req.body_size,sub(txn.read) eq 0 }}
  http-request set-var(txn.mac) req.body,hmac(sha256,{key}),hex,lower
  http-request return status 401 unless {{ req.fhdr(x-lmif-signature) -m beg sha256= }} {{ req.fhdr(x-lmif-signature),bytes(7),secure_memcmp(txn.mac) }}
  default_backend app
backend app
  server app {upstream}
"
    )
}

/// As the converter wants its key.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize] as char;
            let _ = write!(text, "{}", if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}
