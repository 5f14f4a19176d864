//! How an event becomes a line.
//!
//! Text is `key=value`, quoted where a value holds more than plain characters, so that
//! nothing a sender wrote can begin a line or a field. JSON is one object a line.

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::time::Duration;

use tracing::Level;
use tracing::field::{Field, Visit};
use uuid::Uuid;

/// What lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For the eye.
    Text,
}

/// A line that is being written.
///
/// Writing to a buffer cannot fail, so no result is looked at.
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
}

impl<'a> Line<'a> {
    /// Begins a line with the time and the level.
    pub(super) fn begin(out: &'a mut Vec<u8>, format: Format, now: &str, level: &Level) -> Line<'a> {
        let pieces = match format {
            Format::Json => ["{\"timestamp\":\"", now, "\",\"level\":\"", word(level), "\""],
            Format::Text => [now, " ", padded(level), "", ""],
        };
        pieces.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
        Line { out, format }
    }

    /// Ends it with where it comes from, in text only where that is not this crate.
    pub(super) fn end(mut self, target: &str, is_ours: bool) {
        if self.format == Format::Json || !is_ours {
            self.text("target", target);
        }
        if self.format == Format::Json {
            self.out.push(b'}');
        }
        self.out.push(b'\n');
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        match self.format {
            Format::Text if is_plain(value) => self.out.extend_from_slice(value.as_bytes()),
            Format::Text if name == MESSAGE => escape(self.out, value, false),
            _ => {
                self.out.push(b'"');
                escape(self.out, value, true);
                self.out.push(b'"');
            }
        }
    }

    /// A number, or a word that JSON knows.
    pub(super) fn bare(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.name(name);
        let _ = self.out.write_fmt(value);
    }

    /// What needs no escape, and in text no quotes: a word of ours.
    pub(super) fn word(&mut self, name: &str, value: &str) {
        self.name(name);
        let quote: &[u8] = if self.format == Format::Json { b"\"" } else { b"" };
        [quote, value.as_bytes(), quote].iter().for_each(|piece| self.out.extend_from_slice(piece));
    }

    pub(super) fn id(&mut self, name: &str, id: Uuid) {
        self.word(name, id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.digits(value);
    }

    /// To the thousandth of a millisecond.
    pub(super) fn milliseconds(&mut self, name: &str, duration: Duration) {
        self.thousandths(name, (duration.as_nanos() as u64 + 500) / 1000);
    }

    fn thousandths(&mut self, name: &str, value: u64) {
        self.name(name);
        self.digits(value / 1000);
        self.out.push(b'.');
        self.out.extend([100, 10, 1].map(|place| b'0' + (value / place % 10) as u8));
    }

    fn digits(&mut self, value: u64) {
        // From the last digit to the first.
        let (mut digits, mut first, mut rest) = ([b'0'; MOST_DIGITS], MOST_DIGITS, value);
        while first == MOST_DIGITS || rest > 0 {
            first -= 1;
            digits[first] += (rest % 10) as u8;
            rest /= 10;
        }
        self.out.extend_from_slice(&digits[first..]);
    }

    fn name(&mut self, name: &str) {
        let (before, after): (&[u8], &[u8]) = match self.format {
            Format::Json => (b",\"", b"\":"),
            Format::Text if name == MESSAGE => return self.out.push(b' '),
            Format::Text => (b" ", b"="),
        };
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(after);
    }
}

/// As many as the largest number has.
const MOST_DIGITS: usize = 20;

/// What `tracing` calls the text of an event.
const MESSAGE: &str = "message";

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field.name(), format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if (0.0..1e12).contains(&value) {
            self.thousandths(field.name(), (value * 1e3).round() as u64);
        } else if value.is_finite() {
            self.bare(field.name(), format_args!("{value:.3}"));
        } else {
            self.text(field.name(), &value.to_string());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.text(field.name(), &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field.name());
        let start = self.out.len();
        let is_quoted = self.format == Format::Json || field.name() != MESSAGE;
        if is_quoted {
            self.out.push(b'"');
        }
        let _ = fmt::Write::write_fmt(&mut Escaping { out: self.out, is_quoted }, format_args!("{value:?}"));
        if !is_quoted {
            return;
        }
        if self.format == Format::Text && std::str::from_utf8(&self.out[start + 1..]).is_ok_and(is_plain) {
            self.out.remove(start);
        } else {
            self.out.push(b'"');
        }
    }
}

/// Escapes what is formatted as it comes, so that no string is made of it first.
struct Escaping<'a> {
    out: &'a mut Vec<u8>,
    is_quoted: bool,
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.out, text, self.is_quoted);
        Ok(())
    }
}

/// Whether a value needs no quotes.
fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && is_printable(value)
        && !value.bytes().fold(false, |found, byte| found | (byte == b' ') | (byte == b'='))
}

/// Whether a value is what it is when it is escaped. Without a branch: the compiler makes wide instructions of it.
fn is_printable(value: &str) -> bool {
    let special = |byte: u8| !(b' '..=b'~').contains(&byte) | (byte == b'"') | (byte == b'\\');
    !value.bytes().fold(false, |found, byte| found | special(byte))
}

/// RFC 8259 §7, plus DEL and the C1 controls, which a terminal might obey.
fn escape(out: &mut Vec<u8>, text: &str, is_quoted: bool) {
    if is_printable(text) {
        return out.extend_from_slice(text.as_bytes());
    }
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() || (is_quoted && matches!(c, '"' | '\\'))) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        let _ = match chars.next() {
            Some(c @ ('"' | '\\')) => write!(out, "\\{c}"),
            Some('\n') => write!(out, "\\n"),
            Some('\r') => write!(out, "\\r"),
            Some('\t') => write!(out, "\\t"),
            Some(c) => write!(out, "\\u{:04x}", u32::from(c)),
            None => Ok(()),
        };
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// As wide as the widest.
fn padded(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN ",
        Level::INFO => "INFO ",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

fn word(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}
