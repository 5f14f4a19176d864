//! Whether the rest of a document can hold a member again.

use memchr::memmem::Finder;

use super::text::name_of;
use crate::scheme::Pointer;

/// Whether `frames`, the rest of a document, can hold another member with the name of any step of `pointers`.
///
/// A name stands between quotes as it is, or some of its characters are escaped. So where neither the quoted name nor
/// an escape occurs, no such member follows. What occurs may be a value or stand deeper: then a walk must tell.
pub(super) fn may_repeat<'a>(pointers: &[&Pointer], frames: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
    // Every character can be written as `\u` and four digits, and some also as a backslash and one more.
    let mut escape: &[u8] = b"\\u";
    for step in pointers.iter().flat_map(|pointer| pointer.0.split('/').skip(1)) {
        let name = name_of(step);
        if name.contains(|c: char| matches!(c, '"' | '\\' | '/') || c.is_control()) {
            escape = b"\\";
        }
        if occurs(&[b"\"", name.as_bytes(), b"\""].concat(), frames.clone()) {
            return true;
        }
    }
    occurs(escape, frames)
}

/// Whether `needle` occurs in `frames` put together.
fn occurs<'a>(needle: &[u8], frames: impl Iterator<Item = &'a [u8]>) -> bool {
    let finder = Finder::new(needle);
    let overlap = needle.len() - 1;
    let mut frames = frames.peekable();
    // The end of the frames before: the needle may begin in it and end in the next frame.
    let mut tail: Vec<u8> = Vec::new();
    while let Some(frame) = frames.next() {
        if !tail.is_empty() {
            tail.extend_from_slice(&frame[..overlap.min(frame.len())]);
        }
        if finder.find(frame).is_some() || finder.find(&tail).is_some() {
            return true;
        }
        if frames.peek().is_some() {
            if frame.len() >= overlap {
                tail.clear();
            }
            if tail.is_empty() {
                tail.extend_from_slice(&frame[frame.len().saturating_sub(overlap)..]);
            }
            tail.drain(..tail.len().saturating_sub(overlap));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_across_any_frames() {
        let text = b"xx abcd xx";
        for a in 0..=text.len() {
            for b in a..=text.len() {
                for c in b..=text.len() {
                    let frames = [&text[..a], &text[a..b], &text[b..c], &text[c..]];
                    assert!(occurs(b"abcd", frames.into_iter()), "{frames:?}");
                    assert!(!occurs(b"abdc", frames.into_iter()));
                }
            }
        }
        assert!(occurs(b"abcd", text.chunks(1)));
        assert!(!occurs(b"abcd", [&b"ab"[..], b"x", b"cd"].into_iter()));
        assert!(!occurs(b"abcd", [&b"abc"[..]].into_iter()));
    }
}
