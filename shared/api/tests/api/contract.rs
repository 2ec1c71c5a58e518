//! The OpenAPI document: it is kept, and it says of every route what there is.

use axum::body::Body;
use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::Value;

use crate::site::{Site, request};

#[tokio::test]
async fn the_document_is_served_as_it_is_kept() {
    let site = Site::new().await;
    let served = site.get("/api/openapi.json").await;
    assert_eq!(served.header("content-type"), "application/json");
    assert_eq!(served.json()["openapi"], "3.1.0");
    let text = served.text.replace(env!("CARGO_PKG_VERSION"), "<version>");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        assert_snapshot!("openapi", text);
    });
}

#[tokio::test]
async fn every_operation_of_the_document_is_routed_and_every_route_is_in_it() {
    let site = Site::new().await;
    let document: Value = serde_json::from_str(&ork_api::openapi()).expect("JSON");
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            operations.push((method.to_uppercase(), path.clone()));
        }
    }
    assert!(operations.len() > 20, "{operations:?}");
    for (method, path) in &operations {
        let filled = path
            .replace("{name}", "nobody")
            .replace("{run}", "nobody")
            .replace("{task}", "a")
            .replace("{key}", "nobody");
        let asked = request(method, &filled).header("content-type", "application/json");
        let said = site
            .ask(asked.body(Body::from("{}")).expect("a request"))
            .await;
        assert_ne!(
            said.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {path}"
        );
        assert!(!said.text.contains("no such route"), "{method} {path}");
        // Of every other method of the same path it is known that there is none.
        for other in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if operations.contains(&(other.to_owned(), path.clone())) {
                continue;
            }
            let asked = request(other, &filled)
                .body(Body::empty())
                .expect("a request");
            let said = site.ask(asked).await;
            assert_eq!(
                said.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{other} {path} is not in the document"
            );
        }
    }
    let routes = include_str!("../../src/routes/mod.rs")
        .matches(".route(")
        .count();
    let paths = document["paths"].as_object().expect("paths").len();
    assert_eq!(routes, paths, "a path that is only routed");
}
