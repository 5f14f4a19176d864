//! What happens to bodies between their sender and whoever verifies them.

mod bytes;
mod changes;

use std::collections::HashSet;

use ::bytes::Bytes;

use self::bytes::text;
use super::json::{Json, Layout, Numbers, Order, Strings, Style};
use super::{Captured, Known, Mistake};
use changes::{AS_SENT, CAPTURE, CHANGED};

/// What the sender had signed was cut to the length that it names.
const LONGER: Known = Known {
    name: "body-longer",
    what: "the body has {} bytes, and `Content-Length` says {}: what stands behind them was not signed",
    advice: CAPTURE,
};

static LAYOUTS: &[(Known, Layout)] = &[
    (rewritten("json-compact", "compact, as JavaScript's `JSON.stringify` writes it"), Layout::Compact),
    (rewritten("json-spaced", "with a space behind `:` and `,`, as Python's `json.dumps` writes it"), Layout::Spaced),
    (rewritten("json-indented", "indented by 2, as `jq` writes it"), Layout::Indented("  ")),
    (rewritten("json-indented", "indented by 4"), Layout::Indented("    ")),
    (rewritten("json-indented", "indented by tabs"), Layout::Indented("\t")),
];

static STRINGS: &[(Known, Strings)] = &[
    (rewritten("json-escapes", ""), Strings::AsWritten),
    (rewritten("json-escapes", "with nothing escaped that need not be, as JavaScript does"), Strings::Least),
    (rewritten("json-escapes", "with everything beyond ASCII escaped, as Python does"), Strings::Ascii),
    (rewritten("json-slashes", "with `/` and everything beyond ASCII escaped, as PHP does"), Strings::AsciiAndSlash),
    (rewritten("json-slashes", "with `/` escaped"), Strings::Slash),
    (rewritten("json-html", "with `<`, `>` and `&` escaped, as Go does"), Strings::Html),
    (rewritten("json-html", "with everything escaped that HTML knows, as .NET does"), Strings::AsciiAndHtml),
];

const SORTED: Known = rewritten("json-sorted", "with its keys sorted");

const NUMBERS: Known = rewritten("json-numbers", "with its numbers shortened, such as `1` for `1.0`");

static ORDERS: &[(Order, Numbers)] = &[
    (Order::AsWritten, Numbers::AsWritten),
    (Order::Sorted, Numbers::AsWritten),
    (Order::AsWritten, Numbers::Shortest),
    (Order::Sorted, Numbers::Shortest),
];

/// A larger body, in bytes, is not written in every combination of ways.
const SMALL: usize = 64 << 10;

/// The sentence is completed by `what`.
const fn rewritten(name: &'static str, what: &'static str) -> Known {
    Known { name, what, advice: AS_SENT }
}

fn was_signed(known: Known) -> Mistake {
    Mistake { what: format!("the JSON was signed in another form: {}", known.what), ..known.plain() }
}

/// Bytes that may have been signed instead of the body, and which mistakes that would be.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) bytes: Bytes,
}

/// The body that came.
pub(super) fn as_it_came(captured: &Captured<'_>) -> Variant {
    Variant { mistakes: Vec::new(), bytes: Bytes::copy_from_slice(captured.body) }
}

/// All bodies that are tried, the likeliest first: the one that came, and then what it may have been.
pub(super) fn variants(captured: &Captured<'_>) -> Vec<Variant> {
    let mut variants = vec![(Vec::new(), captured.body.to_vec())];
    variants.extend(
        CHANGED.iter().filter_map(|changed| Some((vec![changed.known.plain()], (changed.undo)(captured.body)?))),
    );
    variants.extend(cut(captured));
    variants.extend(written_anew(captured.body));
    // Of several ways to the same bytes, the shortest.
    variants.sort_by_key(|(mistakes, _)| mistakes.len());
    let mut seen = HashSet::new();
    variants.retain(|(_, bytes)| seen.insert(bytes.clone()));
    variants.into_iter().map(|(mistakes, bytes)| Variant { mistakes, bytes: bytes.into() }).collect()
}

fn cut(captured: &Captured<'_>) -> Option<(Vec<Mistake>, Vec<u8>)> {
    let named = captured.values("content-length").next()?;
    let length: usize = named.parse().ok()?;
    let had = captured.body.len();
    (length < had).then(|| (vec![LONGER.with(&[&had.to_string(), &named])], captured.body[..length].to_vec()))
}

/// The body as other programs would have written it.
fn written_anew(body: &[u8]) -> Vec<(Vec<Mistake>, Vec<u8>)> {
    let mut variants = Vec::new();
    let Some(json) = text(body).and_then(Json::read) else { return variants };
    let bare = body.trim_ascii();
    // Small ones in every combination of ways.
    let (layouts, strings, orders) =
        if body.len() <= SMALL { (LAYOUTS, STRINGS, ORDERS) } else { (&LAYOUTS[..3], &STRINGS[..3], &ORDERS[..1]) };
    for (layout_known, layout) in layouts {
        let own = Style {
            layout: *layout,
            strings: Strings::AsWritten,
            order: Order::AsWritten,
            numbers: Numbers::AsWritten,
        };
        let Some(as_written) = json.write(own) else { continue };
        for (strings_known, strings) in strings {
            for (order, numbers) in orders.iter().copied() {
                let style = Style { strings: *strings, order, numbers, ..own };
                let Some(written) = json.write(style) else { continue };
                // Only what makes a difference is a mistake.
                let differs = |other: Style| other != style && json.write(other).is_none_or(|other| other != written);
                let mistakes = [
                    (as_written.as_bytes() != bare, *layout_known),
                    (differs(Style { strings: Strings::AsWritten, ..style }), *strings_known),
                    (differs(Style { order: Order::AsWritten, ..style }), SORTED),
                    (differs(Style { numbers: Numbers::AsWritten, ..style }), NUMBERS),
                ];
                let mistakes: Vec<Mistake> =
                    mistakes.into_iter().filter(|(differs, _)| *differs).map(|(_, known)| was_signed(known)).collect();
                if mistakes.is_empty() {
                    // What stands around the document is looked at by itself.
                    continue;
                }
                let and = |name| {
                    let known = CHANGED.iter().find(|changed| changed.known.name == name);
                    mistakes.iter().cloned().chain(known.map(|changed| changed.known.plain())).collect()
                };
                let has_newline = body.ends_with(b"\n");
                let ended = if has_newline { mistakes.clone() } else { and("body-newline-removed") };
                variants.push((ended, format!("{written}\n").into_bytes()));
                variants.push((if has_newline { and("body-newline-added") } else { mistakes }, written.into_bytes()));
            }
        }
    }
    variants
}

/// Every name that a mistake with a body can have.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let layouts = LAYOUTS.iter().map(|(known, _)| known.name);
    let strings = STRINGS.iter().map(|(known, _)| known.name);
    CHANGED.iter().map(|changed| changed.known.name).chain(layouts).chain(strings).chain([
        LONGER.name,
        SORTED.name,
        NUMBERS.name,
    ])
}
