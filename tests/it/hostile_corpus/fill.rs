//! Turns the text of a case into bytes.

/// The bytes of a text: escapes as in Rust's byte strings, and what stands in braces filled in.
///
/// `{20*ab}` is twenty times `ab`; other names mean what `value` says.
pub(crate) fn fill(text: &str, value: &mut dyn FnMut(&str) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '{']) {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = if rest[at..].starts_with('\\') {
            let (byte, length) = escape(&rest[at + 1..]);
            bytes.push(byte);
            &rest[at + 1 + length..]
        } else {
            let end = rest[at..].find('}').unwrap_or_else(|| panic!("a brace that nothing closes: {text}"));
            let inner = &rest[at + 1..at + end];
            match inner.split_once('*').map(|(count, what)| (count.parse::<usize>(), what)) {
                Some((Ok(count), what)) => bytes.extend(fill(what, value).repeat(count)),
                _ => bytes.extend(value(inner)),
            }
            &rest[at + end + 1..]
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The byte that an escape stands for, and the length of the escape behind its backslash.
fn escape(text: &str) -> (u8, usize) {
    match text.as_bytes().first() {
        Some(b'r') => (b'\r', 1),
        Some(b'n') => (b'\n', 1),
        Some(b't') => (b'\t', 1),
        Some(b's') => (b' ', 1),
        Some(b'\\') => (b'\\', 1),
        Some(b'x') => (u8::from_str_radix(&text[1..3], 16).unwrap_or_else(|_| panic!("no byte: \\{text}")), 3),
        _ => panic!("no escape: \\{text}"),
    }
}

/// The bytes of lines of HTTP/1: each ends with CR LF, but for a backslash at its end.
pub(crate) fn lines(lines: &[String], value: &mut dyn FnMut(&str) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            bytes.extend(fill(&line[..line.len() - 1], value));
        } else {
            bytes.extend(fill(line, value));
            bytes.extend(b"\r\n");
        }
    }
    bytes
}
