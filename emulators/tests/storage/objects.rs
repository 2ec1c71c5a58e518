//! Objects, through the official Rust crate.

use google_cloud_gax::error::rpc::Code;
use google_cloud_storage::model::Object;
use google_cloud_storage::model::compose_object_request::SourceObject;
use google_cloud_storage::model_ext::ReadRange;
use google_cloud_wkt::FieldMask;

use crate::support::{BUCKET, World};

#[tokio::test]
async fn an_object_that_was_written_is_read_with_its_metadata() {
    let world = World::new().await;
    let name = "runs/r 1/ö?#%.json";
    let written = world
        .client
        .write_object(BUCKET, name, "hello")
        .set_content_type("text/plain")
        .set_cache_control("no-store")
        .set_metadata([("run", "r 1")])
        .compute_md5()
        .send_unbuffered()
        .await
        .unwrap();
    assert_eq!(written.size, 5);
    assert_eq!(written.metageneration, 1);
    let checksums = written.checksums.as_ref().unwrap();
    assert_eq!(checksums.crc32c, Some(crc32c::crc32c(b"hello")));
    assert_eq!(checksums.md5_hash.len(), 16);
    assert_eq!(world.read(name).await.unwrap(), "hello");

    let read = world.client.read_object(BUCKET, name).send().await.unwrap();
    let highlights = read.object();
    assert_eq!(highlights.generation, written.generation);
    assert_eq!(highlights.metadata["run"], "r 1");

    let get = world
        .control
        .get_object()
        .set_bucket(BUCKET)
        .set_object(name);
    let object = get.send().await.unwrap();
    assert_eq!(object.generation, written.generation);
    assert_eq!(object.content_type, "text/plain");
    assert_eq!(object.cache_control, "no-store");
    assert_eq!(object.metadata["run"], "r 1");
    assert_eq!(object.checksums, written.checksums);
    let age = std::time::SystemTime::now()
        .duration_since(object.create_time.unwrap().try_into().unwrap())
        .unwrap();
    assert!(age.as_secs() < 60, "timeCreated is {age:?} ago");
}

#[tokio::test]
async fn buffered_and_empty_objects_are_written_too() {
    let world = World::new().await;
    let payload = bytes::Bytes::from_static(b"xyz");
    let buffered = world
        .client
        .write_object(BUCKET, "b", payload)
        .send_buffered()
        .await;
    assert_eq!(buffered.unwrap().size, 3);
    assert_eq!(world.read("b").await.unwrap(), "xyz");
    world.write("empty", "").await;
    assert_eq!(world.read("empty").await.unwrap(), "");
}

#[tokio::test]
async fn ranges_of_an_object_are_read() {
    let world = World::new().await;
    world.write("digits", "0123456789").await;
    for (range, expected) in [
        (ReadRange::segment(1, 3), "123"),
        (ReadRange::offset(7), "789"),
        (ReadRange::tail(2), "89"),
        (ReadRange::head(4), "0123"),
    ] {
        let request = world
            .client
            .read_object(BUCKET, "digits")
            .set_read_range(range);
        let mut response = request.send().await.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.next().await.transpose().unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
    let behind = world
        .client
        .read_object(BUCKET, "digits")
        .set_read_range(ReadRange::offset(10));
    assert_eq!(
        behind.send().await.err().unwrap().http_status_code(),
        Some(416)
    );
}

#[tokio::test]
async fn of_two_that_create_one_wins() {
    let world = World::new().await;
    let create = |text: &'static str| {
        let request = world.client.write_object(BUCKET, "claim", text);
        request.set_if_generation_match(0_i64).send_unbuffered()
    };
    let first = create("first").await.unwrap();
    let error = create("second").await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(412));
    assert_eq!(world.read("claim").await.unwrap(), "first");

    let replace = |generation: i64| {
        let request = world.client.write_object(BUCKET, "claim", "third");
        request
            .set_if_generation_match(generation)
            .send_unbuffered()
    };
    let second = replace(first.generation).await.unwrap();
    assert!(second.generation > first.generation);
    assert_eq!(
        replace(first.generation)
            .await
            .unwrap_err()
            .http_status_code(),
        Some(412)
    );
}

#[tokio::test]
async fn generations_only_grow() {
    let world = World::new().await;
    let mut last = 0;
    for number in 0..50 {
        let generation = world.write(&format!("n/{}", number % 7), "x").await;
        assert!(generation > last, "{generation} after {last}");
        last = generation;
    }
}

#[tokio::test]
async fn a_read_names_its_generation() {
    let world = World::new().await;
    let first = world.write("a", "one").await;
    let read = |generation: i64| {
        world
            .client
            .read_object(BUCKET, "a")
            .set_generation(generation)
            .send()
    };
    assert!(read(first).await.is_ok());
    let second = world.write("a", "two").await;
    assert_eq!(
        read(first).await.err().unwrap().http_status_code(),
        Some(404)
    );
    assert!(read(second).await.is_ok());
    let changed = world
        .client
        .read_object(BUCKET, "a")
        .set_if_generation_match(first);
    assert_eq!(
        changed.send().await.err().unwrap().http_status_code(),
        Some(412)
    );
    let unchanged = world
        .client
        .read_object(BUCKET, "a")
        .set_if_generation_not_match(second);
    assert_eq!(
        unchanged.send().await.err().unwrap().http_status_code(),
        Some(304)
    );
}

#[tokio::test]
async fn an_object_is_deleted_in_the_generation_that_is_meant() {
    let world = World::new().await;
    let generation = world.write("a", "one").await;
    let delete = |generation: i64| {
        let request = world
            .control
            .delete_object()
            .set_bucket(BUCKET)
            .set_object("a");
        request.set_if_generation_match(generation).send()
    };
    let stale = delete(generation - 1).await.unwrap_err();
    assert_eq!(stale.status().unwrap().code, Code::FailedPrecondition);
    assert_eq!(world.read("a").await.unwrap(), "one");
    delete(generation).await.unwrap();
    assert_eq!(world.read("a").await, Err(404));
    let missing = delete(generation).await.unwrap_err();
    assert_eq!(missing.status().unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    assert_eq!(world.read("nothing").await, Err(404));
    let get = world
        .control
        .get_object()
        .set_bucket(BUCKET)
        .set_object("nothing");
    let error = get.send().await.unwrap_err();
    assert_eq!(error.status().unwrap().code, Code::NotFound);
    let other = "projects/_/buckets/other";
    let write = world
        .client
        .write_object(other, "a", "x")
        .send_unbuffered()
        .await;
    assert_eq!(write.unwrap_err().http_status_code(), Some(404));
    let list = world.control.list_objects().set_parent(other).send().await;
    assert_eq!(list.unwrap_err().status().unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn a_wrong_checksum_is_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let request = world
        .client
        .write_object(BUCKET, "a", "hello")
        .with_known_crc32c(1_u32);
    assert_eq!(
        request
            .send_unbuffered()
            .await
            .unwrap_err()
            .http_status_code(),
        Some(400)
    );
    let request = world
        .client
        .write_object(BUCKET, "a", "hello")
        .with_known_md5_hash([0_u8; 16]);
    assert_eq!(
        request
            .send_unbuffered()
            .await
            .unwrap_err()
            .http_status_code(),
        Some(400)
    );
    assert_eq!(world.read("a").await, Err(404));
}

#[tokio::test]
async fn metadata_is_changed_without_a_new_generation() {
    let world = World::new().await;
    let generation = world.write("a", "one").await;
    let wanted = Object::new()
        .set_bucket(BUCKET)
        .set_name("a")
        .set_content_type("text/csv")
        .set_metadata([("k", "v")]);
    let update = |paths: &[&str], metageneration: i64| {
        let request = world.control.update_object().set_object(wanted.clone());
        let mask = FieldMask::default().set_paths(paths.iter().copied());
        request
            .set_update_mask(mask)
            .set_if_metageneration_match(metageneration)
            .send()
    };
    let changed = update(&["content_type", "metadata"], 1).await.unwrap();
    assert_eq!(
        (changed.generation, changed.metageneration),
        (generation, 2)
    );
    assert_eq!(changed.content_type, "text/csv");
    assert_eq!(changed.metadata["k"], "v");
    let stale = update(&["metadata"], 1).await.unwrap_err();
    assert_eq!(stale.status().unwrap().code, Code::FailedPrecondition);
    let unknown = update(&["size"], 2).await.unwrap_err();
    assert_eq!(unknown.status().unwrap().code, Code::InvalidArgument);
}

#[tokio::test]
async fn objects_are_composed_rewritten_and_moved() {
    let world = World::new().await;
    world.write("p/1", "one,").await;
    world.write("p/2", "two").await;
    let parts = ["p/1", "p/2"].map(|name| SourceObject::new().set_name(name));
    let target = Object::new()
        .set_bucket(BUCKET)
        .set_name("whole")
        .set_content_type("text/plain");
    let compose = world
        .control
        .compose_object()
        .set_destination(target)
        .set_source_objects(parts);
    let whole = compose.send().await.unwrap();
    assert_eq!(whole.component_count, 2);
    assert!(
        whole.checksums.unwrap().md5_hash.is_empty(),
        "a composite has no MD5"
    );
    assert_eq!(world.read("whole").await.unwrap(), "one,two");

    let rewrite = world
        .control
        .rewrite_object()
        .set_source_bucket(BUCKET)
        .set_source_object("whole")
        .set_destination_bucket(BUCKET)
        .set_destination_name("copy")
        .set_if_generation_match(0_i64);
    let rewritten = rewrite.clone().send().await.unwrap();
    assert!(rewritten.done);
    assert_eq!(rewritten.resource.unwrap().content_type, "text/plain");
    assert_eq!(world.read("copy").await.unwrap(), "one,two");
    let again = rewrite.send().await.unwrap_err();
    assert_eq!(again.status().unwrap().code, Code::FailedPrecondition);

    let moved = world.control.move_object().set_bucket(BUCKET);
    let moved = moved
        .set_source_object("copy")
        .set_destination_object("moved")
        .send()
        .await
        .unwrap();
    assert_eq!(moved.name, "moved");
    assert_eq!(world.read("copy").await, Err(404));
    assert_eq!(world.read("moved").await.unwrap(), "one,two");
}
