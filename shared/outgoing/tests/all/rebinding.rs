//! Names that answer differently when they are asked again, and names with several addresses.

use crate::server::{Reply, Server};
use crate::world::{Names, client, get, refused};

#[tokio::test]
async fn a_name_with_an_internal_address_is_refused() {
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "fe80::1",
        "0.0.0.0",
        "100.64.1.1",
    ] {
        let names = Names::default().with("evil.example", &[&[address]]);
        let (client, names) = client("", names);
        let error = get(&client, "https://evil.example/?canary")
            .await
            .unwrap_err();
        assert!(!error.is_transient(), "{error}");
        let text = error.to_string();
        assert!(text.contains("evil.example has the address"), "{text}");
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(names.asked(), ["evil.example"]);
    }
}

#[tokio::test]
async fn one_internal_address_among_others_refuses_the_name() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    let cases: &[&[&str]] = &[
        &["127.0.0.1", "10.0.0.7"],
        &["10.0.0.7", "127.0.0.1"],
        &["127.0.0.1", "2001:4860:4860::8888", "10.0.0.7"],
        &["1.1.1.1", "10.0.0.7"],
    ];
    for addresses in cases {
        let names = Names::default().with("mixed.example", &[addresses]);
        let (client, _) = client("127.0.0.0/8", names);
        let url = server.at("mixed.example", "/").replace("http:", "https:");
        let why = refused(get(&client, &url).await);
        assert!(why.contains("10.0.0.7, which is private"), "{why}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn the_address_that_was_judged_is_the_one_connected_to() {
    // A second lookup would lead elsewhere: there is none between the check and the connection.
    let server = Server::start(|_| Reply::text(200, "")).await;
    let names = Names::default().with("a.example", &[&["127.0.0.1"], &["10.0.0.7"]]);
    let (client, names) = client("127.0.0.0/8", names);
    assert!(get(&client, &server.at("a.example", "/")).await.is_ok());
    assert_eq!(names.asked().len(), 1);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_name_that_moved_inside_is_refused_when_it_is_asked_again() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    let names = Names::default().with("a.example", &[&["127.0.0.1"], &["10.0.0.7"]]);
    let (client, names) = client("127.0.0.0/8", names);
    let url = server.at("a.example", "/");
    assert!(get(&client, &url).await.is_ok());
    let why = refused(get(&client, &url).await);
    assert!(why.contains("10.0.0.7, which is private"), "{why}");
    assert_eq!((names.asked().len(), server.seen().len()), (2, 1));
}

#[tokio::test]
async fn a_name_that_moves_inside_between_redirects_is_refused() {
    let server = Server::start(|_| Reply::redirect(302, "/again")).await;
    let names = Names::default().with("a.example", &[&["127.0.0.1"], &["169.254.169.254"]]);
    let (client, _) = client("127.0.0.0/8", names);
    let why = refused(get(&client, &server.at("a.example", "/")).await);
    assert!(why.contains("metadata service"), "{why}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_name_without_addresses_is_trouble_that_may_pass() {
    let names = Names::default().with("empty.example", &[&[]]);
    let (client, _) = client("", names);
    for name in ["empty.example", "nobody.example"] {
        let error = get(&client, &format!("https://{name}/")).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
}
