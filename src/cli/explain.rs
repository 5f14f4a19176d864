//! `countersign explain`

use std::fmt::Write as _;
use std::process::ExitCode;

use super::scheme::{RequestArgs, SchemeArgs, body};
use super::table::printable;
use crate::explain::{Captured, Explanation, Mistake, Refused, explain, signs_url};
use crate::scheme::{KeyKind, Mechanism, Rejection, Scheme};

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    request: RequestArgs,
}

impl Explain {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (scheme, secrets) = (self.scheme.scheme()?, self.scheme.specs()?);
        let request = self.request.load()?;
        let captured = Captured {
            scheme: &scheme,
            secrets: &secrets,
            method: &request.method,
            path: request.target.path(),
            query: request.target.query(),
            headers: &request.headers,
            public_url: &request.public_url,
            body: &body()?,
            now: request.now,
        };
        let explanation = explain(&captured);
        let id = |key: usize| secrets.get(key).map_or("", |secret| &secret.id);
        let told = match &explanation {
            Explanation::Verified(key) => {
                format!("verified by {} {}\nnothing is wrong with this request\n", word(&scheme), id(*key))
            }
            Explanation::Found { refused, mistakes } => {
                let heading = if mistakes.len() > 1 { "what is wrong, all of it" } else { "what is wrong" };
                format!("rejected: {refused}\n{}", listed(heading, mistakes))
            }
            Explanation::Unknown { refused, odd, tried } => format!(
                "rejected: {refused}\nnone of the usual mistakes fits; {tried} combinations were tried\n{}what is left:\n{}",
                listed("what looks odd, and may be the reason", odd),
                left(&scheme, refused)
            ),
        };
        // What is explained may have been written to harm whoever reads the explanation.
        super::print(printable(&told))?;
        let verified = matches!(explanation, Explanation::Verified(_));
        Ok(if verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What its scheme calls that by which a request is verified.
fn word(scheme: &Scheme) -> &'static str {
    match scheme.key_kind() {
        KeyKind::Public => "key",
        KeyKind::Secret => "secret",
    }
}

/// What none of the mistakes explains, a line for each sentence.
fn left(scheme: &Scheme, refused: &Refused) -> String {
    let word = word(scheme);
    let (rejection, advice) = match refused {
        Refused::Signature(rejection @ (Rejection::Stale | Rejection::TooNew)) => {
            (rejection, "Give the time at which it came with `--now`, and explain it again.")
        }
        Refused::Signature(rejection @ Rejection::Algorithm) => {
            (rejection, "Name the sender's algorithm in the scheme, or let the sender use that of the scheme.")
        }
        _ => return of_a_mismatch(scheme, word),
    };
    format!("  It is refused because {rejection}, whatever {word} it is signed with.\n  {advice}\n")
}

fn of_a_mismatch(scheme: &Scheme, word: &str) -> String {
    let other = format!(
        "  The {word} is another one than the sender's, most likely: of another account, endpoint or environment (test and \
         live).\n"
    );
    if let Mechanism::Token(_) = &scheme.mechanism {
        return format!("{other}  Or it was somebody else who sent it.\n");
    }
    let url = if signs_url(scheme) {
        "  Or the URL is not the one that the sender is configured with, which it signs: give that with `--url`.\n"
    } else {
        ""
    };
    format!(
        "{other}{url}  Or the body or a signed header was changed on its way. Or it was somebody else who sent it.\n"
    )
}

/// A line for each mistake, and one for what to do about it, or about several alike.
fn listed(heading: &str, mistakes: &[Mistake]) -> String {
    let mut text = if mistakes.is_empty() { String::new() } else { format!("{heading}:\n") };
    for (index, mistake) in mistakes.iter().enumerate() {
        let _ = writeln!(text, "  {}: {}", mistake.name, mistake.what);
        if mistakes.get(index + 1).is_none_or(|next| next.advice != mistake.advice) {
            let _ = writeln!(text, "    {}", mistake.advice);
        }
    }
    text
}
