//! What must hold of any explanation.

use jiff::Timestamp;

use super::json::{Json, Layout, Numbers, Order, Strings, Style};
use super::{Captured, Explanation, explain as explained};
use crate::fuzzing::capture::{Capture, key};
use crate::fuzzing::tree::Tree;

/// A secret that no explanation may hold.
const SECRET: &str = "hunter2-and-then-some-more";

/// As many mistakes, and pairs of them, as are tried at most.
const MOST_TRIED: usize = 100_000;

/// A [`Capture`]: what is said of it holds no secret and steers no terminal, and is "verified" where a gateway would say
/// so.
pub fn explain(data: &[u8]) {
    let Some(capture) = Capture::read(data) else { return };
    rewritten(&capture.body);
    let head = capture.head(&capture.headers);
    let now = Timestamp::from_second(1_767_225_620).expect("a moment");
    let secrets = [key(SECRET)];
    let captured = Captured {
        scheme: &capture.scheme,
        secrets: &secrets,
        method: head.method,
        path: head.path,
        query: head.query,
        headers: head.headers,
        public_url: head.public_url.unwrap_or_default(),
        body: &capture.body,
        now,
    };
    let mistakes = match explained(&captured) {
        Explanation::Verified(_) => {
            assert!(captured.verify().is_ok());
            return;
        }
        Explanation::Found { mistakes, .. } => {
            assert!(!mistakes.is_empty());
            mistakes
        }
        Explanation::Unknown { odd, tried, .. } => {
            assert!(tried <= MOST_TRIED, "{tried} mistakes were tried");
            odd
        }
    };
    assert!(captured.verify().is_err());
    for mistake in mistakes {
        assert!(!mistake.what.contains(SECRET), "{mistake:?}");
        assert!(mistake.what.len() < 2000 && !mistake.what.chars().any(char::is_control), "{mistake:?}");
    }
}

/// JSON that is written anew means the same.
fn rewritten(body: &[u8]) {
    let Some(text) = std::str::from_utf8(body).ok() else { return };
    let (Some(json), Some(tree)) = (Json::read(text), Tree::read(body)) else { return };
    for strings in [Strings::AsWritten, Strings::AsciiAndHtml, Strings::Least, Strings::Slash] {
        for layout in [Layout::Compact, Layout::Indented("  "), Layout::Spaced] {
            let style = Style { layout, strings, order: Order::AsWritten, numbers: Numbers::AsWritten };
            let Some(written) = json.write(style) else { continue };
            assert_eq!(Tree::read(written.as_bytes()).as_ref(), Some(&tree), "{written}");
        }
    }
}
