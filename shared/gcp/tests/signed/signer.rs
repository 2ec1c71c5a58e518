//! What the signer makes of IAM's answers.

use std::time::Duration;

use ork_core::time::{Millis, Time};
use ork_emulators::services::{Call, Fault, Service};
use ork_gcp::signed::{Grant, LONGEST, Method, SignError, Signer};

use super::world::{ACCOUNT, BUCKET, World, now, spec};

fn fault(status: u16, times: u32) -> Fault {
    Fault {
        service: Some(Service::Iam),
        on: Some(Call::Sign),
        status: Some(status),
        times: Some(times),
        ..Fault::default()
    }
}

fn grant() -> Grant {
    Grant::new(Method::Get, BUCKET, "runs/r/t/1/claim")
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_passes_is_tried_again_a_few_times_and_then_said() {
    let world = World::new().await;
    for status in [429, 500, 503] {
        world.services.fault(fault(status, 3)).expect("a fault");
        let url = world.signer.url(&grant(), now(), MINUTE).await;
        assert!(url.is_ok(), "the fourth time after {status}: {url:?}");
    }
    world.services.fault(fault(503, 4)).expect("a fault");
    let error = world.signer.url(&grant(), now(), MINUTE).await;
    let error = error.expect_err("never");
    assert!(
        matches!(&error, SignError::Unavailable(why) if why.contains("503")),
        "{error}"
    );
    let nobody = Signer::connect(ACCOUNT, Some("127.0.0.1:1"), None).expect("a signer");
    let error = nobody
        .url(&grant(), now(), MINUTE)
        .await
        .expect_err("nobody there");
    assert!(matches!(error, SignError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_denial_names_the_role_that_is_missing_and_is_not_tried_again() {
    let world = World::new().await;
    for status in [401, 403, 404] {
        world.services.fault(fault(status, 1)).expect("a fault");
        let error = world.signer.url(&grant(), now(), MINUTE).await;
        match error.expect_err("denied") {
            SignError::Denied(why) => {
                assert!(
                    why.contains("roles/iam.serviceAccountTokenCreator on sign@"),
                    "{why}"
                );
            }
            other => panic!("{status}: {other}"),
        }
    }
    world.services.fault(fault(400, 1)).expect("a fault");
    let error = world.signer.url(&grant(), now(), MINUTE).await;
    assert!(matches!(error, Err(SignError::Refused(_))), "{error:?}");
    // One of many is enough to have none.
    world.services.fault(fault(403, 1)).expect("a fault");
    let error = world
        .signer
        .attempts(BUCKET, &[&spec(1), &spec(2)], now())
        .await;
    assert!(matches!(error, Err(SignError::Denied(_))), "{error:?}");
}

#[tokio::test]
async fn nothing_is_signed_for_longer_than_iam_keeps_its_keys() {
    let world = World::new().await;
    let before = world.signatures();
    for expires in [
        Duration::ZERO,
        LONGEST + Duration::from_secs(1),
        Duration::MAX,
    ] {
        let error = world.signer.url(&grant(), now(), expires).await;
        assert!(matches!(error, Err(SignError::Refused(_))), "{error:?}");
    }
    assert_eq!(world.signatures(), before, "and IAM is not asked");
    for hours in [11, 12, 167] {
        let mut long = spec(1);
        long.timeout = Millis::from_secs(hours * 3600);
        let urls = world.signer.attempts(BUCKET, &[&long], Time(5_999)).await;
        let until = urls.expect("signed")[0].until();
        assert_eq!(until, Time(5_000 + 12 * 3_600_000), "{hours}");
    }
}

#[tokio::test]
async fn what_clients_would_change_on_the_way_is_not_signed() {
    let world = World::new().await;
    for (bucket, object) in [
        (BUCKET, "a/../b"),
        (BUCKET, "./a"),
        (BUCKET, ""),
        ("", "a"),
        ("a/b", "c"),
    ] {
        let grant = Grant::new(Method::Get, bucket, object);
        let error = world.signer.url(&grant, now(), MINUTE).await;
        assert!(matches!(error, Err(SignError::Refused(_))), "{error:?}");
    }
}

#[test]
fn an_account_is_named_by_its_address() {
    for account in [
        "",
        "sign",
        "sign@",
        "@p.iam.gserviceaccount.com",
        "a b@p.iam",
        "a/b@p.iam",
        "a@b@c.d",
    ] {
        let error = Signer::connect(account, Some("127.0.0.1:1"), None).expect_err(account);
        assert!(error.to_string().contains("NAME@PROJECT.iam"), "{error}");
    }
    let error = Signer::connect(ACCOUNT, Some("https://iam"), None).expect_err("no stand-in");
    assert!(error.to_string().contains("http://host:port"), "{error}");
}
