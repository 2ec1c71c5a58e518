//! The JSON API by hand: what official clients do not send, and what they send wrongly.

use serde_json::{Value, json};

use crate::support::World;

async fn multipart(world: &World, query: &str, body: &str) -> reqwest::Response {
    let path = format!("/upload/storage/v1/b/bkt/o?uploadType=multipart&{query}");
    let request = world
        .ask("POST", &path)
        .header("content-type", "multipart/related; boundary=b1");
    request.body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn two_and_three_parts_are_taken() {
    let world = World::new().await;
    let two = "--b1\r\ncontent-type: application/json\r\n\r\n{\"name\": \"two\", \"contentType\": \"text/csv\"}\r\n\
               --b1\r\ncontent-type: text/plain\r\n\r\nhello\r\n--b1--\r\n";
    let object: Value = multipart(&world, "", two).await.json().await.unwrap();
    assert_eq!(object["name"], "two");
    assert_eq!(object["contentType"], "text/csv");
    assert_eq!(object["size"], "5");
    assert_eq!(object["crc32c"], "mnG7TA==");
    assert_eq!(object["md5Hash"], "XUFAKrxLKna5cZ2REBfFkg==");
    let three =
        "--b1\r\n\r\n{}\r\n--b1\r\n\r\nhello\r\n--b1\r\n\r\n{\"crc32c\": \"mnG7TA==\"}\r\n--b1--";
    assert_eq!(multipart(&world, "name=three", three).await.status(), 200);
    let wrong = three.replace("mnG7TA==", "AAAAAA==");
    let refused = multipart(&world, "name=wrong", &wrong).await;
    assert_eq!(refused.status(), 400);
    let error: Value = refused.json().await.unwrap();
    assert_eq!(error["error"]["code"], 400);
    assert_eq!(error["error"]["errors"][0]["reason"], "invalid");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("calculated CRC32C \"mnG7TA==\"")
    );
    assert_eq!(world.read("wrong").await, Err(404));
}

#[tokio::test]
async fn a_malformed_multipart_body_stores_nothing() {
    let world = World::new().await;
    for body in [
        "",
        "--b1\r\n\r\n{}\r\n--b1--",
        "--b1\r\n\r\n{}\r\n--b1\r\n\r\nhello",
        "--b1\r\n\r\n{not json\r\n--b1\r\n\r\nhello\r\n--b1--",
        "--b1\r\n\r\n{\"metadata\": 5}\r\n--b1\r\n\r\nhello\r\n--b1--",
        "--b1\r\n\r\n{\"name\": \"other\"}\r\n--b1\r\n\r\nhello\r\n--b1--",
    ] {
        let refused = multipart(&world, "name=a", body).await;
        assert_eq!(refused.status(), 400, "{body:?}");
    }
    assert_eq!(world.read("a").await, Err(404));
    let kind = "/upload/storage/v1/b/bkt/o?uploadType=carrier-pigeon&name=a";
    assert_eq!(world.ask("POST", kind).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn bytes_alone_are_taken() {
    let world = World::new().await;
    let path = "/upload/storage/v1/b/bkt/o?uploadType=media&name=runs%2Fa+b";
    let request = world
        .ask("POST", path)
        .header("content-type", "text/plain")
        .body("hello");
    let object: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(object["name"], "runs/a b");
    let media = object["mediaLink"].as_str().unwrap();
    assert!(media.starts_with(&world.storage.endpoint()), "{media}");
    let response = reqwest::get(media).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(
        response.headers()["x-goog-hash"],
        "crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg=="
    );
    assert_eq!(response.text().await.unwrap(), "hello");
    let wrong = world
        .ask("POST", path)
        .header("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")
        .body("hello");
    assert_eq!(wrong.send().await.unwrap().status(), 400);
    let nameless = "/upload/storage/v1/b/bkt/o?uploadType=media";
    assert_eq!(
        world
            .ask("POST", nameless)
            .body("x")
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
    let long = format!(
        "/upload/storage/v1/b/bkt/o?uploadType=media&name={}",
        "n".repeat(1025)
    );
    assert_eq!(
        world
            .ask("POST", &long)
            .body("x")
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
}

#[tokio::test]
async fn metadata_is_patched_field_by_field() {
    let world = World::new().await;
    world.write("a", "x").await;
    let patch = |query: &'static str, body: Value| {
        world
            .ask("PATCH", &format!("/storage/v1/b/bkt/o/a?{query}"))
            .json(&body)
            .send()
    };
    let changed = patch(
        "ifMetagenerationMatch=1",
        json!({"metadata": {"k": "v", "l": "w"}, "contentLanguage": "de"}),
    );
    let changed: Value = changed.await.unwrap().json().await.unwrap();
    assert_eq!(changed["metageneration"], "2");
    let changed = patch(
        "",
        json!({"metadata": {"k": null}, "contentLanguage": null}),
    );
    let changed: Value = changed.await.unwrap().json().await.unwrap();
    assert_eq!(changed["metadata"], json!({"l": "w"}));
    assert!(changed["contentLanguage"].is_null());
    assert!(changed["updated"].as_str() >= changed["timeCreated"].as_str());
    assert_eq!(
        patch("ifMetagenerationMatch=1", json!({}))
            .await
            .unwrap()
            .status(),
        412
    );
    assert_eq!(
        patch("", json!({"metadata": {"k": 5}}))
            .await
            .unwrap()
            .status(),
        400
    );
    let held = patch("", json!({"temporaryHold": true})).await.unwrap();
    assert_eq!(held.status(), 200);
    let deleted = world
        .ask("DELETE", "/storage/v1/b/bkt/o/a")
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status(), 403);
}

#[tokio::test]
async fn objects_are_copied_and_composed_over_json() {
    let world = World::new().await;
    world.write("d/a", "one").await;
    let copied = world
        .ask("POST", "/storage/v1/b/bkt/o/d%2Fa/copyTo/b/bkt/o/d%2Fb")
        .json(&json!({}))
        .send();
    assert_eq!(copied.await.unwrap().status(), 200);
    let path = "/storage/v1/b/bkt/o/d%2Fa/rewriteTo/b/bkt/o/c?ifSourceGenerationMatch=1";
    assert_eq!(world.ask("POST", path).send().await.unwrap().status(), 412);
    let body = json!({"sourceObjects": [{"name": "d/a"}, {"name": "d/b"}], "destination": {"contentType": "a/b"}});
    let composed = world
        .ask("POST", "/storage/v1/b/bkt/o/whole/compose")
        .json(&body)
        .send()
        .await
        .unwrap();
    let composed: Value = composed.json().await.unwrap();
    assert_eq!(composed["componentCount"], 2);
    assert_eq!(world.read("whole").await.unwrap(), "oneone");
    let none = world
        .ask("POST", "/storage/v1/b/bkt/o/whole/compose")
        .json(&json!({"sourceObjects": []}));
    assert_eq!(none.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn errors_have_googles_shape() {
    let world = World::new().await;
    let missing = world
        .ask("GET", "/storage/v1/b/bkt/o/a")
        .send()
        .await
        .unwrap();
    assert_eq!(missing.status(), 404);
    let error: Value = missing.json().await.unwrap();
    assert_eq!(error["error"]["errors"][0]["reason"], "notFound");
    assert_eq!(error["error"]["message"], "No such object: bkt/a");
    let media = world
        .ask("GET", "/storage/v1/b/bkt/o/a?alt=media")
        .send()
        .await
        .unwrap();
    assert_eq!(media.status(), 404);
    assert_eq!(media.text().await.unwrap(), "No such object: bkt/a");
    for (method, path, status) in [
        ("GET", "/storage/v1/b/none/o", 404),
        ("GET", "/storage/v1/b/bkt/o/runs/r", 404),
        ("PUT", "/storage/v1/b", 405),
        ("GET", "/storage/v1/b", 400),
        ("GET", "/storage/v2/b", 404),
        ("GET", "/storage/v1/b/bkt/o/a?generation=x", 400),
        ("POST", "/google.storage.v2.Storage/Nothing", 200),
    ] {
        let answer = world.ask(method, path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        if status == 200 {
            assert_eq!(answer.headers()["grpc-status"], "12");
        }
    }
}

#[tokio::test]
async fn an_entity_tag_tells_whether_it_changed() {
    let world = World::new().await;
    world.write("a", "x").await;
    let object: Value = world
        .ask("GET", "/storage/v1/b/bkt/o/a")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let etag = object["etag"].as_str().unwrap();
    let get = |header: &'static str| {
        world
            .ask("GET", "/storage/v1/b/bkt/o/a")
            .header(header, etag)
            .send()
    };
    assert_eq!(get("if-none-match").await.unwrap().status(), 304);
    assert_eq!(get("if-match").await.unwrap().status(), 200);
    world.write("a", "y").await;
    assert_eq!(get("if-none-match").await.unwrap().status(), 200);
    assert_eq!(get("if-match").await.unwrap().status(), 412);
}

#[tokio::test]
async fn buckets_have_settings() {
    let world = World::new().await;
    let body = json!({"name": "other", "location": "europe-west1", "labels": {"a": "1"}});
    let make = || {
        world
            .ask("POST", "/storage/v1/b?project=p")
            .json(&body)
            .send()
    };
    let made: Value = make().await.unwrap().json().await.unwrap();
    assert_eq!(made["location"], "EUROPE-WEST1");
    assert_eq!(make().await.unwrap().status(), 409);
    let patch = |body: Value| world.ask("PATCH", "/storage/v1/b/other").json(&body).send();
    let changed: Value = patch(json!({"labels": {"a": null, "b": "2"}}))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(changed["labels"], json!({"b": "2"}));
    assert_eq!(changed["metageneration"], "2");
    assert_eq!(
        patch(json!({"versioning": {"enabled": true}}))
            .await
            .unwrap()
            .status(),
        501
    );
    let listed = world
        .ask("GET", "/storage/v1/b?project=p")
        .send()
        .await
        .unwrap();
    let listed: Value = listed.json().await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let deleted = world
        .ask("DELETE", "/storage/v1/b/other")
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status(), 204);
}
