//! A place in a JSON text (RFC 8259), and the ways on from it.

use memchr::memchr2;

use super::skip::end_of_nested;

/// Why a walk through a text ended before the text's value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// What stands here is not JSON, or the text is over.
    Broken,
    /// All that was looked for was found before this byte.
    Found(usize),
}

/// A place in a JSON text.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, without passing it.
    pub(super) fn peek(&mut self) -> Result<u8, Halt> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                other => return Ok(*other),
            }
        }
        Err(Halt::Broken)
    }

    /// Passes the next byte that is not white space, where it is this one.
    pub(super) fn pass(&mut self, byte: u8) -> Result<bool, Halt> {
        let there = self.peek()? == byte;
        self.at += usize::from(there);
        Ok(there)
    }

    /// Passes the next byte that is not white space, which must be this one.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Halt> {
        if self.pass(byte)? { Ok(()) } else { Err(Halt::Broken) }
    }

    /// Passes what stands behind a member: a comma, so that another one follows, or `end`.
    pub(super) fn more(&mut self, end: u8) -> Result<bool, Halt> {
        if self.pass(b',')? {
            return Ok(true);
        }
        self.expect(end)?;
        Ok(false)
    }

    /// Whether nothing but white space follows.
    pub(super) fn is_over(&mut self) -> bool {
        self.peek().is_err()
    }

    /// Passes a string, and gives what stands between its quotes, as written.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Halt> {
        self.expect(b'"')?;
        let start = self.at;
        self.at = end_of_string(self.bytes, start)?;
        Ok(&self.bytes[start..self.at - 1])
    }

    /// Passes a number or a word, and gives it as written. Something must follow it.
    pub(super) fn bare(&mut self) -> Result<&'a [u8], Halt> {
        self.peek()?;
        let rest = &self.bytes[self.at..];
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        match rest.iter().position(|byte| !part(byte)) {
            None | Some(0) => Err(Halt::Broken),
            Some(len) => {
                self.at += len;
                Ok(&rest[..len])
            }
        }
    }

    /// Passes a value of any kind, and checks of it only that it ends.
    pub(super) fn skip(&mut self) -> Result<(), Halt> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' | b'[' => {
                self.at = end_of_nested(self.bytes, self.at).ok_or(Halt::Broken)?;
                Ok(())
            }
            _ => self.bare().map(drop),
        }
    }
}

/// The place behind the quote that ends the string whose text begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> Result<usize, Halt> {
    let mut at = start;
    loop {
        let rest = bytes.get(at..).ok_or(Halt::Broken)?;
        let found = memchr2(b'"', b'\\', rest).ok_or(Halt::Broken)?;
        if rest[found] == b'"' {
            return Ok(at + found + 1);
        }
        // The backslash, and what it takes its meaning from.
        at += found + 2;
    }
}
