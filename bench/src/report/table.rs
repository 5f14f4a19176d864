//! Figures by row and column.

use serde_json::{Value, json};

pub(crate) struct Table {
    slug: &'static str,
    title: String,
    note: String,
    columns: Vec<(String, usize)>,
    rows: Vec<(String, Vec<f64>)>,
}

impl Table {
    /// `digits` is how many stand behind the point.
    pub(crate) fn new(slug: &'static str, title: &str, columns: &[&str], digits: usize) -> Self {
        let columns = columns.iter().map(|column| ((*column).to_owned(), digits)).collect();
        Self { slug, title: title.to_owned(), note: String::new(), columns, rows: Vec::new() }
    }

    /// Another number of digits for a column.
    pub(crate) fn digits(&mut self, column: usize, digits: usize) {
        self.columns[column].1 = digits;
    }

    pub(crate) fn note(&mut self, note: &str) {
        note.clone_into(&mut self.note);
    }

    /// The next figure of a row; NaN where there is none.
    pub(crate) fn put(&mut self, row: &str, figure: f64) {
        match self.rows.iter_mut().find(|(name, _)| name == row) {
            Some((_, figures)) => figures.push(figure),
            None => self.rows.push((row.to_owned(), vec![figure])),
        }
    }

    pub(crate) fn rows(&self) -> &[(String, Vec<f64>)] {
        &self.rows
    }

    pub(crate) fn column(&self, column: usize) -> Vec<f64> {
        self.rows.iter().map(|(_, figures)| figures[column]).collect()
    }

    pub(crate) fn figure(&self, row: &str, column: usize) -> f64 {
        self.rows.iter().find(|(name, _)| name == row).map_or(f64::NAN, |(_, figures)| figures[column])
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n| |", self.title);
        for (column, _) in &self.columns {
            text += &format!(" {column} |");
        }
        text += &format!("\n| --- |{}\n", " --: |".repeat(self.columns.len()));
        for (name, figures) in &self.rows {
            text += &format!("| {name} |");
            for (figure, (_, digits)) in figures.iter().zip(&self.columns) {
                text += &if figure.is_nan() { " |".into() } else { format!(" {figure:.digits$} |") };
            }
            text.push('\n');
        }
        if !self.note.is_empty() {
            text += &format!("\n{}\n", self.note);
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let columns: Vec<&String> = self.columns.iter().map(|(name, _)| name).collect();
        let rows: Vec<Value> =
            self.rows.iter().map(|(name, figures)| json!({"name": name, "figures": figures})).collect();
        json!({"name": self.slug, "title": self.title, "columns": columns, "rows": rows, "note": self.note})
    }
}
