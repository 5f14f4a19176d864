//! Passing an object or array at many bytes a nanosecond.
//!
//! Most members of a body are of no interest, and of those only the end must be found. So a text is not read byte by
//! byte, but 64 at a time: which of them are quotes, backslashes and brackets are the bits of numbers, and arithmetic
//! on them tells what is inside a string. The idea is that of simdjson (Langdale and Lemire, arXiv:1902.08318).

use wide::u8x16;

/// As many bytes as a number has bits.
const BLOCK: usize = 64;

/// The place behind the object or array that begins at `start`; `None` where it does not end.
///
/// That its brackets belong to each other is not checked.
pub(super) fn end_of_nested(bytes: &[u8], start: usize) -> Option<usize> {
    let mut state = State { depth: 0, in_string: 0, escaped: 0 };
    let (blocks, rest) = bytes[start..].as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        if let Some(end) = state.pass(block) {
            return Some(start + index * BLOCK + end);
        }
    }
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    state.pass(&last).map(|end| start + blocks.len() * BLOCK + end)
}

/// What one block leaves to the next.
struct State {
    depth: u32,
    /// All bits where the block ended inside a string.
    in_string: u64,
    /// The first bit where the block ended with a backslash that escapes.
    escaped: u64,
}

impl State {
    /// Passes a block; gives the place behind the bracket that closes the first one, where it is in this block.
    fn pass(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let marks = Marks::of(block);
        let mut brackets = marks.bracket & !self.strings(marks.quote, marks.backslash);
        while brackets != 0 {
            let at = brackets.trailing_zeros() as usize;
            brackets &= brackets - 1;
            match block[at] {
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                // Folded it looks like one.
                _ => {}
            }
            if self.depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    /// The bits that are inside a string, its first quote included.
    fn strings(&mut self, quotes: u64, backslashes: u64) -> u64 {
        let mut escaped = std::mem::take(&mut self.escaped);
        let mut backslashes = backslashes & !escaped;
        while backslashes != 0 {
            let at = backslashes.trailing_zeros();
            // The next character is escaped; is it a backslash, it escapes nothing.
            match 2_u64.checked_shl(at).filter(|next| *next != 0) {
                Some(next) => {
                    escaped |= next;
                    backslashes &= !(next | next >> 1);
                }
                None => {
                    self.escaped = 1;
                    backslashes = 0;
                }
            }
        }
        let mut strings = quotes & !escaped;
        // Every bit becomes the parity of the quotes up to it.
        for shift in [1, 2, 4, 8, 16, 32] {
            strings ^= strings << shift;
        }
        strings ^= self.in_string;
        self.in_string = 0_u64.wrapping_sub(strings >> 63);
        strings
    }
}

/// Where in a block what stands, a bit for a byte, the first byte's lowest.
struct Marks {
    backslash: u64,
    /// All brackets; and some other bytes, which in JSON stand in strings alone.
    bracket: u64,
    quote: u64,
}

impl Marks {
    fn of(block: &[u8; BLOCK]) -> Self {
        let parts = block.as_chunks::<16>().0;
        let bits = |has: &dyn Fn(u8x16) -> u8x16| {
            parts.iter().rev().fold(0, |bits, part| bits << 16 | u64::from(has(u8x16::new(*part)).to_bitmask()))
        };
        let is = |byte| move |part: u8x16| part.simd_eq(u8x16::splat(byte));
        // Brackets are the same but for three bits, as are `Y`, `_`, `y` and DEL.
        let folded = u8x16::splat(!(b'[' ^ b']' | b'[' ^ b'{'));
        let bracket = bits(&|part| (part & folded).simd_eq(u8x16::splat(b'[') & folded));
        // Few blocks have any backslash.
        let has_backslash = parts.iter().fold(u8x16::splat(0), |any, part| any | is(b'\\')(u8x16::new(*part)));
        let backslash = if has_backslash.to_bitmask() == 0 { 0 } else { bits(&is(b'\\')) };
        Marks { backslash, bracket, quote: bits(&is(b'"')) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, byte by byte.
    fn slowly(bytes: &[u8], start: usize) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0, false, false);
        for (at, byte) in bytes.iter().enumerate().skip(start) {
            match byte {
                b'"' if !escaped => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at + 1);
            }
            escaped = *byte == b'\\' && !escaped;
        }
        None
    }

    #[test]
    fn the_end_is_found_at_any_place_of_a_block() {
        for before in 0..130 {
            for inside in [r#""]""#, r#""\\""#, r#""\\\"]""#, "[]", r#"{"a":[{}]}"#, ""] {
                let text = format!("{}[{inside}]]", " ".repeat(before));
                assert_eq!(end_of_nested(text.as_bytes(), before), Some(text.len() - 1), "{text}");
                let padded = format!("[{}{inside}]]", " ".repeat(before));
                assert_eq!(end_of_nested(padded.as_bytes(), 0), Some(padded.len() - 1), "{padded}");
                assert_eq!(end_of_nested(&padded.as_bytes()[..padded.len() - 2], 0), None, "{padded}");
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(5000))]

        #[test]
        fn it_ends_where_it_ends_byte_by_byte(text in r#"[\[{]([\[{}\]]|["\\]|[Y_a-z ,:]){0,300}"#) {
            proptest::prop_assert_eq!(end_of_nested(text.as_bytes(), 0), slowly(text.as_bytes(), 0));
        }
    }
}
