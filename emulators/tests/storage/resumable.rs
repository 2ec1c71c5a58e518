//! Uploads in chunks, through the official Rust crate and by hand.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Response;

use crate::support::{BUCKET, World};

const CHUNK: usize = 256 * 1024;

fn bytes(length: usize) -> bytes::Bytes {
    (0..length)
        .map(|at| (at % 251) as u8)
        .collect::<Vec<_>>()
        .into()
}

async fn start(world: &World, query: &str) -> String {
    let path = format!("/upload/storage/v1/b/bkt/o?uploadType=resumable&{query}");
    let started = world.ask("POST", &path).body("{}").send().await.unwrap();
    assert_eq!(started.status(), 200);
    let location = started.headers()["location"].to_str().unwrap();
    location
        .strip_prefix(&world.storage.endpoint())
        .unwrap()
        .to_owned()
}

async fn put(world: &World, path: &str, range: &str, body: bytes::Bytes) -> Response {
    world
        .ask("PUT", path)
        .header("content-range", range)
        .body(body)
        .send()
        .await
        .unwrap()
}

fn kept(response: &Response) -> Option<&str> {
    assert_eq!(response.status(), 308);
    response
        .headers()
        .get("range")
        .map(|range| range.to_str().unwrap())
}

#[tokio::test]
async fn the_official_crate_uploads_in_chunks() {
    let world = World::new().await;
    let data = bytes(700 * 1024);
    let buffered = world
        .client
        .write_object(BUCKET, "big", data.clone())
        .with_resumable_upload_threshold(0_usize)
        .with_resumable_upload_buffer_size(CHUNK)
        .set_if_generation_match(0_i64)
        .send_buffered()
        .await
        .unwrap();
    assert_eq!(buffered.size as usize, data.len());
    assert_eq!(
        buffered.checksums.unwrap().crc32c,
        Some(crc32c::crc32c(&data))
    );
    for precomputed in [true, false] {
        let name = format!("big {precomputed}");
        let request = world.client.write_object(BUCKET, name, data.clone());
        let request = request.with_checksum_precomputation(precomputed);
        let unbuffered = request
            .with_resumable_upload_threshold(0_usize)
            .send_unbuffered()
            .await
            .unwrap();
        assert_eq!(
            unbuffered.checksums.unwrap().crc32c,
            Some(crc32c::crc32c(&data))
        );
    }
    let empty = world.client.write_object(BUCKET, "nothing", "");
    let empty = empty
        .with_resumable_upload_threshold(0_usize)
        .send_buffered()
        .await
        .unwrap();
    assert_eq!(empty.size, 0);
}

#[tokio::test]
async fn an_upload_says_how_far_it_came() {
    let world = World::new().await;
    let upload = start(&world, "name=big").await;
    let data = bytes(2 * CHUNK + 10);
    assert_eq!(
        kept(&put(&world, &upload, "bytes */*", bytes::Bytes::new()).await),
        None
    );
    let first = put(
        &world,
        &upload,
        &format!("bytes 0-{}/*", CHUNK + 99),
        data.slice(..CHUNK + 100),
    )
    .await;
    assert_eq!(
        kept(&first),
        Some("bytes=0-262143"),
        "only whole chunks are kept"
    );
    let hole = put(
        &world,
        &upload,
        &format!("bytes {}-{}/*", 2 * CHUNK, 3 * CHUNK - 1),
        bytes(CHUNK),
    )
    .await;
    assert_eq!(hole.status(), 400);
    let small = put(
        &world,
        &upload,
        &format!("bytes {CHUNK}-{}/*", CHUNK + 9),
        bytes(10),
    )
    .await;
    assert_eq!(small.status(), 400);
    let asked = put(&world, &upload, "bytes */*", bytes::Bytes::new()).await;
    assert_eq!(kept(&asked), Some("bytes=0-262143"));
    assert_eq!(
        world.read("big").await,
        Err(404),
        "an unfinished upload is no object"
    );

    // The last chunk comes with bytes that are known already, as after a lost answer.
    let range = format!("bytes {}-{}/{}", CHUNK - 5, data.len() - 1, data.len());
    let done = put(&world, &upload, &range, data.slice(CHUNK - 5..)).await;
    assert_eq!(done.status(), 200);
    let object: serde_json::Value = done.json().await.unwrap();
    assert_eq!(
        object["crc32c"],
        BASE64_STANDARD.encode(crc32c::crc32c(&data).to_be_bytes())
    );
    let asked = put(&world, &upload, "bytes */*", bytes::Bytes::new()).await;
    assert_eq!(
        asked.status(),
        200,
        "a client that lost the answer asks again"
    );
    let again: serde_json::Value = asked.json().await.unwrap();
    assert_eq!(again["generation"], object["generation"]);
}

#[tokio::test]
async fn a_wrong_checksum_behind_the_last_chunk_stores_nothing() {
    let world = World::new().await;
    let upload = start(&world, "name=a").await;
    let request = world
        .ask("PUT", &upload)
        .header("x-goog-hash", "crc32c=AAAAAA==")
        .body("hello");
    assert_eq!(request.send().await.unwrap().status(), 400);
    assert_eq!(world.read("a").await, Err(404));
}

#[tokio::test]
async fn an_upload_that_lost_its_race_is_refused_at_its_end() {
    let world = World::new().await;
    let upload = start(&world, "name=a&ifGenerationMatch=0").await;
    world.write("a", "first").await;
    let late = world
        .ask("PUT", &upload)
        .body("second")
        .send()
        .await
        .unwrap();
    assert_eq!(late.status(), 412);
    assert_eq!(world.read("a").await.unwrap(), "first");
    let path = "/upload/storage/v1/b/bkt/o?uploadType=resumable&name=a&ifGenerationMatch=0";
    assert_eq!(world.ask("POST", path).send().await.unwrap().status(), 412);
}

#[tokio::test]
async fn an_upload_is_cancelled() {
    let world = World::new().await;
    let upload = start(&world, "name=a").await;
    assert_eq!(
        world.ask("DELETE", &upload).send().await.unwrap().status(),
        499
    );
    assert_eq!(
        world
            .ask("PUT", &upload)
            .body("x")
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test]
async fn a_content_range_that_is_none_is_refused() {
    let world = World::new().await;
    let upload = start(&world, "name=a").await;
    for range in [
        "bytes 5-1/10",
        "bytes 0-9/5",
        "0-4/5",
        "bytes 0-4",
        "bytes 0-99/100",
        "bytes a-b/c",
    ] {
        let answer = put(&world, &upload, range, bytes(5)).await;
        assert_eq!(answer.status(), 400, "{range}");
    }
}
