//! JSON written anew, as other programs write it.
//!
//! Nothing is lost in between: numbers stay as they are written, members in their order and twice where they are there
//! twice, so that what changes is what the style says.

#[cfg(test)]
mod tests;

/// How a program writes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) layout: Layout,
    pub(super) strings: Strings,
    pub(super) order: Order,
    pub(super) numbers: Numbers,
}

/// Where white space stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Nowhere.
    Compact,
    /// Each value on a line of its own, behind this for each level.
    Indented(&'static str),
    /// Behind `:` and `,`.
    Spaced,
}

/// Which characters of a string are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strings {
    /// Those that are.
    AsWritten,
    /// Everything beyond ASCII.
    Ascii,
    /// Everything beyond ASCII, and `/`.
    AsciiAndSlash,
    /// Everything beyond ASCII, and what means something in HTML; hexadecimal digits in upper case.
    AsciiAndHtml,
    /// `<`, `>` and `&`.
    Html,
    /// What must be.
    Least,
    /// What must be, and `/`.
    Slash,
}

/// The order of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    AsWritten,
    Sorted,
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    AsWritten,
    /// As a binary number of 64 bits is written: `1` for `1.0`.
    Shortest,
}

/// A document, its texts as they are written.
#[derive(Debug)]
pub(super) enum Json<'a> {
    Array(Vec<Json<'a>>),
    Object(Vec<(&'a str, Json<'a>)>),
    /// A number, `true`, `false` or `null`.
    Plain(&'a str),
    /// What stands between the quotes.
    Text(&'a str),
}

/// Deeper is not looked into.
const DEEPEST: usize = 128;

impl<'a> Json<'a> {
    /// Reads a document; `None` where it is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut rest = text;
        let json = read(&mut rest, 0)?;
        rest.trim_start().is_empty().then_some(json)
    }

    /// Writes the document.
    pub(super) fn write(&self, style: Style) -> Option<String> {
        let mut text = String::new();
        write(self, style, 0, &mut text)?;
        Some(text)
    }
}

fn read<'a>(rest: &mut &'a str, depth: usize) -> Option<Json<'a>> {
    *rest = rest.trim_start();
    match rest.bytes().next()? {
        _ if depth > DEEPEST => None,
        b'"' => read_text(rest).map(Json::Text),
        b'[' => {
            let mut items = Vec::new();
            read_list(rest, b']', |rest| {
                items.push(read(rest, depth + 1)?);
                Some(())
            })?;
            Some(Json::Array(items))
        }
        b'{' => {
            let mut members = Vec::new();
            read_list(rest, b'}', |rest| {
                let name = read_text(rest)?;
                *rest = rest.trim_start().strip_prefix(':')?;
                members.push((name, read(rest, depth + 1)?));
                Some(())
            })?;
            Some(Json::Object(members))
        }
        _ => {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len());
            let (plain, after) = rest.split_at(end);
            *rest = after;
            let known = matches!(plain, "true" | "false" | "null") || plain.parse::<f64>().is_ok();
            known.then_some(Json::Plain(plain))
        }
    }
}

/// Reads `[` or `{`, what `each` reads with commas between, and the end.
fn read_list<'a>(rest: &mut &'a str, end: u8, mut each: impl FnMut(&mut &'a str) -> Option<()>) -> Option<()> {
    *rest = rest[1..].trim_start();
    if rest.as_bytes().first() == Some(&end) {
        *rest = &rest[1..];
        return Some(());
    }
    loop {
        *rest = rest.trim_start();
        each(rest)?;
        *rest = rest.trim_start();
        // Both are ASCII, so that what follows them begins with a character.
        let separator = *rest.as_bytes().first()?;
        if separator != b',' && separator != end {
            return None;
        }
        *rest = &rest[1..];
        if separator == end {
            return Some(());
        }
    }
}

fn read_text<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let inside = rest.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    *rest = &inside[end + 1..];
    Some(&inside[..end])
}

fn write(json: &Json<'_>, style: Style, depth: usize, text: &mut String) -> Option<()> {
    match json {
        Json::Plain(plain) => text.push_str(&number(plain, style.numbers)),
        Json::Text(raw) => write_text(raw, style.strings, text)?,
        Json::Array(items) => {
            write_list(('[', ']'), items.iter(), style, depth, text, |item, text| write(item, style, depth + 1, text))?;
        }
        Json::Object(members) => {
            let mut members: Vec<&(&str, Json<'_>)> = members.iter().collect();
            if style.order == Order::Sorted {
                members.sort_by_key(|(name, _)| *name);
            }
            let colon = if style.layout == Layout::Compact { ":" } else { ": " };
            write_list(('{', '}'), members.into_iter(), style, depth, text, |(name, value), text| {
                write_text(name, style.strings, text)?;
                text.push_str(colon);
                write(value, style, depth + 1, text)
            })?;
        }
    }
    Some(())
}

fn write_list<T>(
    (open, close): (char, char),
    items: impl ExactSizeIterator<Item = T>,
    style: Style,
    depth: usize,
    text: &mut String,
    mut each: impl FnMut(T, &mut String) -> Option<()>,
) -> Option<()> {
    let (empty, mut first) = (items.len() == 0, true);
    let line = |depth: usize, text: &mut String| {
        if let Layout::Indented(by) = style.layout {
            text.push('\n');
            text.push_str(&by.repeat(depth));
        }
    };
    text.push(open);
    for item in items {
        if !std::mem::take(&mut first) {
            text.push_str(if style.layout == Layout::Spaced { ", " } else { "," });
        }
        line(depth + 1, text);
        each(item, text)?;
    }
    if !empty {
        line(depth, text);
    }
    text.push(close);
    Some(())
}

/// As it is written, or as JavaScript writes the same number.
fn number(plain: &str, numbers: Numbers) -> String {
    let value = plain.parse::<f64>().ok().filter(|_| numbers == Numbers::Shortest && plain.contains(['.', 'e', 'E']));
    value.map_or_else(|| plain.to_owned(), |value| value.to_string())
}

fn write_text(raw: &str, strings: Strings, text: &mut String) -> Option<()> {
    text.push('"');
    if strings == Strings::AsWritten {
        text.push_str(raw);
    } else {
        unescape(raw)?.chars().for_each(|c| escape(c, strings, text));
    }
    text.push('"');
    Some(())
}

fn escape(c: char, strings: Strings, text: &mut String) {
    let net = strings == Strings::AsciiAndHtml;
    let html = match strings {
        Strings::AsciiAndHtml => "<>&'+\"`",
        Strings::Html => "<>&",
        _ => "",
    };
    let ascii = matches!(strings, Strings::Ascii | Strings::AsciiAndSlash | Strings::AsciiAndHtml);
    let slash = matches!(strings, Strings::AsciiAndSlash | Strings::Slash);
    match c {
        _ if html.contains(c) => escape_units(c, net, text),
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\u{8}' => text.push_str("\\b"),
        '\u{c}' => text.push_str("\\f"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '/' if slash => text.push_str("\\/"),
        // Go writes these two as escapes, whatever else it does.
        '\u{2028}' | '\u{2029}' if strings == Strings::Html => escape_units(c, false, text),
        c if c < ' ' || (ascii && !c.is_ascii()) => escape_units(c, net, text),
        c => text.push(c),
    }
}

fn escape_units(c: char, upper: bool, text: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        text.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
    }
}

/// The characters of a text; `None` where it has a lone surrogate, or an escape that is none.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut units = Vec::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        let c = match c {
            '\\' => match rest.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits = rest.as_str().get(..4)?;
                    units.push(u16::from_str_radix(digits, 16).ok()?);
                    rest = rest.as_str()[4..].chars();
                    continue;
                }
                c @ ('"' | '\\' | '/') => c,
                _ => return None,
            },
            c => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).ok()
}
