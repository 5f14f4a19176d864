//! Reads the corpus; tests/hostile/README.md says how a case is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A request that somebody sends who means no good, or one variant of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The file, the case and the variant.
    pub name: String,
    /// What must be answered, and what becomes of the connection.
    pub expect: String,
    /// What the sender does when it has sent everything.
    pub then: Then,
    /// Whether it makes sense for senders alone, and not for the app.
    pub inbound_only: bool,
    /// What is sent, not filled in yet.
    pub lines: Vec<String>,
}

/// What a sender does when it has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It waits for the answers.
    Wait,
    /// It closes its side, and waits for the answers.
    End,
    /// It closes the connection.
    Leave,
}

/// All cases of a folder of the corpus.
pub(crate) fn cases(folder: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let cases: Vec<_> = files.iter().flat_map(|path| file(path)).collect();
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    cases
}

fn file(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap();
    let topic = path.file_stem().unwrap().to_str().unwrap();
    // What stands before the first case is for the reader.
    text.split("\n== ").skip(1).flat_map(|text| variants(topic, text)).collect()
}

fn variants(topic: &str, text: &str) -> Vec<Case> {
    let (title, rest) = text.split_once('\n').unwrap_or_else(|| panic!("{topic}: a case without lines: {text}"));
    let name = format!("{topic}: {title}");
    let (mut source, mut expect, mut then, mut inbound_only) = (None, None, Then::Wait, false);
    let (mut lines, mut variants) = (Vec::new(), Vec::new());
    for line in rest.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        match key {
            "|" => lines.push(value.to_owned()),
            "*" => variants.push(value.to_owned()),
            "source:" => source = Some(value),
            "expect:" => expect = Some(value.to_owned()),
            "then:" if value == "end" => then = Then::End,
            "then:" if value == "leave" => then = Then::Leave,
            "only:" if value == "inbound" => inbound_only = true,
            _ => panic!("{name}: a line that means nothing: {line}"),
        }
    }
    assert!(source.is_some_and(|source| !source.is_empty()), "{name} does not say where it is from");
    let expect = expect.unwrap_or_else(|| panic!("{name} expects nothing"));
    let is_template = lines.iter().any(|line| line.contains("{*}"));
    assert!(!lines.is_empty() && is_template != variants.is_empty(), "{name}: lines and variants do not fit");
    if !is_template {
        return vec![Case { name, expect, then, inbound_only, lines }];
    }
    let filled = |variant: &String| lines.iter().map(|line| line.replace("{*}", variant)).collect();
    let case = |variant: &String| Case {
        name: format!("{name} [{variant}]"),
        expect: expect.clone(),
        then,
        inbound_only,
        lines: filled(variant),
    };
    variants.iter().map(case).collect()
}
