//! References to secrets. The secrets themselves never stand in the file, and
//! what stands in the place of a reference is not repeated in a message.

use jiff::Timestamp;

use crate::config::error::Problems;
use crate::config::fields::Fields;
use crate::config::node::{Node, Spanned, Value};
use crate::config::read::{Name, Read, expected};
use crate::config::text::{FilePath, VariableName};
use crate::scheme::SecretEncoding;

const REFERENCE: &str = "write `{env: NAME}` or `{file: PATH}`";

const IN_PLACE: &str = "a secret may not stand in the file itself";

const KEY_IN_PLACE: &str = "a key may not stand in the file itself";

const LIST: &str = "write `[{env: NAME}]` or `[{file: PATH}]`";

const ENCODINGS: &str = "write `utf8`, `hex`, `base64` or `base64url`";

/// Where a secret is.
#[derive(Debug)]
pub(in crate::config) enum SecretPlace {
    Environment(VariableName),
    File(FilePath),
}

/// A secret of a source or an endpoint, or a public key of a source.
#[derive(Debug)]
pub(in crate::config) struct SecretFile {
    pub(in crate::config) place: Option<SecretPlace>,
    pub(in crate::config) id: Option<Spanned<Name>>,
    pub(in crate::config) not_before: Option<Timestamp>,
    pub(in crate::config) not_after: Option<Spanned<Timestamp>>,
    pub(in crate::config) encoding: Option<SecretEncoding>,
}

impl Read for SecretFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<SecretFile> {
        let mut fields = reference(node, "a secret reference", IN_PLACE, problems)?;
        let file = SecretFile {
            id: fields.optional("id"),
            not_before: fields.optional("not_before"),
            not_after: fields.optional("not_after"),
            encoding: fields.optional("encoding"),
            place: place(&mut fields),
        };
        fields.finish_secretive();
        Some(file)
    }
}

/// A public key: as a secret, but that its text says how it is written.
struct KeyFile(SecretFile);

impl Read for KeyFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<KeyFile> {
        let mut fields = reference(node, "a key reference", KEY_IN_PLACE, problems)?;
        let file = SecretFile {
            id: fields.optional("id"),
            not_before: fields.optional("not_before"),
            not_after: fields.optional("not_after"),
            encoding: None,
            place: place(&mut fields),
        };
        fields.elsewhere("encoding", "leave it out: the key's text says how it is written");
        fields.finish_secretive();
        Some(KeyFile(file))
    }
}

impl Read for SecretPlace {
    fn read(node: &Node, problems: &mut Problems) -> Option<SecretPlace> {
        let mut fields = reference(node, "a secret reference", IN_PLACE, problems)?;
        let place = place(&mut fields);
        fields.finish_secretive();
        place
    }
}

fn reference<'n, 'p>(
    node: &'n Node,
    what: &'static str,
    in_place: &str,
    problems: &'p mut Problems,
) -> Option<Fields<'n, 'p>> {
    if matches!(node.value, Value::Text(_)) {
        problems.error(node.span, in_place, REFERENCE);
        return None;
    }
    Fields::of(node, what, problems)
}

fn place(fields: &mut Fields<'_, '_>) -> Option<SecretPlace> {
    let variable = fields.optional("env").map(SecretPlace::Environment);
    let file = fields.optional("file").map(SecretPlace::File);
    match (fields.key("env"), fields.key("file")) {
        (Some(first), Some(second)) => {
            let message = "a secret is in a variable or in a file, not in both";
            fields.problems.error(first.max(second), message, "leave out one of `env` and `file`");
            None
        }
        (None, None) => {
            fields.missing("env", " or `file`");
            None
        }
        _ => variable.or(file),
    }
}

/// The secrets of a source. One that cannot be read does not hide what is wrong with the others.
#[derive(Debug)]
pub(in crate::config) struct SecretList(pub(in crate::config) Vec<Spanned<Option<SecretFile>>>);

impl Read for SecretList {
    fn read(node: &Node, problems: &mut Problems) -> Option<SecretList> {
        match &node.value {
            Value::List(list) if !list.is_empty() => {
                Some(SecretList(list.iter().map(|item| item.spanned(SecretFile::read(item, problems))).collect()))
            }
            Value::List(_) => {
                problems.error(node.span, "there is no secret", "a secret is `{env: NAME}` or `{file: PATH}`");
                None
            }
            Value::Text(_) => {
                problems.error(node.span, IN_PLACE, LIST);
                None
            }
            _ => {
                expected("a list of secrets", LIST, node, problems);
                None
            }
        }
    }
}

/// The public keys of a source.
#[derive(Debug)]
pub(in crate::config) struct KeyList(pub(in crate::config) SecretList);

impl Read for KeyList {
    fn read(node: &Node, problems: &mut Problems) -> Option<KeyList> {
        match &node.value {
            Value::List(list) if !list.is_empty() => {
                let key = |item: &Node| item.spanned(KeyFile::read(item, problems).map(|KeyFile(file)| file));
                Some(KeyList(SecretList(list.iter().map(key).collect())))
            }
            Value::List(_) => {
                problems.error(node.span, "there is no key", "a key is `{env: NAME}` or `{file: PATH}`");
                None
            }
            Value::Text(_) => {
                problems.error(node.span, KEY_IN_PLACE, LIST);
                None
            }
            _ => {
                expected("a list of keys", LIST, node, problems);
                None
            }
        }
    }
}

/// How the text of a secret becomes the key; a word, or `{base64: {strip_prefix: …}}`.
impl Read for SecretEncoding {
    fn read(node: &Node, problems: &mut Problems) -> Option<SecretEncoding> {
        if let Value::Map(_) = &node.value {
            let mut fields = Fields::of(node, "the encoding of a secret", problems)?;
            let base64: Option<StripPrefix> = fields.required("base64");
            fields.finish_secretive();
            return base64
                .map(|StripPrefix(strip_prefix)| SecretEncoding::Base64 { strip_prefix: strip_prefix.into() });
        }
        let Value::Text(text) = &node.value else {
            expected("the encoding of a secret", ENCODINGS, node, problems);
            return None;
        };
        problems.takes(&["base64", "base64url", "hex", "utf8"]);
        match text.text.as_str() {
            "base64" => Some(SecretEncoding::Base64 { strip_prefix: "".into() }),
            "base64url" => Some(SecretEncoding::Base64Url),
            "hex" => Some(SecretEncoding::Hex),
            "utf8" => Some(SecretEncoding::Utf8),
            // The word is not repeated: `secret: …` in a scheme is where a secret is put by mistake.
            _ => {
                problems.error(node.span, "this is not the encoding of a secret", ENCODINGS);
                None
            }
        }
    }
}

/// What stands before the base64 of a secret, such as `whsec_`.
struct StripPrefix(String);

impl Read for StripPrefix {
    fn read(node: &Node, problems: &mut Problems) -> Option<StripPrefix> {
        let mut fields = Fields::of(node, "`base64`", problems)?;
        let strip_prefix = fields.required("strip_prefix");
        fields.finish_secretive();
        strip_prefix.map(StripPrefix)
    }
}
