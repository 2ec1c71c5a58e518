//! Listing, through the official Rust crate over gRPC and by hand over JSON.

use google_cloud_gax::paginator::ItemPaginator;
use serde_json::Value;

use crate::support::{BUCKET, World};

async fn with(names: &[&str]) -> World {
    let world = World::new().await;
    for name in names {
        world.write(name, "x").await;
    }
    world
}

async fn json(world: &World, query: &str) -> Value {
    let response = world
        .ask("GET", &format!("/storage/v1/b/bkt/o?{query}"))
        .send()
        .await;
    response.unwrap().json().await.unwrap()
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().into_iter().flatten();
    items.map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_prefix_a_start_and_a_glob_narrow_a_list() {
    let world = with(&[
        "a",
        "runs/1/claim",
        "runs/1/verdict",
        "runs/2/claim",
        "runs/2/x/claim",
        "z",
    ])
    .await;
    let list = || world.control.list_objects().set_parent(BUCKET);
    let names = |page: google_cloud_storage::model::ListObjectsResponse| {
        page.objects
            .into_iter()
            .map(|object| object.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(list().send().await.unwrap()).len(), 6);
    let prefixed = list().set_prefix("runs/2/").send().await.unwrap();
    assert_eq!(names(prefixed), ["runs/2/claim", "runs/2/x/claim"]);
    let started = list()
        .set_prefix("runs/")
        .set_lexicographic_start("runs/1/v");
    let started = started
        .set_lexicographic_end("runs/2/x")
        .send()
        .await
        .unwrap();
    assert_eq!(names(started), ["runs/1/verdict", "runs/2/claim"]);
    let globbed = list().set_match_glob("runs/*/claim").send().await.unwrap();
    assert_eq!(names(globbed), ["runs/1/claim", "runs/2/claim"]);
    let wrong = list().set_match_glob("{runs").send().await.unwrap_err();
    assert_eq!(
        wrong.status().unwrap().code,
        google_cloud_gax::error::rpc::Code::InvalidArgument
    );
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let names = (0..25)
        .map(|number| format!("o/{number:02}"))
        .collect::<Vec<_>>();
    let world = with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let request = world
        .control
        .list_objects()
        .set_parent(BUCKET)
        .set_page_size(10);
    let first = request.clone().send().await.unwrap();
    assert_eq!(first.objects.len(), 10);
    assert!(!first.next_page_token.is_empty());
    let mut items = request.by_item();
    let mut seen = Vec::new();
    while let Some(object) = items.next().await.transpose().unwrap() {
        seen.push(object.name);
    }
    assert_eq!(seen, names);
    let wrong = world
        .ask("GET", "/storage/v1/b/bkt/o?pageToken=%21")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
}

#[tokio::test]
async fn a_delimiter_folds_names_into_prefixes() {
    let world = with(&["a", "d/", "d/1", "d/2", "e/1", "z"]).await;
    let page = json(&world, "delimiter=/").await;
    assert_eq!(names(&page), ["a", "z"]);
    assert_eq!(page["prefixes"], serde_json::json!(["d/", "e/"]));
    let page = json(&world, "delimiter=/&includeTrailingDelimiter=true").await;
    assert_eq!(names(&page), ["a", "d/", "z"]);
    let page = json(&world, "delimiter=/&prefix=d/").await;
    assert_eq!(names(&page), ["d/", "d/1", "d/2"]);
    assert!(page["prefixes"].is_null());

    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let page = json(
            &world,
            &format!("delimiter=/&maxResults=1&pageToken={token}"),
        )
        .await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        seen.extend(
            page["prefixes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|p| p.as_str().unwrap().to_owned()),
        );
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "d/", "e/", "z"]);
}

#[tokio::test]
async fn offsets_bound_a_list() {
    let world = with(&["a", "b", "c", "d"]).await;
    assert_eq!(
        names(&json(&world, "startOffset=b&endOffset=d").await),
        ["b", "c"]
    );
    assert_eq!(names(&json(&world, "prefix=q").await), Vec::<&str>::new());
    let wrong = world
        .ask("GET", "/storage/v1/b/bkt/o?maxResults=many")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 400);
}
