//! What happens to a body as a whole: the table.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bytes::{Plus, find, form_encoded, latin1, percent_decoded, replaced, text, unchunked};
use crate::explain::Known;
use crate::explain::json::{Json, unescape};
use crate::explain::secret::unquoted;

/// Something that happens to a body, and how it is undone.
pub(super) struct Changed {
    pub(super) known: Known,
    /// The bytes that were signed, of those that came; `None`: this cannot have happened to them.
    pub(super) undo: fn(&[u8]) -> Option<Vec<u8>>,
}

pub(super) const AS_SENT: &str = "What is signed are the bytes that were sent: find what writes the body anew on its way here \
                       (a proxy, a framework, the tool that captured it), and keep it from doing so.";

pub(super) const CAPTURE: &str = "Capture the bytes as they came, such as with `--data-binary` instead of `--data`, and `printf %s` \
                       instead of `echo`. If they do come so, something on their way changes them.";

const EMPTY: &str = "The sender signs before it has the body, or its framework had already read the body: let it sign the \
                     bytes that it sends.";

pub(super) static CHANGED: &[Changed] = &[
    Changed {
        known: Known {
            name: "body-newline-added",
            what: "the body has a newline at its end that was not signed",
            advice: CAPTURE,
        },
        undo: |body| body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")).map(<[u8]>::to_vec),
    },
    Changed {
        known: Known {
            name: "body-newline-removed",
            what: "the body has lost the newline at its end",
            advice: CAPTURE,
        },
        undo: |body| Some([body, b"\n"].concat()),
    },
    Changed {
        known: Known {
            name: "body-newline-removed",
            what: "the body has lost the newline (CR LF) at its end",
            advice: CAPTURE,
        },
        undo: |body| Some([body, b"\r\n"].concat()),
    },
    Changed {
        known: Known {
            name: "body-white-space",
            what: "the body has white space around it that was not signed",
            advice: CAPTURE,
        },
        undo: |body| Some(body.trim_ascii().to_vec()),
    },
    Changed {
        known: Known {
            name: "body-line-ends",
            what: "the lines of the body ended with LF when it was signed, and end with CR LF here",
            advice: CAPTURE,
        },
        undo: |body| Some(replaced(body, b"\r\n", b"\n")),
    },
    Changed {
        known: Known {
            name: "body-line-ends",
            what: "the lines of the body ended with CR LF when it was signed, and end with LF here",
            advice: CAPTURE,
        },
        undo: |body| Some(replaced(&replaced(body, b"\r\n", b"\n"), b"\n", b"\r\n")),
    },
    Changed {
        known: Known { name: "body-line-ends", what: "the body was signed without its line ends", advice: CAPTURE },
        undo: |body| Some(body.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect()),
    },
    Changed {
        known: Known {
            name: "body-byte-order-mark",
            what: "the body begins with a byte order mark that was not signed",
            advice: CAPTURE,
        },
        undo: |body| body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec),
    },
    Changed {
        known: Known {
            name: "body-byte-order-mark",
            what: "the body was signed with a byte order mark that it has lost",
            advice: AS_SENT,
        },
        undo: |body| Some([b"\xef\xbb\xbf", body].concat()),
    },
    Changed {
        known: Known {
            name: "body-chunked",
            what: "the body still holds the framing of `Transfer-Encoding: chunked`",
            advice: "Verify what is in the chunks: let an HTTP library read the body.",
        },
        undo: unchunked,
    },
    Changed {
        known: Known {
            name: "body-with-head",
            what: "the body that was captured begins with the head of the request",
            advice: "Give what stands behind the empty line, and the headers with `-H`.",
        },
        undo: |body| {
            let is_head = body.split(|byte| *byte == b'\n').next()?.trim_ascii_end().ends_with(b" HTTP/1.1");
            let (at, len) = find(body, b"\r\n\r\n").map(|at| (at, 4)).or_else(|| Some((find(body, b"\n\n")?, 2)))?;
            is_head.then(|| body[at + len..].to_vec())
        },
    },
    Changed {
        known: Known {
            name: "body-base64",
            what: "the body is base64 here, and was signed as what that stands for",
            advice: "Decode it first. API gateways in front of functions hand bodies over so, and say it in a field such as `isBase64Encoded`.",
        },
        undo: |body| STANDARD.decode(body.trim_ascii()).ok(),
    },
    Changed {
        known: Known {
            name: "body-quoted",
            what: "the body has quotes around it that were not signed",
            advice: CAPTURE,
        },
        undo: |body| unquoted(body.trim_ascii()).map(<[u8]>::to_vec),
    },
    Changed {
        known: Known {
            name: "body-json-twice",
            what: "the body is a JSON text that holds the JSON that was signed",
            advice: "It was written as JSON twice: send the text as it is.",
        },
        undo: |body| match Json::read(text(body)?)? {
            Json::Text(raw) => unescape(raw).map(String::into_bytes),
            _ => None,
        },
    },
    Changed {
        known: Known {
            name: "body-form-decoded",
            what: "the body was signed percent-encoded, as the field `payload` of a form",
            advice: "Verify the form as it came, before its fields are read.",
        },
        undo: |body| Some([b"payload=", form_encoded(body).as_bytes()].concat()),
    },
    Changed {
        known: Known {
            name: "body-form-encoded",
            what: "the body is a form here, and was signed as what its field holds",
            advice: AS_SENT,
        },
        undo: |body| {
            let value = &body[body.iter().position(|byte| *byte == b'=')? + 1..];
            Some(percent_decoded(value, Plus::IsSpace))
        },
    },
    Changed {
        known: Known {
            name: "body-percent-encoding",
            what: "the body is percent-encoded here, and was signed decoded, `+` as a space",
            advice: AS_SENT,
        },
        undo: |body| Some(percent_decoded(body, Plus::IsSpace)),
    },
    Changed {
        known: Known {
            name: "body-percent-encoding",
            what: "the body is percent-encoded here, and was signed decoded",
            advice: AS_SENT,
        },
        undo: |body| Some(percent_decoded(body, Plus::IsPlus)),
    },
    Changed {
        known: Known {
            name: "body-percent-encoding",
            what: "spaces of the body are `%20` here, and were signed as `+`",
            advice: AS_SENT,
        },
        undo: |body| Some(replaced(body, b"%20", b"+")),
    },
    Changed {
        known: Known {
            name: "body-percent-encoding",
            what: "spaces of the body are `+` here, and were signed as `%20`",
            advice: AS_SENT,
        },
        undo: |body| Some(replaced(body, b"+", b"%20")),
    },
    Changed {
        known: Known {
            name: "body-percent-encoding",
            what: "each `+` of the body was turned into a space",
            advice: AS_SENT,
        },
        undo: |body| Some(replaced(body, b" ", b"+")),
    },
    Changed {
        known: Known {
            name: "body-charset",
            what: "the body is Latin-1 here, and was signed as UTF-8",
            advice: AS_SENT,
        },
        undo: |body| Some(latin1(body).into_bytes()),
    },
    Changed {
        known: Known {
            name: "body-charset",
            what: "the body is UTF-8 here, and was signed as Latin-1 (or was encoded as UTF-8 twice)",
            advice: AS_SENT,
        },
        undo: |body| text(body)?.chars().map(|c| u8::try_from(c).ok()).collect(),
    },
    Changed {
        known: Known { name: "body-empty-signed", what: "the signature is that of an empty body", advice: EMPTY },
        undo: |_| Some(Vec::new()),
    },
    Changed {
        known: Known {
            name: "body-empty-signed",
            what: "the signature is that of an empty JSON object",
            advice: EMPTY,
        },
        undo: |_| Some(b"{}".to_vec()),
    },
    Changed {
        known: Known {
            name: "body-empty-signed",
            what: "the signature is that of the text `undefined`",
            advice: EMPTY,
        },
        undo: |_| Some(b"undefined".to_vec()),
    },
    Changed {
        known: Known { name: "body-empty-signed", what: "the signature is that of the text `null`", advice: EMPTY },
        undo: |_| Some(b"null".to_vec()),
    },
    Changed {
        known: Known {
            name: "body-not-written",
            what: "the signature is that of the text `[object Object]`",
            advice: "The sender signs an object instead of the JSON of it: let it write the JSON once, and sign and send that.",
        },
        undo: |_| Some(b"[object Object]".to_vec()),
    },
];
