//! Markdown, as far as the tests read it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A document.
pub(super) struct Page {
    /// Its path in the repository.
    pub name: String,
    text: String,
}

/// A fenced block of YAML.
pub(super) struct Block {
    /// What it is part of; `file`: it is whole.
    pub place: String,
    pub line: usize,
    pub text: String,
}

/// A row of a table of keys.
pub(super) struct Key {
    pub place: String,
    pub name: String,
    pub example: String,
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The files of a folder with this ending, in order.
pub(super) fn shipped(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder}");
    paths
}

/// Every Rust file in a folder, with its content.
pub(super) fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    let mut paths = vec![root().join(folder)];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push((path.clone(), fs::read_to_string(path).unwrap()));
        }
    }
    sources
}

/// The name of every test function.
pub(super) fn test_names() -> BTreeSet<String> {
    let sources = [sources("src"), sources("tests")].concat();
    sources.iter().flat_map(|(_, source)| words_behind(source, "fn ")).collect()
}

/// What follows each `mark`, as far as it is a word.
pub(super) fn words_behind(text: &str, mark: &str) -> BTreeSet<String> {
    let behind = text.split(mark).skip(1);
    behind.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()).collect()
}

impl Page {
    pub(super) fn read(name: &str) -> Self {
        Self { name: name.to_owned(), text: read(name) }
    }

    /// Every document of the repository.
    pub(super) fn all() -> Vec<Self> {
        let paths = ["", "docs", "docs/deploying", "examples"].into_iter().flat_map(|folder| shipped(folder, "md"));
        paths.map(|path| Self::read(path.strip_prefix(root()).unwrap().to_str().unwrap())).collect()
    }

    pub(super) fn yaml_blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (line, text) in (1..).zip(self.text.lines()) {
            match text.strip_prefix("```") {
                Some(info) if !open && (info == "yaml" || info.starts_with("yaml ")) => {
                    let place = info.strip_prefix("yaml ").unwrap_or("file").to_owned();
                    blocks.push(Block { place, line, text: String::new() });
                    open = true;
                }
                Some(_) => open = false,
                None if open => {
                    let block = blocks.last_mut().expect("a block is open");
                    block.text.push_str(text);
                    block.text.push('\n');
                }
                None => {}
            }
        }
        blocks
    }

    /// The rows of the tables of keys.
    pub(super) fn keys(&self) -> Vec<Key> {
        let places = self.text.lines().filter_map(|line| line.strip_prefix("<!-- keys: ")?.strip_suffix(" -->"));
        let rows = |place: &str| -> Vec<Key> {
            let rows = self.rows(&format!("<!-- keys: {place} -->"));
            let key = |row: Vec<String>| Key { place: place.to_owned(), name: code(&row[0]), example: codes(&row[3]) };
            rows.into_iter().map(key).collect()
        };
        places.flat_map(rows).collect()
    }

    /// The rows of the table of refused keys.
    pub(super) fn refused(&self) -> Vec<Key> {
        let key = |row: Vec<String>| {
            let example = code(&row[1]);
            Key { place: row[0].clone(), name: example.split(':').next().unwrap_or_default().to_owned(), example }
        };
        self.rows("<!-- refused -->").into_iter().map(key).collect()
    }

    /// The first cells of the table behind a mark.
    pub(super) fn first_cells(&self, mark: &str) -> BTreeSet<String> {
        self.rows(mark).iter().map(|row| code(&row[0])).collect()
    }

    /// Whether a word stands in code quotes somewhere.
    pub(super) fn quotes(&self, word: &str) -> bool {
        self.quoted().any(|quoted| quoted == word)
    }

    /// The cells of the table behind a mark, row by row.
    pub(super) fn rows(&self, mark: &str) -> Vec<Vec<String>> {
        let (_, behind) = self.text.split_once(mark).unwrap_or_else(|| panic!("{} has no {mark}", self.name));
        let lines = behind.trim_start().lines().take_while(|line| line.starts_with('|'));
        let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let rows: Vec<Vec<String>> = lines.skip(2).map(cells).collect();
        assert!(!rows.is_empty(), "{}: no table behind {mark}", self.name);
        rows
    }

    /// What its links to other files point at.
    pub(super) fn links(&self) -> Vec<String> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let files = targets.filter(|target| !target.starts_with("http") && !target.starts_with('#'));
        files.map(|target| target.split('#').next().unwrap_or_default().to_owned()).collect()
    }

    /// Paths of the repository in code quotes.
    pub(super) fn quoted_paths(&self) -> Vec<String> {
        let folders = ["src/", "tests/", "config/", "examples/", "docs/", "scripts/", "benches/", ".ci/"];
        let is_path = |text: &String| {
            folders.iter().any(|folder| text.starts_with(folder)) && !text.contains(|c: char| " *<{…".contains(c))
        };
        self.quoted().filter(is_path).collect()
    }

    /// Sentences with underscores in code quotes: tests.
    pub(super) fn quoted_tests(&self) -> Vec<String> {
        let is_sentence = |text: &String| {
            !text.starts_with("countersign_")
                && text.matches('_').count() >= 4
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        self.quoted().filter(is_sentence).collect()
    }

    fn quoted(&self) -> impl Iterator<Item = String> {
        let outside_blocks = self.text.split("```").step_by(2);
        outside_blocks.flat_map(|text| text.split('`').skip(1).step_by(2)).map(ToOwned::to_owned)
    }
}

/// What stands between the backquotes of a cell, a line for each pair.
fn codes(cell: &str) -> String {
    cell.split('`').skip(1).step_by(2).collect::<Vec<_>>().join("\n")
}

/// What stands between the first backquotes of a cell.
fn code(cell: &str) -> String {
    cell.split('`').nth(1).unwrap_or_default().to_owned()
}
