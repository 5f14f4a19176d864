//! What the documents and the shipped configurations say is tried with the program itself.
//!
//! A YAML block is a whole configuration if its info string is `yaml`. With a second word it is a part of one, which
//! [`place::embed`] completes: ```` ```yaml source ```` holds keys of a source, and so on. A table of keys is preceded by
//! `<!-- keys: source -->`, one of refused keys by `<!-- refused -->`.
//!
//! A block of `yaml manifest` is for another program, and only has to be YAML.
//!
//! Certificates and secrets in `/etc/countersign` and `/run` stand in a folder of the test instead, and every
//! variable that a configuration names holds a dummy secret.

mod deployed;
mod page;
mod place;
mod schema;
mod threats;
mod trial;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use countersign::telemetry::metrics;

use crate::support::{App, Operated};
use page::{Page, shipped};
use place::embed;
use schema::Schema;
use trial::{Trial, run};

/// Where the reference of all keys is.
const REFERENCE: &str = "docs/config.md";

#[test]
fn every_yaml_block_of_the_documents_is_a_configuration_that_can_be_used() {
    let trial = Trial::new();
    for page in Page::all() {
        for block in page.yaml_blocks() {
            if block.place == "manifest" {
                deployed::parse(&block.text);
                continue;
            }
            trial.accepts(&embed(&block.place, &block.text), &format!("{}:{}", page.name, block.line));
        }
    }
}

#[test]
fn every_shipped_configuration_can_be_used() {
    let trial = Trial::new();
    for path in shipped("config", "yaml") {
        let text = fs::read_to_string(&path).unwrap();
        trial.accepts(&text, &path.display().to_string());
    }
}

#[test]
fn the_readme_shows_configurations_that_are_shipped() {
    let shown = Page::read("README.md").yaml_blocks();
    for (block, path) in shown.iter().zip(["config/lmif.yaml", "config/outbound.yaml"]) {
        let shipped = page::read(path);
        let without_comments: Vec<&str> = shipped.lines().filter(|line| !line.starts_with('#')).collect();

        assert_eq!(block.text.lines().collect::<Vec<_>>(), without_comments, "{path}");
    }
    assert_eq!(shown.len(), 2);
}

#[test]
fn the_annotated_configuration_can_be_used_with_all_its_options() {
    let text = page::read("config/countersign.yaml");
    // A `#` that a key or an item follows at once is an option, not a comment.
    let options = text.lines().map(|line| match line.trim_start().strip_prefix('#') {
        Some(option) if option.starts_with(|first: char| first.is_ascii_lowercase() || first == '-') => {
            line.replacen('#', "", 1)
        }
        _ => line.to_owned(),
    });
    let all = options.map(|line| line + "\n").collect::<String>().replace("url: http://", "url: https://");

    assert_ne!(all.lines().count(), 0);
    Trial::new().accepts(&all, "config/countersign.yaml with all options");
}

#[test]
fn every_key_of_the_reference_is_accepted() {
    let trial = Trial::new();
    for key in Page::read(REFERENCE).keys() {
        trial.accepts(&embed(&key.place, &key.example), &format!("`{}` of {}", key.name, key.place));
    }
}

#[test]
fn every_key_that_is_not_available_is_refused_at_its_place() {
    let trial = Trial::new();
    for key in Page::read(REFERENCE).refused() {
        let refusal = trial.refusal(&embed(&key.place, &key.example));
        assert!(refusal.contains("not available in this version"), "{}:\n{refusal}", key.example);
    }
}

#[test]
fn every_key_that_the_program_knows_is_in_the_reference() {
    let (trial, page) = (Trial::new(), Page::read(REFERENCE));
    let (keys, refused) = (page.keys(), page.refused());
    let places: BTreeSet<&str> = keys.iter().map(|key| key.place.as_str()).collect();
    for place in places {
        let documented: BTreeSet<&str> =
            keys.iter().filter(|key| key.place == place).map(|key| key.name.as_str()).collect();
        // The message about an unknown key lists the known ones.
        let refusal = trial.refusal(&embed(place, "an-unknown-key: 1"));
        let (_, list) = refusal.split_once("the keys are ").unwrap_or_else(|| panic!("{place}:\n{refusal}"));
        let known = list.lines().next().unwrap().split('`').skip(1).step_by(2);
        let is_refused = |name: &&str| refused.iter().any(|key| key.place == place && key.name == *name);
        let known: BTreeSet<&str> = known.filter(|name| documented.contains(name) || !is_refused(name)).collect();
        assert_eq!(documented, known, "{place}");
    }
}

#[test]
fn every_structural_mistake_in_a_configuration_is_one_for_an_editor_too() {
    let schema = Schema::printed();
    let mut found = 0;
    for path in shipped("tests/config/bad", "yaml") {
        let text = fs::read_to_string(&path).unwrap();
        let told = fs::read_to_string(path.with_extension("stderr")).unwrap();
        let structural = ["unknown key", "has no `", "must be a map", "exactly one key", ", not both", ", found a "];
        // What depends on another part of the file is beyond an editor.
        let dependent = [", and ", "a key has no `encoding`"];
        let is_structural = |line: &&str| {
            line.starts_with("error: ")
                && !dependent.iter().any(|words| line.contains(words))
                && structural.iter().any(|words| line.contains(words))
        };
        let Some(mistake) = told.lines().find(is_structural) else { continue };
        let Some(complaints) = schema.complaints(&text) else { continue };
        found += 1;
        assert_ne!(complaints.len(), 0, "{}: {mistake}", path.display());
    }
    assert!(found > 50, "{found} mistakes");
}

#[test]
fn an_editor_can_say_what_every_key_means() {
    // Keys that a row of their parent explains.
    let explained = ["base64", "encoding-of-a-secret", "mode-of-delivery", "place-of-a-timestamp", "required-header"];
    let mut undescribed = Schema::printed().undescribed();
    undescribed.retain(|key| !explained.contains(&key.split('.').next().unwrap()));

    assert!(undescribed.is_empty(), "without a row in {REFERENCE}: {undescribed:?}");
}

#[test]
fn the_schema_is_what_the_command_prints() {
    is_printed("docs/countersign.schema.json", &["schema"]);
}

#[test]
fn the_page_of_schemes_is_what_the_command_prints() {
    is_printed("docs/schemes.md", &["schemes", "--format", "markdown"]);
}

/// With `COUNTERSIGN_BLESS=1`, writes the file anew.
fn is_printed(name: &str, arguments: &[&str]) {
    let printed = run(arguments);
    let path = page::root().join(name);
    if std::env::var_os("COUNTERSIGN_BLESS").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();

    assert!(written == printed, "{name} is out of date: run the tests with COUNTERSIGN_BLESS=1");
}

#[test]
fn every_route_and_every_word_of_the_api_is_in_the_operations_manual() {
    let document: serde_json::Value = serde_json::from_str(&page::read("src/admin/openapi.json")).unwrap();
    let manual = page::read("docs/operations.md");
    let words = document["components"]["schemas"]["Error"]["properties"]["error"]["enum"].as_array().unwrap();

    for path in document["paths"].as_object().unwrap().keys() {
        let (parent, last) = path.rsplit_once('/').unwrap();
        assert!(manual.contains(path) || manual.contains(parent) && manual.contains(&format!("`/{last}`")), "{path}");
    }
    for word in words {
        assert!(manual.contains(&format!("`{}`", word.as_str().unwrap())), "{word}");
    }
}

#[tokio::test]
async fn every_metric_and_every_word_of_its_labels_is_in_the_operations_manual() {
    let app = App::answering(200).await;
    let gateway = Operated::before(&app).await.gateway;
    let shown = gateway.admin("/metrics").await;
    let manual = Page::read("docs/operations.md");

    let names: BTreeSet<String> = metrics::names().map(str::to_owned).collect();
    assert_eq!(manual.first_cells("<!-- metrics -->"), names);
    assert_eq!(page::words_behind(shown.text(), "# TYPE "), names);
    for label in ["outcome=\"", "reason=\"", "state=\""] {
        for word in page::words_behind(shown.text(), label) {
            assert!(manual.quotes(&word), "{word}");
        }
    }
}

#[test]
fn every_folder_knows_only_what_the_architecture_says() {
    for row in Page::read("ARCHITECTURE.md").rows("<!-- folders -->").iter().filter(|row| row[1] != "all") {
        let folder = row[0].trim_matches('`').trim_end_matches('/');
        let itself = folder.trim_start_matches("src/");
        // A suite of tests may know whatever it needs.
        let is_suite =
            |path: &Path| ["conformance", "fuzz.rs"].iter().any(|name| path.iter().any(|part| part == *name));
        let sources = page::sources(folder).into_iter().filter(|(path, _)| !is_suite(path));
        let known: BTreeSet<String> = sources.flat_map(|(_, source)| page::words_behind(&source, "crate::")).collect();
        let allowed: BTreeSet<&str> = row[1].split(", ").chain([itself]).collect();
        let modules = known.iter().filter(|name| page::root().join(format!("src/{name}")).is_dir() || *name == "clock");
        for module in modules {
            assert!(allowed.contains(module.as_str()), "{folder} knows {module}");
        }
    }
}

#[test]
fn every_path_and_test_that_the_documents_name_exists() {
    let tests = page::test_names();
    for page in Page::all() {
        let folder = Path::new(&page.name).parent().unwrap().to_owned();
        for link in page.links() {
            assert!(page::root().join(&folder).join(&link).exists(), "{}: {link}", page.name);
        }
        for path in page.quoted_paths() {
            assert!(page::root().join(&path).exists(), "{}: {path}", page.name);
        }
        for name in page.quoted_tests() {
            assert!(tests.contains(&name), "{}: there is no test {name}", page.name);
        }
    }
}
