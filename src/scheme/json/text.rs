//! Strings, numbers and names, as a JSON text writes them.

use std::borrow::Cow;
use std::cmp::Ordering;

/// The text between the quotes of a string, with its escapes resolved (RFC 8259 §7).
///
/// `None` where it is not UTF-8, holds a control character or an unknown escape, or half of a surrogate pair.
pub(super) fn unescape(raw: &[u8]) -> Option<String> {
    // Without a branch: the compiler makes wide instructions of it.
    if raw.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
        return None;
    }
    let raw = std::str::from_utf8(raw).ok()?;
    if !raw.as_bytes().contains(&b'\\') {
        return Some(raw.to_owned());
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let (character, len) = escape(after)?;
        text.push(character);
        rest = &after[len..];
    }
    text.push_str(rest);
    Some(text)
}

/// The character that an escape stands for, and the length of the escape without its backslash.
fn escape(text: &str) -> Option<(char, usize)> {
    let simple = match text.bytes().next()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(text),
        _ => return None,
    };
    Some((simple, 1))
}

/// `u` and four hexadecimal digits, or a surrogate pair: that, a backslash, and the same again.
fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = text.get(from..from + 4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(1)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Some((character, 5));
    }
    let second = text.get(5..7).filter(|between| *between == "\\u").and_then(|_| unit(7))?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, 11))
}

/// Whether this is a number (RFC 8259 §6).
pub(super) fn is_number(raw: &[u8]) -> bool {
    let unsigned = raw.strip_prefix(b"-").unwrap_or(raw);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = &fraction[len..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether a step of a pointer names this member.
pub(super) fn is_step(step: &str, name: &[u8]) -> bool {
    // An escape makes a step longer than its name, so most names can be told by their length.
    match step.len().cmp(&name.len()) {
        Ordering::Less => false,
        Ordering::Equal => step.as_bytes() == name && !step.contains('~'),
        Ordering::Greater => step.contains('~') && name_of(step).as_bytes() == name,
    }
}

/// The name that a step of a pointer stands for (RFC 6901 §4).
pub(super) fn name_of(step: &str) -> Cow<'_, str> {
    if step.contains('~') { step.replace("~1", "/").replace("~0", "~").into() } else { step.into() }
}

/// Whether a step of a pointer means this element of an array (RFC 6901 §4): no leading zero.
pub(super) fn is_index(step: &str, index: usize) -> bool {
    step.bytes().all(|byte| byte.is_ascii_digit())
        && (step.len() == 1 || !step.starts_with('0'))
        && step.parse() == Ok(index)
}
