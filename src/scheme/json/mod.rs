//! Single values of a JSON document, found without building a tree.
//!
//! A value counts only where no other parser of the same bytes could find another one: a member that is given twice,
//! however its name is spelled, counts as missing. Bodies of a mebibyte pass here, so the end of a document is walked
//! through only where a second member of a name can be in it: a search for the quoted name, and for the escapes that
//! could spell it, mostly shows that there is none.

mod cursor;
mod scan;
mod search;
mod skip;
mod strict;
#[cfg(test)]
mod tests;
mod text;

use bytes::Bytes;

use super::{Body, Pointer};
use cursor::Halt;
use scan::{Found, Scan};

pub(super) use strict::{Value, is_structure, members};

/// As many pointers as one scan looks for.
const TOGETHER: usize = 8;

/// A value that can name something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    /// As written: `1`, `1.0` and `1e0` differ.
    Number(String),
    /// Unescaped, and never empty.
    String(String),
}

impl Scalar {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Number(text) | Self::String(text) => text,
        }
    }

    fn read(found: Found<'_>) -> Option<Self> {
        match found {
            Found::Number(raw) => Some(Self::Number(String::from_utf8(raw.to_vec()).ok()?)),
            Found::String(raw) => Some(text::unescape(raw)?).filter(|text| !text.is_empty()).map(Self::String),
            Found::Nothing | Found::Unfit => None,
        }
    }
}

/// The strings and numbers at `pointers`, in one pass over `body`.
///
/// `None` where the value is missing, empty, `null`, a boolean, an object, an array, or given twice, and where what had
/// to be read is not JSON.
pub(super) fn pick(body: &Body, pointers: &[&Pointer]) -> Vec<Option<Scalar>> {
    match pointers.len() {
        0 => Vec::new(),
        1..=TOGETHER => pick_few(body, pointers),
        _ => pointers.chunks(TOGETHER).flat_map(|pointers| pick_few(body, pointers)).collect(),
    }
}

fn pick_few(body: &Body, pointers: &[&Pointer]) -> Vec<Option<Scalar>> {
    let mut frames = body.frames().map(AsRef::as_ref);
    let Some(first) = frames.next() else { return vec![None; pointers.len()] };
    let mut scan = Scan::new(first, pointers);
    match scan.until_found() {
        Ok(()) => return values(&scan),
        Err(Halt::Found(at)) => {
            if !search::may_repeat(pointers, std::iter::once(&first[at..]).chain(frames)) {
                return values(&scan);
            }
        }
        Err(Halt::Broken) if first.len() == body.len() => return vec![None; pointers.len()],
        // Only the first frame may have ended. What is found must not depend on where.
        Err(Halt::Broken) => return pick_few(&Body::from(Bytes::from(body.contiguous().into_owned())), pointers),
    }
    let whole = body.contiguous();
    let mut scan = Scan::new(&whole, pointers);
    match scan.until_end() {
        Ok(()) => values(&scan),
        Err(_) => vec![None; pointers.len()],
    }
}

fn values(scan: &Scan<'_, '_>) -> Vec<Option<Scalar>> {
    scan.found().iter().map(|found| Scalar::read(*found)).collect()
}
