//! Attempts that take longer than a signature is good for: their URLs are signed again, and their workers find them.

use std::time::Duration;

use ork_core::definition::Workflow;
use ork_core::names::AttemptFile;
use ork_core::task::{AttemptId, Output, TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_emulators::services::{Call, Fault};
use ork_emulators::storage;
use ork_engine::Worker;
use ork_engine::ports::{Alive, Executor, Metering, ObjectError, Objects};
use ork_gcp::Meter;
use ork_gcp::signed::{AttemptUrls, Method, Renewal, UrlObjects};

use super::site::Site;
use super::world::{BUCKET, World, bundle, now, send, spec};

const HOUR: u64 = 3600;
const PLENTY: u64 = 64 << 20;
const NOT_YET: Renewal = Renewal::NotYet { late: false };

fn hours(hours: u64) -> Millis {
    Millis::from_secs(hours * HOUR)
}

/// An attempt that may take so long.
fn taking(index: u32, timeout: Millis) -> TaskSpec {
    TaskSpec {
        timeout,
        ..spec(index)
    }
}

/// What the attempts of [`taking`] are attempts of.
fn workflow(timeout: Millis) -> Workflow {
    let yaml = b"name: w\ntasks:\n  t: {command: 'true', parallel: 9}\n";
    let parsed = ork_core::parse::parse_workflow("w.yaml", yaml).expect("a workflow");
    let mut workflow = parsed.workflow;
    workflow.bundle = spec(0).bundle;
    workflow.tasks[0].executor = spec(0).executor;
    workflow.tasks[0].timeout = timeout;
    workflow
}

fn alive(workflow: &Workflow, id: AttemptId) -> Alive<'_> {
    Alive {
        id,
        workflow,
        task: &workflow.tasks[0],
    }
}

/// Leaves URLs where the worker of `spec` looks for them.
async fn leave(world: &World, spec: &TaskSpec, urls: &[u8]) {
    let name = spec.object(AttemptFile::Urls);
    let put = world.objects.put(&name, urls, None).await;
    put.expect("left");
}

#[tokio::test]
async fn a_worker_takes_renewed_urls_and_goes_on_when_the_first_have_expired() {
    let (world, spec) = (World::new().await, taking(1, hours(20)));
    let status = spec.object(AttemptFile::Status);
    let urls = world.urls(&spec, now() - hours(7)).await;
    let first_until = urls.until();
    let objects = UrlObjects::new(urls, &spec).expect("its own");
    let renew = async |at: Time| objects.renew(at).await.expect("an answer");

    // While they are young nothing is asked.
    world.storage.reset_operations();
    assert_eq!(renew(now() - hours(2)).await, Renewal::NotDue);
    assert_eq!(world.storage.operations(), storage::Operations::default());
    assert_eq!(renew(now()).await, NOT_YET);
    assert_eq!(renew(now()).await, Renewal::NotDue, "a moment ago");
    assert_eq!(objects.until(), first_until);
    let late = Renewal::NotYet { late: true };
    assert_eq!(renew(now() + hours(3)).await, late);

    let fresh = world.urls(&spec, now()).await;
    let written = serde_json::to_vec(&fresh).expect("plain data");
    leave(&world, &spec, &written).await;
    assert_eq!(renew(now() + hours(4)).await, Renewal::Done);
    assert_eq!(objects.until(), fresh.until());
    world.storage.put_forward(Duration::from_secs(6 * HOUR));
    assert!(objects.until() > first_until + hours(6));
    objects.put(&status, b"{}", None).await.expect("still good");
    // They lead to newer ones in their turn.
    assert_eq!(renew(now() + hours(5)).await, Renewal::NotDue);
    assert_eq!(renew(now() + hours(7)).await, NOT_YET, "the same");

    let twin = objects.clone();
    world.storage.put_forward(Duration::from_secs(13 * HOUR));
    let error = objects.put(&status, b"{}", None).await;
    let error = error.expect_err("nobody renewed them again").to_string();
    assert!(error.contains("status.json` has expired"), "{error}");
    twin.expired().await;
}

#[tokio::test]
async fn a_request_that_was_under_way_while_its_url_expired_is_made_again_with_the_new_one() {
    let (world, spec) = (World::new().await, taking(1, hours(20)));
    let claim = spec.object(AttemptFile::Claim);
    let urls = world.urls(&spec, now() - hours(11)).await;
    let objects = UrlObjects::new(urls, &spec).expect("its own");
    let fresh = world.urls(&spec, now()).await;
    leave(&world, &spec, &serde_json::to_vec(&fresh).expect("data")).await;
    world.storage.fault(storage::Fault {
        method: Some("PUT".into()),
        path: "claim".into(),
        times: 1,
        delay_ms: 300,
        ..storage::Fault::default()
    });
    let renewing = async {
        let answer = objects.renew(now()).await.expect("an answer");
        assert_eq!(answer, Renewal::Done);
        world.storage.put_forward(Duration::from_secs(2 * HOUR));
    };
    let (made, ()) = tokio::join!(objects.create(&claim, b"{}"), renewing);
    made.expect("made with the new one");
}

#[tokio::test]
async fn what_is_no_set_of_this_attempt_is_not_taken_and_not_repeated() {
    let (world, spec) = (World::new().await, taking(1, hours(20)));
    let urls = world.urls(&spec, now() - hours(7)).await;
    let until = urls.until();
    let objects = UrlObjects::new(urls, &spec).expect("its own");
    let other = world.urls(&taking(2, hours(20)), now()).await;
    let other = serde_json::to_string(&other).expect("data");
    let secret = other.split("\"get\":\"").nth(1).expect("a signature")[..40].to_owned();
    let newer = other.replacen("\"format\":2", "\"format\":3", 1);
    let large = format!("{other}{}", " ".repeat(64 << 10));
    let mut at = now();
    for (written, what) in [
        (other.as_bytes(), "of another attempt"),
        (&other.as_bytes()[..other.len() - 9], "cannot be read"),
        (newer.as_bytes(), "use a newer worker"),
        (large.as_bytes(), "65536 allowed"),
        (&[0xff; 9][..], "no text"),
    ] {
        leave(&world, &spec, written).await;
        at = at + Millis::from_secs(300);
        let error = objects.renew(at).await.expect_err(what).to_string();
        assert!(error.contains(what), "{what}: {error}");
        assert!(!error.contains(&secret), "{error}");
    }
    // Nor are older ones than it has.
    let older = world.urls(&spec, now() - hours(8)).await;
    leave(&world, &spec, &serde_json::to_vec(&older).expect("data")).await;
    let answer = objects.renew(at + hours(1)).await;
    assert_eq!(answer.expect("an answer"), NOT_YET);
    assert_eq!(objects.until(), until);
    let claim = spec.object(AttemptFile::Claim);
    objects.create(&claim, b"{}").await.expect("still good");
}

#[tokio::test]
async fn only_attempts_that_take_long_have_urls_that_an_older_worker_does_not_take() {
    let world = World::new().await;
    for (timeout, format, renewed) in [(hours(11), 1, false), (Millis(hours(11).0 + 1), 2, true)] {
        let spec = taking(1, timeout);
        let before = world.signatures();
        let urls = world.urls(&spec, now()).await;
        assert_eq!(world.signatures() - before, 10 + u64::from(renewed));
        let written = serde_json::to_value(&urls).expect("plain data");
        assert_eq!(written["format"], format);
        let url = urls.url(&spec.object(AttemptFile::Urls), Method::Get);
        assert_eq!(url.is_some(), renewed);
        // A worker renews nothing itself, and is not let.
        let put = urls.url(&spec.object(AttemptFile::Urls), Method::Put);
        assert_eq!(put, None);
        if let Some(get) = url {
            let said = send(Method::Put, get.reveal(), &[], b"{}").await;
            assert_eq!(said, (403, "SignatureDoesNotMatch".into()));
        }
        let objects = UrlObjects::new(urls, &spec).expect("its own");
        let answer = objects.renew(now() + hours(7)).await;
        let expected = if renewed { NOT_YET } else { Renewal::NotDue };
        assert_eq!(answer.expect("an answer"), expected);
        let name = spec.object(AttemptFile::Urls);
        for answer in [
            objects.put(&name, b"{}", None).await,
            objects.create(&name, b"{}").await,
        ] {
            let error = answer.expect_err("not its own");
            assert!(matches!(error, ObjectError::Refused(_)), "{error}");
        }
    }
}

#[tokio::test]
async fn urls_are_signed_again_when_they_are_old_and_what_lasts_costs_nothing() {
    let site = Site::new().await;
    let meter = Meter::of_client("tick");
    let executor = site.counted(&meter).await;
    let run = spec(0).id.run;
    let used = || {
        let used = Metering::take(&meter, &run);
        (used.class_a, used.class_b)
    };
    let (short, long) = (workflow(hours(11)), workflow(hours(30)));
    let attempts = |of: &[u32]| -> Vec<AttemptId> { of.iter().map(|n| spec(*n).id).collect() };
    let tell = async |workflow: &Workflow, of: &[u32], at: Time| {
        let told: Vec<_> = attempts(of)
            .into_iter()
            .map(|id| alive(workflow, id))
            .collect();
        executor.renew(&told, at).await;
    };
    let signatures = || site.world.signatures();

    tell(&short, &[1, 2], now()).await;
    assert_eq!((used(), signatures()), ((0, 0), 0), "they last");
    // Of workers with credentials nobody asks either.
    let mut plain = long.clone();
    plain.tasks[0].executor = ork_core::definition::Executor::Kubernetes { command: None };
    tell(&plain, &[1], now()).await;
    assert_eq!((used(), signatures()), ((0, 0), 0));

    tell(&long, &[1, 2], now()).await;
    assert_eq!((used(), signatures()), ((2, 2), 22), "for the first time");
    let young = now() + hours(4) - Millis::from_secs(60);
    tell(&long, &[1, 2], young).await;
    assert_eq!((used(), signatures()), ((0, 2), 22), "they are young");
    let spec = taking(2, hours(30));
    let name = spec.object(AttemptFile::Urls);
    let first = site.world.objects.metadata(&name).await.expect("asked");
    let old = now() + hours(4) + Millis::from_secs(60);
    tell(&long, &[2], old).await;
    assert_eq!((used(), signatures()), ((1, 1), 33));
    let second = site.world.objects.metadata(&name).await.expect("asked");
    assert_ne!(first, second);

    // What is there is what a worker takes, its code included.
    let read = site.world.objects.get(&name, PLENTY).await.expect("asked");
    let text = String::from_utf8(read.expect("there").bytes).expect("text");
    let urls = AttemptUrls::decode(&text).expect("a set");
    assert_eq!(
        urls.until().since(old),
        Millis(hours(12).0 - old.0 as u64 % 1000)
    );
    assert!(urls.are_of(&spec));
    assert!(urls.url(&bundle(), Method::Get).is_some());
    assert!(urls.url(&name, Method::Get).is_some());
}

#[tokio::test]
async fn who_cannot_sign_leaves_everything_as_it_is_and_two_who_sign_at_once_do_no_harm() {
    let site = Site::new().await;
    let executor = site.counted(&Meter::default()).await;
    let (long, spec) = (workflow(hours(30)), taking(1, hours(30)));
    let name = spec.object(AttemptFile::Urls);
    let told = [alive(&long, spec.id.clone())];
    let there = async || site.world.objects.metadata(&name).await.expect("asked");
    for status in [403, 503] {
        let fault = Fault {
            on: Some(Call::Sign),
            status: Some(status),
            ..Fault::default()
        };
        site.world.services.fault(fault).expect("a fault");
        executor.renew(&told, now()).await;
        assert_eq!(there().await, None);
        site.world.services.clear_faults();
    }
    let other = site.counted(&Meter::default()).await;
    tokio::join!(executor.renew(&told, now()), other.renew(&told, now()));
    let first = there().await.expect("it is there");
    let later = now() + hours(5);
    tokio::join!(executor.renew(&told, later), other.renew(&told, later));
    let second = there().await.expect("it is there");
    assert_ne!(first.generation, second.generation);
    let read = site.world.objects.get(&name, PLENTY).await.expect("asked");
    let text = String::from_utf8(read.expect("there").bytes).expect("text");
    assert!(AttemptUrls::decode(&text).expect("a set").are_of(&spec));
}

#[tokio::test]
async fn who_is_looked_after_too_seldom_is_refused_before_it_is_started() {
    let site = Site::new().await;
    let executor = site.counted(&Meter::default()).await;
    let seldom = Millis(hours(1).0 + 1);
    for (timeout, heartbeat_timeout, refused) in [
        (hours(30), hours(1), false),
        (hours(30), seldom, true),
        (hours(11), seldom, false),
    ] {
        let mut workflow = workflow(timeout);
        workflow.tasks[0].heartbeat_timeout = heartbeat_timeout;
        let mut spec = taking(1, timeout);
        let said = executor.refusal(&spec, &workflow.tasks[0]);
        assert_eq!(said.is_some(), refused, "{timeout} {heartbeat_timeout}");
        spec.executor = ork_core::definition::Executor::Kubernetes { command: None };
        let said = executor.refusal(&spec, &workflow.tasks[0]);
        assert_eq!(said, None, "its workers have credentials");
    }
}

/// Thirty hours, one after the other; in five of them the role is missing.
#[tokio::test]
async fn an_attempt_of_thirty_hours_ends_well_although_nobody_could_sign_for_a_while() {
    let site = Site::new().await;
    let (executor, world) = (site.counted(&Meter::default()).await, &site.world);
    let (long, spec) = (workflow(hours(31)), taking(1, hours(31)));
    executor
        .start(vec![spec.clone()])
        .await
        .remove(0)
        .expect("started");
    let objects = UrlObjects::new(site.handed(0).await.1, &spec).expect("its own");
    let worker = Worker::new(&objects, &spec, "one".into());
    assert!(worker.begin(now()).await.expect("claimed"));
    let mut taken = 0;
    for hour in 1..=30 {
        world.storage.put_forward(Duration::from_secs(hour * HOUR));
        let at = now() + hours(hour);
        if hour == 10 {
            let denied = Fault {
                on: Some(Call::Sign),
                status: Some(403),
                ..Fault::default()
            };
            world.services.fault(denied).expect("a fault");
        } else if hour == 15 {
            world.services.clear_faults();
        }
        assert!(worker.beat(at, at).await.expect("a sign of life"), "{hour}");
        executor.renew(&[alive(&long, spec.id.clone())], at).await;
        let renewal = objects.renew(at).await.expect("an answer");
        taken += u32::from(renewal == Renewal::Done);
    }
    assert_eq!(taken, 5, "at half the time of those it had");
    let verdict = Verdict::Success {
        output: Output::Inline("1".into()),
    };
    assert!(worker.finish(&verdict).await.expect("left"));
    let result = spec.object(AttemptFile::Result);
    let there = world.objects.get(&result, PLENTY).await.expect("asked");
    let there = ork_engine::decode_verdict(&there.expect("it is there").bytes);
    assert_eq!(there, verdict);
}

/// As a worker of any later version will find them.
#[test]
fn renewed_urls_are_written_as_they_were_first() {
    let kept = include_str!("urls.v2.json");
    let urls = AttemptUrls::decode(kept).expect("a set");
    let again: serde_json::Value = serde_json::to_value(&urls).expect("plain data");
    let kept: serde_json::Value = serde_json::from_str(kept).expect("JSON");
    assert_eq!(again, kept);
    let spec = taking(1, hours(30));
    assert!(urls.are_of(&spec));
    assert_eq!(urls.until(), Time(1_780_272_000_000 + 12 * 3_600_000));
    let url = urls.url(&spec.object(AttemptFile::Urls), Method::Get);
    let url = url.expect("it is granted");
    assert!(
        url.shown()
            .ends_with(&format!("/{BUCKET}/runs/r/t.1/1/urls.json"))
    );
    assert!(url.reveal().contains("X-Goog-Expires=43200"));
}
