//! The threat model names the tests that show it: they are there, and no row is without.

use std::collections::BTreeSet;

use super::page::{read, sources};

/// What stands before a table whose last column names tests.
const MARK: &str = "<!-- shown by tests -->";

/// What stands there where nothing is defended.
const OPEN: &str = "**Left to you**";

/// The functions that are run as tests. Those of a suite that is run for each store have no attribute of their own.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for (path, source) in [sources("src"), sources("tests")].concat() {
        let mut is_test = path.components().any(|part| part.as_os_str() == "conformance");
        let is_suite = is_test;
        for line in source.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let Some((_, behind)) = line.split_once("fn ") else { continue };
            let name: String = behind.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if is_test && !line.starts_with("//") {
                tests.insert(name);
                is_test = is_suite;
            }
        }
    }
    tests
}

#[test]
fn every_row_of_the_threat_model_is_shown_by_tests_that_there_are() {
    let (page, tests) = (read("docs/security.md"), tests());
    let mut rows = 0;
    for table in page.split(MARK).skip(1) {
        let lines: Vec<&str> = table.trim_start().lines().take_while(|line| line.starts_with('|')).collect();
        assert!(lines.len() > 2 && lines[0].ends_with("| Shown by |"), "{:?}", lines.first());
        for line in &lines[2..] {
            let shown = line.trim_end_matches('|').rsplit('|').next().unwrap();
            let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
            assert!(!names.is_empty() || shown.contains(OPEN), "nothing shows this: {line}");
            for name in names {
                assert!(tests.contains(name), "there is no test {name}: {line}");
            }
            rows += 1;
        }
    }
    assert!(rows > 100, "{rows} rows");
}

/// The versions of a crate that stand in the lock file.
fn locked(lock: &str, name: &str) -> Vec<Vec<u64>> {
    let named = lock.split("[[package]]").filter(|package| package.contains(&format!("\nname = \"{name}\"\n")));
    let version = |package: &str| {
        let (_, behind) = package.split_once("\nversion = \"").unwrap();
        numbers(behind.split('"').next().unwrap())
    };
    named.map(version).collect()
}

/// The numbers of a version, without what stands behind them.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap();
    plain.split('.').map(|number| number.parse().unwrap()).collect()
}

#[test]
fn no_crate_is_older_than_its_advisories_ask() {
    let (lock, banned) = (read("Cargo.lock"), read("deny.toml"));
    let crates = banned.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split('"').next());
    let mut held = 0;
    for banned in crates {
        let (name, first) = banned.split_once(":<").unwrap_or((banned, ""));
        // A crate that is only an option of another stands in the lock file too: `cargo deny` knows which are built.
        if name == "ring" {
            continue;
        }
        for version in locked(&lock, name) {
            assert!(!first.is_empty() && version >= numbers(first), "{name} {version:?}, banned is {banned}");
            held += 1;
        }
    }
    assert!(held >= 4, "{held} crates of the lock file have a least version");
}
