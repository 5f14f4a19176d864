//! Whether the rest of a document can hold a member again.

use memchr::memmem::Finder;

use super::text::name_of;
use crate::scheme::Pointer;

/// Whether `frames`, the rest of a document, can hold another member with the name of any step of `pointers`.
///
/// A name stands between quotes as it is, or some of its characters are escaped. So where neither the quoted name nor
/// an escape occurs, no such member follows. And as the object that holds the first of two members had begun before it,
/// the second stands behind a comma: the first name in an object and a value are none. Of the others, a walk must tell.
pub(super) fn may_repeat<'a>(pointers: &[&Pointer], frames: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
    // Every character can be written as `\u` and four digits, and some also as a backslash and one more.
    let mut escape: &[u8] = b"\\u";
    for step in pointers.iter().flat_map(|pointer| pointer.0.split('/').skip(1)) {
        let name = name_of(step);
        if name.contains(|c: char| matches!(c, '"' | '\\' | '/') || c.is_control()) {
            escape = b"\\";
        }
        // Between a string and the next one stands one of these, so a name without them never begins at the first's end.
        let is_clear = !name.contains([',', ':']);
        let counts = |before: Option<u8>| !is_clear || !matches!(before, Some(b'{' | b'[' | b':'));
        if occurs(&[b"\"", name.as_bytes(), b"\""].concat(), frames.clone(), counts) {
            return true;
        }
    }
    occurs(escape, frames, |_| true)
}

/// Whether `needle` occurs in `frames` put together, and counts by the last byte before it that is not white space.
///
/// How the bytes are framed makes no difference.
fn occurs<'a>(needle: &[u8], frames: impl Iterator<Item = &'a [u8]>, counts: impl Fn(Option<u8>) -> bool) -> bool {
    let finder = Finder::new(needle);
    let overlap = needle.len() - 1;
    let found = |within: &[u8], before| finder.find_iter(within).any(|at| counts(last_of(&within[..at]).or(before)));
    let mut frames = frames.peekable();
    // The end of the frames before, where the needle may begin that ends in the next; and what stands before that end.
    let (mut tail, mut before) = (Vec::new(), None);
    while let Some(frame) = frames.next() {
        if found(frame, last_of(&tail).or(before)) {
            return true;
        }
        if tail.is_empty() && frames.peek().is_none() {
            break;
        }
        let (begin, rest) = frame.split_at(overlap.min(frame.len()));
        tail.extend_from_slice(begin);
        if found(&tail, before) {
            return true;
        }
        let (passed, end) = rest.split_at(rest.len().saturating_sub(overlap));
        before =
            last_of(passed).or_else(|| last_of(&tail[..(tail.len() + end.len()).saturating_sub(overlap)])).or(before);
        tail.extend_from_slice(end);
        tail.drain(..tail.len().saturating_sub(overlap));
    }
    false
}

/// The last byte that is not white space.
fn last_of(bytes: &[u8]) -> Option<u8> {
    bytes.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_across_any_frames() {
        let text = b"xx abcd xx";
        let occurs = |needle: &[u8], frames: &[&[u8]]| occurs(needle, frames.iter().copied(), |_| true);
        for a in 0..=text.len() {
            for b in a..=text.len() {
                for c in b..=text.len() {
                    let frames = [&text[..a], &text[a..b], &text[b..c], &text[c..]];
                    assert!(occurs(b"abcd", &frames), "{frames:?}");
                    assert!(!occurs(b"abdc", &frames));
                }
            }
        }
        assert!(occurs(b"abcd", &text.chunks(1).collect::<Vec<_>>()));
        assert!(!occurs(b"abcd", &[b"ab", b"x", b"cd"]));
        assert!(!occurs(b"abcd", &[b"abc"]));
    }
}
