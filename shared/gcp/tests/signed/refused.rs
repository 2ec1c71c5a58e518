//! What a URL does not allow, enforced by the server whatever the client does.

use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::time::Time;
use ork_engine::ports::{Generation, ObjectError, Objects};
use ork_gcp::signed::{AttemptUrls, Method, UrlObjects};

use super::world::{World, now, send, spec};

const PLENTY: u64 = 64 << 20;

fn refused<T: std::fmt::Debug>(answer: Result<T, ObjectError>) -> String {
    match answer {
        Err(ObjectError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn once_is_enforced_by_the_server_with_the_header_without_it_and_with_another() {
    let (world, spec) = (World::new().await, spec(1));
    for file in [AttemptFile::Claim, AttemptFile::Result, AttemptFile::Output] {
        let url = world.url(&spec, file, Method::Put).await;
        let sent: Vec<(&str, &str)> = url
            .headers()
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert!(
            sent.contains(&("x-goog-if-generation-match", "0")),
            "{sent:?}"
        );
        let put = async |headers: &[(&str, &str)]| {
            send(Method::Put, url.reveal(), headers, b"mine").await
        };
        assert_eq!(put(&sent).await.0, 200);
        let there = world.objects.metadata(&spec.object(file)).await;
        let there = there.expect("an answer").expect("it is there").generation;
        assert_eq!(put(&sent).await, (412, "PreconditionFailed".into()));

        let range = *sent
            .iter()
            .find(|(name, _)| name.ends_with("range"))
            .expect("one");
        assert_eq!(put(&[range]).await, (400, "MalformedSecurityHeader".into()));
        let current = there.0.to_string();
        for other in ["1", &current, "", "0,0"] {
            let changed = [range, ("x-goog-if-generation-match", other)];
            let (status, code) = put(&changed).await;
            assert!((400..404).contains(&status), "{other}: {status} {code}");
        }
        let twice = [
            range,
            ("x-goog-if-generation-match", "0"),
            ("x-goog-if-generation-match", &current),
        ];
        let (status, code) = put(&twice).await;
        assert!((400..404).contains(&status), "{status} {code}");
        let still = world.objects.metadata(&spec.object(file)).await;
        assert_eq!(still.expect("an answer").expect("there").generation, there);
    }
}

#[tokio::test]
async fn a_url_is_good_for_its_own_object_and_method_only() {
    let (world, mine, other) = (World::new().await, spec(1), spec(2));
    let get = world.url(&mine, AttemptFile::Result, Method::Get).await;
    let put = world.url(&mine, AttemptFile::Status, Method::Put).await;
    let headers: Vec<(&str, &str)> = put
        .headers()
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let denied = (403, "SignatureDoesNotMatch".to_owned());
    for (from, to) in [
        ("/t.1/", "/t.2/"),
        ("status.json", "result.json"),
        ("/r/", "/q/"),
        ("/1/s", "/2/s"),
    ] {
        let url = put.reveal().replacen(from, to, 1);
        assert_ne!(url, put.reveal());
        assert_eq!(
            send(Method::Put, &url, &headers, b"{}").await,
            denied,
            "{to}"
        );
    }
    assert_eq!(send(Method::Get, put.reveal(), &headers, b"").await, denied);
    assert_eq!(send(Method::Put, get.reveal(), &[], b"{}").await, denied);
    let longer = put
        .reveal()
        .replacen("X-Goog-Expires=3660", "X-Goog-Expires=43200", 1);
    assert_ne!(longer, put.reveal());
    assert_eq!(send(Method::Put, &longer, &headers, b"{}").await, denied);
    let bare = put.reveal().split('?').next().expect("a URL");
    assert_eq!(
        send(Method::Get, bare, &[], b"").await,
        (403, "AccessDenied".into())
    );

    // And the adapter does not even ask.
    let objects = world.worker(&mine).await;
    world.storage.reset_operations();
    let foreign = other.object(AttemptFile::Claim);
    let spec_object = mine.object(AttemptFile::Spec);
    let task = ObjectName::TaskOutput(mine.id.run.clone(), mine.task_name.clone());
    for name in [&foreign, &spec_object, &task] {
        for why in [
            refused(objects.get(name, PLENTY).await),
            refused(objects.updated(name).await),
            refused(objects.create(name, b"{}").await),
            refused(objects.put(name, b"{}", None).await),
        ] {
            assert!(
                why.contains(&name.to_string()) && why.contains("runs/r/t.1/1/"),
                "{why}"
            );
        }
    }
    let status = mine.object(AttemptFile::Status);
    refused(objects.get(&status, PLENTY).await);
    refused(objects.create(&status, b"{}").await);
    refused(objects.put(&status, b"{}", Some(Generation(1))).await);
    refused(objects.delete(&status).await);
    let asked = serde_json::to_value(world.storage.operations()).expect("plain data");
    assert!(!asked.to_string().contains("objects.insert"), "{asked}");
    let urls = world.urls(&mine, now()).await;
    assert!(!urls.are_of(&other));
    let error = UrlObjects::new(urls, &other).expect_err("another's");
    assert!(error.to_string().contains("runs/r/t.1/1/"), "{error}");
}

#[tokio::test]
async fn nobody_lists() {
    let (world, spec) = (World::new().await, spec(1));
    let objects = world.worker(&spec).await;
    for why in [
        refused(objects.list("runs/r/", None, 10).await),
        refused(
            objects
                .list_files("runs/r/", AttemptFile::Result, None, 10)
                .await,
        ),
    ] {
        assert!(why.contains("list `runs/r/`"), "{why}");
    }
    let url = world.url(&spec, AttemptFile::Result, Method::Get).await;
    let (place, query) = url.reveal().split_once('?').expect("signed");
    let root = place.split("/runs/").next().expect("a bucket");
    for url in [
        format!("{root}?{query}"),
        format!("{root}/?{query}"),
        format!("{root}?{query}&prefix=runs/"),
        format!("{root}?prefix=runs/"),
    ] {
        let (status, code) = send(Method::Get, &url, &[], b"").await;
        assert!(status >= 400, "{status} {code}");
    }
}

#[tokio::test]
async fn an_expired_url_says_that_it_expired() {
    let (world, spec) = (World::new().await, spec(1));
    let old = Time(now().0 - 3_661_000);
    let urls = world.urls(&spec, old).await;
    assert!(urls.until() < now() && urls.until().0 > now().0 - 60_000);
    let put = urls
        .url(&spec.object(AttemptFile::Log), Method::Put)
        .expect("a URL");
    let (name, value) = &put.headers()[0];
    let answer = send(Method::Put, put.reveal(), &[(name, value)], b"x").await;
    assert_eq!(answer, (400, "ExpiredToken".into()));
    let objects = UrlObjects::new(urls, &spec).expect("its own");
    for (why, file) in [
        (
            refused(
                objects
                    .create(&spec.object(AttemptFile::Claim), b"{}")
                    .await,
            ),
            "claim",
        ),
        (
            refused(
                objects
                    .put(&spec.object(AttemptFile::Log), b"x", None)
                    .await,
            ),
            "log.txt",
        ),
        (
            refused(objects.get(&spec.object(AttemptFile::Result), PLENTY).await),
            "result.json",
        ),
        (
            refused(objects.updated(&spec.object(AttemptFile::Result)).await),
            "result.json",
        ),
    ] {
        assert!(why.contains("has expired") && why.contains(file), "{why}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_by_the_server_too() {
    let (world, spec) = (World::new().await, spec(1));
    let objects = world.worker(&spec).await;
    for (file, most) in [
        (AttemptFile::Claim, limits::VERDICT_OUTPUT_BYTES),
        (AttemptFile::Status, limits::VERDICT_OUTPUT_BYTES),
        (AttemptFile::Result, 4 * limits::VERDICT_OUTPUT_BYTES),
        (AttemptFile::Output, limits::OUTPUT_BYTES),
        (
            AttemptFile::Log,
            limits::LOG_BYTES + limits::VERDICT_OUTPUT_BYTES,
        ),
    ] {
        let large = vec![b'x'; most + 1];
        let name = spec.object(file);
        let error = objects
            .put(&name, &large, None)
            .await
            .expect_err("too large");
        assert!(
            matches!(error, ObjectError::TooLarge { limit, .. } if limit == most as u64),
            "{error}"
        );
        let url = world.url(&spec, file, Method::Put).await;
        let sent: Vec<(&str, &str)> = url
            .headers()
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let answer = send(Method::Put, url.reveal(), &sent, &large).await;
        assert_eq!(answer, (400, "EntityTooLarge".into()));
        let wider: Vec<(&str, &str)> = sent
            .iter()
            .map(|(name, value)| match *name {
                "x-goog-content-length-range" => (*name, "0,999999999"),
                _ => (*name, *value),
            })
            .collect();
        let answer = send(Method::Put, url.reveal(), &wider, &large).await;
        assert_eq!(answer, (403, "SignatureDoesNotMatch".into()));
        assert_eq!(
            world.objects.metadata(&name).await.expect("an answer"),
            None
        );
        objects
            .put(&name, &large[1..], None)
            .await
            .expect("it fits");
    }
}

#[tokio::test]
async fn a_set_that_cannot_be_read_says_so_and_nothing_of_what_stands_in_it() {
    let (world, spec) = (World::new().await, spec(1));
    let written = serde_json::to_string(&world.urls(&spec, now()).await).expect("plain data");
    let newer = written.replacen("\"format\":1", "\"format\":3", 1);
    let error = AttemptUrls::decode(&newer).expect_err("newer");
    assert!(
        error.contains("format 3, this worker reads up to 2"),
        "{error}"
    );
    let secret = written.split("\"get\":\"").nth(1).expect("a signature");
    let secret = &secret[..40];
    for broken in [
        written[..written.len() - 9].to_owned(),
        written.replacen(secret, "!", 1),
        written.replacen("\"most\":65536", &format!("\"most\":\"{secret}\""), 1),
        "[]".to_owned(),
    ] {
        let error = AttemptUrls::decode(&broken).expect_err("broken");
        assert!(
            error.contains("cannot be read") && !error.contains(secret),
            "{error}"
        );
    }
}
