//! Cases: the answer is lost, nobody is there, too much at once.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use ork_core::limits::DOCUMENT_BYTES;
use ork_engine::conformance::StoreWorld;
use ork_engine::ports::{
    Index, Key, ListQuery, Precondition, Store, StoreError, StoreErrorKind, Write,
};
use ork_gcp::firestore::FirestoreStore;

use tokio::sync::watch;

use super::emulator;
use super::proxy::{Proxy, Wire};
use super::world::{World, block_on, emulator as shared};

const DEADLINE: Duration = Duration::from_secs(30);

fn run(id: &str) -> Key {
    Key::Run(RunId::new(id).expect("valid"))
}

fn create(key: &Key, body: &[u8]) -> Write {
    Write::Put {
        key: key.clone(),
        precondition: Precondition::Absent,
        body: body.to_vec(),
        index: Index::default(),
    }
}

async fn is_there(store: &FirestoreStore, key: &Key) -> bool {
    store.read(std::slice::from_ref(key)).await.expect("a read")[0].is_some()
}

async fn until_it_is_there(store: &FirestoreStore, key: &Key) {
    let deadline = Instant::now() + DEADLINE;
    while !is_there(store, key).await {
        assert!(Instant::now() < deadline, "`{key}` never arrived");
    }
}

fn is(kind: StoreErrorKind, error: &StoreError) {
    assert_eq!(error.kind, kind, "{error}");
}

#[test]
fn a_commit_whose_answer_is_lost_is_ambiguous_and_was_applied() {
    block_on(async {
        let (world, key) = (World::new(), run("r"));
        let proxy = Proxy::to(shared().address()).await;
        let direct = world.open().await;
        let store = world.open_at("(default)", proxy.address()).await;
        proxy.set(Wire::NoAnswers);
        let writes = [create(&key, b"x"), create(&run("other"), b"y")];
        let cut = async {
            until_it_is_there(&direct, &key).await;
            proxy.set(Wire::Whole);
            proxy.cut();
        };
        let (answer, ()) = tokio::join!(store.commit(&writes), cut);
        let error = answer.expect_err("the answer was lost");
        is(StoreErrorKind::Ambiguous, &error);
        assert!(
            error.message.contains("runs/r") && error.message.contains("read again"),
            "{error}"
        );
        // Sent once: a second time it would be a conflict. And the store goes on over a new connection.
        assert!(is_there(&store, &key).await && is_there(&store, &run("other")).await);
        is(
            StoreErrorKind::Conflict,
            &store.commit(&writes).await.expect_err("it is there"),
        );
    });
}

#[test]
fn a_commit_that_was_lost_on_its_way_is_ambiguous_and_was_not_applied() {
    block_on(async {
        let (world, key) = (World::new(), run("r"));
        let proxy = Proxy::to(shared().address()).await;
        let store = world
            .open_at("(default)", proxy.address())
            .await
            .with_timeout(Duration::from_millis(300));
        proxy.set(Wire::Nothing);
        let error = store
            .commit(&[create(&key, b"x")])
            .await
            .expect_err("nothing answers");
        is(StoreErrorKind::Ambiguous, &error);
        proxy.cut();
        assert!(!is_there(&world.open().await, &key).await);
    });
}

#[test]
fn a_commit_that_takes_too_long_is_ambiguous() {
    block_on(async {
        let (world, key) = (World::new(), run("r"));
        let proxy = Proxy::to(shared().address()).await;
        let store = world
            .open_at("(default)", proxy.address())
            .await
            .with_timeout(Duration::from_millis(300));
        proxy.set(Wire::NoAnswers);
        let error = store
            .commit(&[create(&key, b"x")])
            .await
            .expect_err("no answer in time");
        is(StoreErrorKind::Ambiguous, &error);
        until_it_is_there(&world.open().await, &key).await;
    });
}

#[test]
fn a_read_or_a_query_without_an_answer_is_unavailable() {
    block_on(async {
        let world = World::new();
        let proxy = Proxy::to(shared().address()).await;
        let store = world
            .open_at("(default)", proxy.address())
            .await
            .with_timeout(Duration::from_millis(300));
        proxy.set(Wire::NoAnswers);
        is(
            StoreErrorKind::Unavailable,
            &store.read(&[run("r")]).await.expect_err("no answer"),
        );
        is(
            StoreErrorKind::Unavailable,
            &store
                .list(&ListQuery::Dead, None, 5)
                .await
                .expect_err("no answer"),
        );
    });
}

#[test]
fn a_read_survives_a_connection_that_breaks() {
    block_on(async {
        let (world, key) = (World::new(), run("r"));
        let proxy = Proxy::to(shared().address()).await;
        let store = world.open_at("(default)", proxy.address()).await;
        store.commit(&[create(&key, b"x")]).await.expect("a commit");
        proxy.set(Wire::NoAnswers);
        let mend = async {
            proxy.has_lost_something().await;
            proxy.set(Wire::Whole);
            proxy.cut();
        };
        let (there, ()) = tokio::join!(is_there(&store, &key), mend);
        assert!(there);
    });
}

#[test]
fn nobody_there_is_unavailable() {
    block_on(async {
        let closed = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port");
        let error = FirestoreStore::connect("p", "(default)", Some(&closed.to_string()))
            .await
            .expect_err("nobody listens");
        is(StoreErrorKind::Unavailable, &error);
        assert!(error.message.contains(&closed.to_string()), "{error}");
    });
}

#[test]
fn a_store_that_went_away_is_unavailable_and_nothing_was_sent() {
    block_on(async {
        let (world, key) = (World::new(), run("r"));
        let mut proxy = Proxy::to(shared().address()).await;
        let store = world.open_at("(default)", proxy.address()).await;
        proxy.close().await;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let error = store
                .commit(&[create(&key, b"x")])
                .await
                .expect_err("the wire is cut");
            if error.kind == StoreErrorKind::Unavailable {
                assert!(error.message.contains("nothing was sent"), "{error}");
                break;
            }
            // The first may still have gone to the connection whose end nobody had noticed yet.
            is(StoreErrorKind::Ambiguous, &error);
            assert!(Instant::now() < deadline, "never unavailable: {error}");
        }
        is(
            StoreErrorKind::Unavailable,
            &store.read(&[key]).await.expect_err("nobody there"),
        );
    });
}

#[test]
fn a_killed_emulator_makes_no_commit_certain() {
    block_on(async {
        let Some(own) = emulator::start() else { return };
        let world = World::new();
        let store = world.open_at("(default)", own.address()).await;
        store
            .commit(&[create(&run("before"), b"x")])
            .await
            .expect("a commit");
        let (written, mut writing) = watch::channel(0);
        let writer = async {
            for n in 0.. {
                let commit = store.commit(&[create(&run(&format!("r{n}")), b"x")]).await;
                if let Err(error) = commit {
                    return error;
                }
                written.send_replace(n);
            }
            unreachable!("the loop has no end but an error")
        };
        let killer = async {
            let busy = writing.wait_for(|written| *written >= 20).await;
            drop(busy.expect("the writer is there"));
            tokio::task::spawn_blocking(move || drop(own))
                .await
                .expect("it ends");
        };
        let (error, ()) = tokio::join!(writer, killer);
        assert!(
            matches!(
                error.kind,
                StoreErrorKind::Ambiguous | StoreErrorKind::Unavailable
            ),
            "{:?}: {error}",
            error.kind
        );
        let deadline = Instant::now() + DEADLINE;
        loop {
            let error = store
                .commit(&[create(&run("after"), b"x")])
                .await
                .expect_err("it is gone");
            if error.kind == StoreErrorKind::Unavailable {
                break;
            }
            is(StoreErrorKind::Ambiguous, &error);
            assert!(Instant::now() < deadline, "never unavailable: {error}");
        }
    });
}

#[test]
fn too_many_writes_are_refused_before_they_are_sent() {
    block_on(async {
        let store = World::new().open().await;
        let page = |n| Key::Page(RunId::new("r").expect("valid"), n);
        let writes: Vec<Write> = (1..=501).map(|n| create(&page(n), b"x")).collect();
        let error = store.commit(&writes).await.expect_err("too many");
        is(StoreErrorKind::Refused, &error);
        assert!(
            error.message.contains("501") && error.message.contains("500"),
            "{error}"
        );
        store
            .commit(&writes[..500])
            .await
            .expect("as many as may be");
        // More than one request's worth of reads.
        let keys: Vec<Key> = (1..=501).map(page).collect();
        let found = store.read(&keys).await.expect("a read");
        assert_eq!(found.iter().flatten().count(), 500);
        assert!(found[500].is_none());
    });
}

#[test]
fn too_many_bytes_are_refused_with_the_limit() {
    block_on(async {
        let store = World::new().open().await;
        let writes = |count: usize| -> Vec<Write> {
            (0..count)
                .map(|n| create(&run(&format!("r{n}")), &vec![b'x'; DOCUMENT_BYTES]))
                .collect()
        };
        let error = store
            .commit(&writes(12))
            .await
            .expect_err("more than Firestore takes");
        is(StoreErrorKind::Refused, &error);
        assert!(error.message.contains("10 MiB"), "{error}");
        assert!(!is_there(&store, &run("r0")).await);
        store
            .commit(&writes(4))
            .await
            .expect("as much as fits into a message of 4 MiB");
    });
}

#[test]
fn names_that_cannot_be_are_refused() {
    block_on(async {
        for (project, database, endpoint) in [
            ("", "(default)", "127.0.0.1:1"),
            ("p/q", "(default)", "127.0.0.1:1"),
            ("p", "", "127.0.0.1:1"),
            ("p", "(default)", "no address at all"),
        ] {
            let error = FirestoreStore::connect(project, database, Some(endpoint))
                .await
                .expect_err("no such name");
            is(StoreErrorKind::Refused, &error);
        }
        let store = World::new().open().await;
        let long = Key::Dead("x".repeat(2_000));
        is(
            StoreErrorKind::Refused,
            &store
                .commit(&[create(&long, b"x")])
                .await
                .expect_err("too long"),
        );
        is(
            StoreErrorKind::Refused,
            &store.read(&[long]).await.expect_err("too long"),
        );
    });
}
