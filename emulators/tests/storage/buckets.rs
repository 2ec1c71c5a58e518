//! Buckets through the official Rust crate, wiping, and the end of the server.

use google_cloud_gax::error::rpc::Code;

use crate::support::{BUCKET, World};

#[tokio::test]
async fn buckets_are_made_listed_and_deleted() {
    let world = World::new().await;
    let create = |id: &str| {
        world
            .control
            .create_bucket()
            .set_parent("projects/p1")
            .set_bucket_id(id)
            .send()
    };
    let bucket = create("second").await.unwrap();
    assert_eq!(bucket.name, "projects/_/buckets/second");
    assert_eq!(
        create("second").await.unwrap_err().status().unwrap().code,
        Code::AlreadyExists
    );
    assert_eq!(
        create("No Bucket")
            .await
            .unwrap_err()
            .status()
            .unwrap()
            .code,
        Code::InvalidArgument
    );
    let listed = world
        .control
        .list_buckets()
        .set_parent("projects/p1")
        .send()
        .await
        .unwrap();
    assert_eq!(listed.buckets.len(), 1);

    world.write("a", "x").await;
    let delete = |name: &str| world.control.delete_bucket().set_name(name).send();
    assert!(
        delete(BUCKET).await.is_err(),
        "a bucket with an object was deleted"
    );
    delete("projects/_/buckets/second").await.unwrap();
    let get = world
        .control
        .get_bucket()
        .set_name("projects/_/buckets/second")
        .send();
    assert_eq!(
        get.await.unwrap_err().status().unwrap().code,
        Code::NotFound
    );
}

#[tokio::test]
async fn wiping_leaves_nothing_of_a_bucket_but_itself() {
    let world = World::new().await;
    world.write("a", "x").await;
    let wiped = world
        .ask("DELETE", "/emulator/v1/b/bkt")
        .send()
        .await
        .unwrap();
    assert_eq!(wiped.status(), 204);
    assert_eq!(world.read("a").await, Err(404));
    world.write("a", "y").await;
    let wiped = world.ask("DELETE", "/emulator/v1/b").send().await.unwrap();
    assert_eq!(wiped.status(), 204);
    let gone = world.ask("GET", "/storage/v1/b/bkt").send().await.unwrap();
    assert_eq!(gone.status(), 404);
    let unknown = world
        .ask("DELETE", "/emulator/v1/b/bkt")
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn a_server_that_stopped_answers_no_more() {
    let world = World::new().await;
    let address = world.storage.address();
    world.write("a", "x").await;
    world.storage.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
