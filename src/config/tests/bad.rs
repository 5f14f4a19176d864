//! `tests/config/bad`: a file for every mistake, and beside it what is said.
//!
//! `COUNTERSIGN_BLESS=1` writes the messages anew; read the difference before
//! it is committed.

use std::path::{Path, PathBuf};

use super::given::{SECRET, environment, now};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/bad")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

fn message(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("it can be read");
    let name = path.file_name().expect("it has a name").to_string_lossy();
    match crate::config::parse(&text, &name, &environment(), now()) {
        Ok(_) => format!("{name} was accepted\n"),
        Err(errors) => format!("{errors}\n"),
    }
}

#[test]
fn every_mistake_is_told_as_written_beside_it() {
    let bless = std::env::var_os("COUNTERSIGN_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files() {
        let found = message(&path);
        let beside = path.with_extension("stderr");
        if bless {
            std::fs::write(&beside, &found).expect("it can be written");
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            wrong.push(format!("{}\n--- expected\n{expected}--- found\n{found}", path.display()));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A file named after one mistake shows that one only; `several-` files show more.
#[test]
fn a_mistake_is_told_once() {
    for path in files() {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let count = message(&path).lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(count == 1, !name.starts_with("several-"), "{name} has {count} messages");
    }
}

/// The files hold `hunter2` wherever somebody might put a secret by mistake.
#[test]
fn no_message_holds_a_secret() {
    for path in files() {
        let message = message(&path);
        assert!(!message.contains("hunter2") && !message.contains(SECRET), "{}:\n{message}", path.display());
    }
}

/// Line and column of a message are where the caret stands.
#[test]
fn the_caret_stands_in_the_column_that_is_named() {
    for path in files() {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let name = path.file_name().expect("it has a name").to_string_lossy();
        let errors = crate::config::parse(&text, &name, &environment(), now()).expect_err("a mistake");
        for error in errors.errors {
            let Some(place) = &error.place else { continue };
            let shown = error.to_string();
            let caret_line = shown.lines().find(|line| line.trim_start().starts_with("| ") && line.contains('^'));
            let margin = place.line.to_string().len() + " | ".len();
            let caret = caret_line.expect("a caret").find('^').expect("a caret") - margin;
            let hidden = shown.contains("***");
            assert!(hidden || caret + 1 == place.column, "{shown}");
        }
    }
}
