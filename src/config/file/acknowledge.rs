//! `acknowledge`: what the sender of a queued event is answered.

use http::StatusCode;

use crate::config::error::Problems;
use crate::config::fields::{Fields, number};
use crate::config::node::{Node, Spanned};
use crate::config::read::{Complaint, Read, Word};

/// The longest answer, in bytes: no sender looks for more than a word.
const LONGEST: usize = 4096;

/// What the sender of a queued event is answered.
#[derive(Debug, Default)]
pub(in crate::config) struct AcknowledgeFile {
    pub(in crate::config) status: Option<AcknowledgeStatus>,
    pub(in crate::config) body: Option<Spanned<AcknowledgeBody>>,
}

/// Any 2xx.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct AcknowledgeStatus(pub(in crate::config) StatusCode);

/// A text that may be empty.
#[derive(Debug)]
pub(in crate::config) struct AcknowledgeBody(pub(in crate::config) String);

impl Read for AcknowledgeFile {
    fn read(node: &Node, problems: &mut Problems) -> Option<AcknowledgeFile> {
        let mut fields = Fields::of(node, "`acknowledge`", problems)?;
        let file = AcknowledgeFile { status: fields.optional("status"), body: fields.optional("body") };
        fields.finish();
        Some(file)
    }
}

impl Read for AcknowledgeStatus {
    fn read(node: &Node, problems: &mut Problems) -> Option<AcknowledgeStatus> {
        let status = number(node, "status", "a status", 200..=299, problems)?;
        StatusCode::from_u16(status.try_into().ok()?).ok().map(AcknowledgeStatus)
    }
}

impl Word for AcknowledgeBody {
    const WHAT: &'static str = "a text";
    const LIKE: &'static str = "such as `OK`, or `\"\"` for no body";

    fn parse(text: &str) -> Result<AcknowledgeBody, Complaint> {
        if text.len() > LONGEST {
            let message = format!("this answer has {} bytes", text.len());
            return Err(Complaint::new(message, format!("it has at most {LONGEST}")));
        }
        Ok(AcknowledgeBody(text.to_owned()))
    }
}
