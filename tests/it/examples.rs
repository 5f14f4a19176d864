//! The alert rules and the dashboard name what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Every metric, as the operations manual has it; another test compares that with the program.
fn metrics() -> BTreeSet<String> {
    let manual = read("docs/operations.md");
    let (_, table) = manual.split_once("<!-- metrics -->").unwrap();
    let rows = table.trim_start().lines().take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

/// The labels of each metric, as the operations manual has them.
fn labels() -> BTreeMap<String, BTreeSet<String>> {
    let manual = read("docs/operations.md");
    let (_, table) = manual.split_once("<!-- metrics -->").unwrap();
    let rows = table.trim_start().lines().take_while(|line| line.starts_with('|'));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let row = |row: &str| {
        let cells: Vec<&str> = row.split('|').collect();
        Some((cells[1].trim().strip_prefix('`')?.strip_suffix('`')?.to_owned(), quoted(cells[2])))
    };
    rows.filter_map(row).collect()
}

/// What expressions ask of a metric's labels: metric, label and value.
fn asked(expressions: &[String]) -> Vec<(String, String, String)> {
    let mut asked = Vec::new();
    for expression in expressions {
        for (start, _) in expression.match_indices("countersign_") {
            let rest = &expression[start..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let Some((matchers, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else { continue };
            for matcher in matchers.split(',') {
                let (label, value) = matcher.split_once('=').unwrap();
                let value = value.trim_start_matches('~').trim_matches('"');
                let name = name.trim_end_matches("_bucket").to_owned();
                asked.push((name, label.trim_end_matches('!').to_owned(), value.to_owned()));
            }
        }
    }
    asked
}

/// The metrics that expressions name, without what a histogram adds to its name.
fn named<'a>(expressions: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expressions.into_iter().flat_map(|text| text.split(move |c| !is_part(c)));
    let names = words.filter(|word| word.starts_with("countersign_"));
    names.map(|name| name.trim_end_matches("_bucket").to_owned()).collect()
}

/// The rules, and what each must have.
fn rules() -> Vec<(String, String)> {
    let document: Value = serde_yaml::from_str(&read("examples/prometheus-alerts.yaml")).unwrap();
    let rules = document["groups"][0]["rules"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned();
    let rule = |rule: &Value| {
        let severity = text(&rule["labels"]["severity"]);
        assert!(["page", "ticket"].contains(&&*severity), "{severity}");
        assert!(
            !text(&rule["annotations"]["summary"]).is_empty() && !text(&rule["annotations"]["description"]).is_empty()
        );
        (text(&rule["alert"]), text(&rule["expr"]))
    };
    rules.iter().map(rule).collect()
}

/// Every expression of the dashboard.
fn expressions() -> Vec<String> {
    let document: Value = serde_json::from_str(&read("examples/grafana-dashboard.json")).unwrap();
    let panels = document["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_alert_has_a_name_of_its_own_and_asks_for_metrics_that_there_are() {
    let (rules, metrics) = (rules(), metrics());
    let names: BTreeSet<&str> = rules.iter().map(|(name, _)| name.as_str()).collect();

    assert_eq!(names.len(), rules.len());
    let unknown: Vec<_> =
        named(rules.iter().map(|(_, expression)| expression.as_str())).difference(&metrics).cloned().collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn alerts_and_dashboard_ask_for_labels_that_there_are_and_for_words_that_they_have() {
    let (labels, manual) = (labels(), read("docs/operations.md"));
    let rules = rules().into_iter().map(|(_, expression)| expression);
    let asked = asked(&rules.chain(expressions()).collect::<Vec<_>>());

    assert!(asked.len() > 20, "{asked:?}");
    for (metric, label, value) in asked {
        assert!(label == "instance" || labels[&metric].contains(&label), "{metric} has no {label}");
        // What is left of a pattern, or of the dashboard's variables, is no word.
        for word in value.split('|').filter(|word| !word.contains(['$', '.'])) {
            assert!(manual.contains(&format!("`{word}`")), "{metric} {label} {word}");
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    assert_eq!(named(expressions().iter().map(String::as_str)), metrics());
}

#[test]
fn every_panel_of_the_dashboard_has_a_place_of_its_own() {
    let document: Value = serde_json::from_str(&read("examples/grafana-dashboard.json")).unwrap();
    let mut taken = BTreeSet::new();
    for panel in document["panels"].as_array().unwrap() {
        let place = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{}", panel["title"]);
            }
        }
    }
}
