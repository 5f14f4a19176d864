//! docs/config.md as a table: what every key means, and its default, in one place for readers and for editors.

/// The reference of all keys.
const PAGE: &str = include_str!("../../docs/config.md");

/// A row of a table of keys.
#[derive(Debug)]
pub(super) struct Row {
    /// What the key means, as plain text.
    pub(super) meaning: String,
    /// What it is where it is left out, as plain text; may be empty.
    pub(super) default: String,
    /// The same, where it is one value.
    pub(super) value: Option<&'static str>,
}

/// The row of a key, in the table of this place.
pub(super) fn row(place: &str, key: &str) -> Option<Row> {
    let (_, table) = PAGE.split_once(&format!("<!-- keys: {place} -->\n"))?;
    let rows = table.lines().take_while(|line| line.starts_with('|')).skip(2);
    let mut rows = rows.map(|line| line.trim_matches('|').split('|').map(str::trim));
    rows.find_map(|mut cells| {
        let name = cells.next()?;
        if name.trim_matches('`') != key {
            return None;
        }
        let (_kind, default, _example, meaning) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let value = default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        let is_one = |value: &&str| !value.contains(['`', '{', '[', ',', '"']);
        Some(Row { meaning: plain(meaning), default: plain(default), value: value.filter(is_one) })
    })
}

/// The text of a cell: a link is what it says, and one that only points up or down the page is nothing.
fn plain(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some((before, inside)) = rest.split_once('[') {
        let link = inside.split_once("](").and_then(|(label, rest)| Some((label, rest.split_once(')')?.1)));
        let Some((label, after)) = link.filter(|(label, _)| !label.contains(['[', '`'])) else {
            text.push_str(before);
            text.push('[');
            rest = inside;
            continue;
        };
        let points = matches!(label, "below" | "above");
        text.push_str(if points { before.trim_end_matches([',', ' ']) } else { before });
        text.push_str(if points { "" } else { label });
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_place_and_key() {
        let row = row("limits", "read_timeout").unwrap();

        assert!(row.meaning.starts_with("How long a head may take"));
        assert_eq!((row.default.as_str(), row.value), ("`10s`", Some("10s")));
        assert!(super::row("limits", "path").is_none() && super::row("nowhere", "path").is_none());
    }

    #[test]
    fn links_are_what_they_say() {
        assert_eq!(plain("What it is, [below](#x)."), "What it is.");
        assert_eq!(plain("A [preset](schemes.md), or a [scheme](#s) in place."), "A preset, or a scheme in place.");
        assert_eq!(plain("`[2xx]`, an [odd] one"), "`[2xx]`, an [odd] one");
    }
}
