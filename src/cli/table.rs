//! Tables and texts for a terminal.

use std::io;

use jiff::Timestamp;
use serde_json::Value;

/// The narrowest that a column is cut to.
const NARROWEST: usize = 8;

/// A table whose columns are aligned.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// The columns that are cut where the terminal is too narrow, the first first.
    flexible: &'static [usize],
}

impl Table {
    /// A table with a row of names.
    pub(super) fn new(names: &[&str], flexible: &'static [usize]) -> Table {
        Table { rows: vec![names.iter().map(|name| (*name).to_owned()).collect()], flexible }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell).replace(['\n', '\t'], " ")).collect());
    }

    /// The table, no wider than `width` where that can be.
    pub(super) fn show(&self, width: Option<usize>) -> String {
        let mut widths = vec![0; self.rows.iter().map(Vec::len).max().unwrap_or_default()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if let Some(width) = width {
            self.fit(&mut widths, width);
        }
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }

    fn fit(&self, widths: &mut [usize], width: usize) {
        for column in self.flexible {
            let whole = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
            let excess = whole.saturating_sub(width);
            let narrow = widths[*column].saturating_sub(excess).max(NARROWEST);
            widths[*column] = widths[*column].min(narrow);
        }
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, width)| format!("{:width$}", cut(cell, *width)));
    format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
}

/// The text, or its beginning with `…` where it is longer.
pub(super) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// How many columns standard output has; `None`: it is no terminal.
pub(super) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// The text without what would steer the terminal: some of it is written by the other side.
pub(super) fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if steers(c) { c.escape_default().collect() } else { vec![c] }).collect()
}

/// JSON without what would steer the terminal: such characters are left in strings alone, and written as escapes.
pub(super) fn printable_json(value: &Value) -> String {
    let escaped = |c: char| if steers(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    value.to_string().chars().map(escaped).collect()
}

/// Whether a character moves the cursor, changes colours, or turns the direction of the text around it.
fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() && c != '\n' && c != '\t' || turns
}

/// A value as a word; what is not there is `-`.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time to the second; what is not there is `-`.
pub(super) fn time(value: &Value) -> String {
    let time = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    time.map_or_else(|| word(value), |time| format!("{time:.0}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned_and_cut_to_the_terminals_width() {
        let mut table = Table::new(&["ID", "EVENT", "STATE"], &[1]);
        table.row(["1".into(), "a-rather-long-event-id".into(), "due".into()]);

        assert_eq!(table.show(None), "ID  EVENT                   STATE\n1   a-rather-long-event-id  due\n");
        assert_eq!(table.show(Some(24)), "ID  EVENT          STATE\n1   a-rather-lon…  due\n");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7f}\u{9b}\nc"), "a\\u{1b}[31mb\\u{7f}\\u{9b}\nc");
        assert_eq!(printable("gpj.\u{202e}exe\u{2066}"), "gpj.\\u{202e}exe\\u{2066}");
    }

    #[test]
    fn no_json_steers_the_terminal_and_it_means_the_same() {
        let value = json!({ "id": "a\u{1b}b\u{7f}\u{9b}\u{202e}é" });
        let shown = printable_json(&value);

        assert_eq!(shown, r#"{"id":"a\u001bb\u007f\u009b\u202eé"}"#);
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }

    #[test]
    fn times_are_shown_to_the_second() {
        assert_eq!(time(&json!("2026-01-01T00:00:00.987Z")), "2026-01-01T00:00:00Z");
        assert_eq!(time(&json!(null)), "-");
    }
}
