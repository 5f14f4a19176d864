//! Writes the frames of a case (RFC 9113 §4.1), whether they make sense or not.

use crate::hostile_corpus::fill::fill;
use crate::support::Frames;

/// How HTTP/2 begins, and a table of no size for what the gateway compresses, so that its statuses are easily read.
pub(super) const BEGINNING: &[u8] =
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00";

const KINDS: [(&str, u8); 10] = [
    ("DATA", Frames::DATA),
    ("HEADERS", Frames::HEADERS),
    ("PRIORITY", 2),
    ("RST_STREAM", Frames::RST_STREAM),
    ("SETTINGS", Frames::SETTINGS),
    ("PUSH_PROMISE", 5),
    ("PING", Frames::PING),
    ("GOAWAY", Frames::GOAWAY),
    ("WINDOW_UPDATE", Frames::WINDOW_UPDATE),
    ("CONTINUATION", Frames::CONTINUATION),
];

const FLAGS: [(&str, u8); 5] = [
    ("END_STREAM", Frames::END_STREAM),
    ("ACK", 1),
    ("END_HEADERS", Frames::END_HEADERS),
    ("PADDED", 8),
    ("PRIORITY", 32),
];

/// A frame as a case writes it: its first line, and those of its payload.
struct Written<'a> {
    words: Vec<&'a str>,
    payload: Vec<&'a str>,
}

/// The bytes of a case, with what HTTP/2 begins with, unless its first line is `bare`.
pub(super) fn compose(lines: &[String], value: &mut dyn FnMut(&str) -> Vec<u8>) -> Vec<u8> {
    let is_bare = lines[0] == "bare";
    let mut bytes = if is_bare { Vec::new() } else { BEGINNING.to_vec() };
    let mut frames: Vec<Written<'_>> = Vec::new();
    // A variant may bring several lines along.
    for line in lines.iter().skip(usize::from(is_bare)).flat_map(|line| line.split(" / ")) {
        match line.strip_prefix("  ") {
            None => frames.push(Written { words: line.split(' ').collect(), payload: Vec::new() }),
            Some(payload) => frames.last_mut().expect("a payload has a frame").payload.push(payload),
        }
    }
    for written in frames {
        bytes.extend(frame(&written, value));
    }
    bytes
}

/// A frame: its kind, its stream, and its flags, each by name or by number; `length=` lies.
fn frame(written: &Written<'_>, value: &mut dyn FnMut(&str) -> Vec<u8>) -> Vec<u8> {
    let kind = written.words[0];
    let lists_fields = matches!(kind, "HEADERS" | "PUSH_PROMISE" | "CONTINUATION");
    let mut payload = Vec::new();
    for line in &written.payload {
        match (line.strip_prefix("= "), lists_fields) {
            (Some(raw), _) => payload.extend(fill(raw, value)),
            (None, true) => payload.extend(field_lines(line, value)),
            (None, false) => payload.extend(fill(line, value)),
        }
    }
    if kind == "RAW" {
        return payload;
    }
    let kind = named(&KINDS, kind);
    let stream: u32 = written.words[1].parse().unwrap_or_else(|_| panic!("no stream: {:?}", written.words));
    let (mut flags, mut length) = (0, payload.len() as u32);
    for word in &written.words[2..] {
        match word.strip_prefix("length=") {
            Some(number) => length = number.parse().unwrap(),
            None => flags |= named(&FLAGS, word),
        }
    }
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn named(names: &[(&str, u8)], word: &str) -> u8 {
    let known = names.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    known.or_else(|| word.parse().ok()).unwrap_or_else(|| panic!("what is {word}?"))
}

/// A line of a field, or one that stands for several, as literals that nothing indexes (RFC 7541 §6.2.2).
fn field_lines(line: &str, value: &mut dyn FnMut(&str) -> Vec<u8>) -> Vec<u8> {
    let expanded = match line {
        "{usual}" => [
            &b":method: POST\r\n:scheme: http\r\n:path: "[..],
            &value("path"),
            b"\r\n:authority: hooks.example\r\n",
            &value("credentials"),
        ]
        .concat(),
        "{credentials}" => value("credentials"),
        _ => return field(line, value),
    };
    String::from_utf8(expanded).unwrap().split("\r\n").flat_map(|line| field(line, value)).collect()
}

fn field(line: &str, fill_in: &mut dyn FnMut(&str) -> Vec<u8>) -> Vec<u8> {
    // The name of a pseudo-header begins with a colon, which parts nothing.
    let colon = line[1..].find(": ").map(|at| at + 1).unwrap_or_else(|| panic!("no field: {line:?}"));
    [&[0][..], &string(&fill(&line[..colon], fill_in)), &string(&fill(&line[colon + 2..], fill_in))].concat()
}

/// A string as it is (RFC 7541 §5.2).
fn string(bytes: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    if bytes.len() < 127 {
        written.push(bytes.len() as u8);
    } else {
        written.push(127);
        let mut rest = bytes.len() - 127;
        while rest >= 128 {
            written.push(128 | (rest % 128) as u8);
            rest /= 128;
        }
        written.push(rest as u8);
    }
    written.extend_from_slice(bytes);
    written
}
