use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::DOCUMENT;
use super::super::route::ROUTES;
use super::rig::{Kept::*, at, upstream, with_rig};
use super::schema::mismatch;
use crate::store::ledger::Next;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// The parameters of every operation that is described, by its method and path.
fn described(document: &Value) -> BTreeMap<(String, String), BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let all = operation["parameters"].as_array().into_iter().flatten();
            let query = all.filter(|parameter| parameter["in"] == "query");
            let names = query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
            ((method.to_uppercase(), path.clone()), names)
        })
    });
    operations.collect()
}

#[test]
fn the_document_has_every_route_with_its_parameters_and_no_other() {
    let routes = ROUTES.iter().map(|route| {
        let parameters = route.parameters.iter().map(|name| (*name).to_owned()).collect();
        ((route.method.to_string(), route.path.to_owned()), parameters)
    });

    assert_eq!(described(&document()), routes.collect());
}

#[test]
fn every_reference_of_the_document_points_somewhere() {
    let document = document();
    let targets = DOCUMENT.split("\"$ref\": \"#").skip(1).map(|rest| rest.split('"').next().unwrap());

    for target in targets {
        assert!(document.pointer(target).is_some(), "{target}");
    }
}

#[test]
fn every_schema_is_used() {
    for name in document()["components"]["schemas"].as_object().unwrap().keys() {
        assert!(DOCUMENT.contains(&format!("#/components/schemas/{name}\"")), "{name}");
    }
}

#[test]
fn every_answer_is_as_described() {
    with_rig(InALedger, async |rig| {
        let document = document();
        let id = rig.accept(upstream("app"), "evt_1", 0).await.to_string();
        rig.attempt(upstream("app"), Next::Due(at(7200))).await;
        assert_eq!(rig.post("/upstreams/app/pause", r#"{"reason": "test"}"#).await.status, 200);

        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
            for (id, name, query) in
                [(id.as_str(), "partner", ""), (&id, "app", "?state=dead"), ("none", "none", "?x=1")]
            {
                let path = route.path.replace("{id}", id).replace("{name}", name) + query;
                let asked = rig.ask(route.method.clone(), &path, "").await;
                let mut response = &operation["responses"][asked.status.to_string()];
                if let Some(target) = response["$ref"].as_str() {
                    response = document.pointer(target.trim_start_matches('#')).unwrap();
                }
                let schema = &response["content"]["application/json"]["schema"];
                assert!(schema.is_object(), "{path} answers {}, which is not described", asked.status);
                assert_eq!(mismatch(&document, schema, &asked.json()), None, "{path}");
            }
        }
    });
}

#[test]
fn what_is_not_as_described_is_found() {
    let document = document();
    let schema = &document["components"]["schemas"]["Changed"];

    for wrong in [r#"{}"#, r#"{"changed": "1"}"#, r#"{"changed": 1, "more": 1}"#, "[]"] {
        assert!(mismatch(&document, schema, &serde_json::from_str(wrong).unwrap()).is_some(), "{wrong}");
    }
}
