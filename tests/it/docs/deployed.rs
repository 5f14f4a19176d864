//! The files by which it is deployed hold configurations, too.

use std::time::Duration;

use serde_json::Value;

use super::page::{Page, read};
use super::trial::Trial;

const COMPOSE: &str = "examples/compose.countersign.yaml";
const SIDECAR: &str = "examples/kubernetes/sidecar.yaml";
const VALUES: &str = "examples/helm/countersign/values.yaml";

pub(super) fn parse(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The objects of the sidecar's file, by their kinds.
fn manifest(kind: &str) -> Value {
    let text = read(SIDECAR);
    let found = text.split("\n---\n").map(parse).find(|object| object["kind"] == kind);
    found.unwrap_or_else(|| panic!("{SIDECAR} has no {kind}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Every configuration that a deployment brings, and where it stands.
fn configurations() -> [(&'static str, String); 4] {
    let debian = "scripts/debian/countersign.yaml";
    [
        (COMPOSE, read(COMPOSE)),
        (debian, read(debian)),
        (SIDECAR, text(&manifest("ConfigMap")["data"]["countersign.yaml"])),
        (VALUES, text(&parse(&read(VALUES))["config"])),
    ]
}

#[test]
fn every_configuration_of_a_deployment_can_be_used_and_is_asked_by_its_health_check() {
    let trial = Trial::new();
    for (name, config) in configurations() {
        trial.accepts(&config, name);
        // Where `countersign health` asks by itself.
        assert_eq!(parse(&config)["admin"]["listen"], "127.0.0.1:9090", "{name}");
    }
}

#[test]
fn the_page_of_compose_shows_the_configuration_that_is_shipped() {
    let shipped = parse(&read(COMPOSE));
    let shown: Vec<Value> =
        Page::read("docs/deploying/docker.md").yaml_blocks().iter().map(|block| parse(&block.text)).collect();

    assert_eq!(shown, [shipped]);
}

#[test]
fn every_service_of_compose_runs_without_privileges() {
    let compose = parse(&read("examples/compose.yaml"));
    let services = compose["services"].as_object().unwrap();

    assert_eq!(services.len(), 2);
    for (name, service) in services {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]), "{name}");
    }
}

#[test]
fn a_sidecar_stays_beside_the_app_and_has_more_time_than_its_drain() {
    let pod = &manifest("StatefulSet")["spec"]["template"]["spec"];
    let config = parse(&text(&manifest("ConfigMap")["data"]["countersign.yaml"]));
    let drain = text(&config["shutdown"]);
    let drain = Duration::from_secs(drain.strip_suffix('s').unwrap().parse().unwrap());

    assert_eq!(pod["initContainers"][0]["restartPolicy"], "Always");
    assert!(Duration::from_secs(pod["terminationGracePeriodSeconds"].as_u64().unwrap()) > drain);
    for container in ["initContainers", "containers"] {
        let context = &pod[container][0]["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true, "{container}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{container}");
    }
}
