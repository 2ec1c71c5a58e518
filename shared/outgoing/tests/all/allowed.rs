//! What a list opens, and what it cannot.

use ork_outgoing::{Guard, OutgoingError};

use crate::server::{Reply, Server};
use crate::world::{Names, client, get, refused};

#[test]
fn a_list_opens_what_it_names_and_nothing_else() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "10.0.0.0/8",
            &[
                "http://10.1.2.3/",
                "https://10.1.2.3/",
                "http://[::ffff:10.1.2.3]/",
                "http://167837955/",
            ],
            &[
                "http://11.0.0.1/",
                "https://192.168.0.1/",
                "https://localhost/",
                "https://[64:ff9b::10.0.0.1]/",
            ],
        ),
        (
            "tracker.internal",
            &[
                "http://tracker.internal/",
                "https://tracker.internal:8443/",
                "http://TRACKER.internal./",
            ],
            &["http://a.tracker.internal/", "https://other.internal/"],
        ),
        (
            "tracker:8080, [fd00::1]:9000, 10.0.0.1:80",
            &[
                "http://tracker:8080/",
                "http://[fd00::1]:9000/",
                "http://10.0.0.1/",
                "http://0xa.1:80/",
            ],
            &[
                "http://tracker/",
                "https://tracker:8443/",
                "http://[fd00::1]/",
                "https://10.0.0.1/",
            ],
        ),
        (
            "fd00::/8, 192.168.0.7, ::1,",
            &[
                "http://[fd12::1]/",
                "http://192.168.0.7:99/",
                "http://[::1]/",
            ],
            &["http://[fe80::1]/", "http://192.168.0.8/"],
        ),
        (
            "localhost,bücher.example",
            &["http://localhost:1/", "http://xn--bcher-kva.example/"],
            &["http://127.0.0.1/", "http://a.localhost/"],
        ),
        (
            "0.0.0.0/0,::/0",
            &["http://127.0.0.1/", "http://[::1]/", "http://1.1.1.1/"],
            &[
                "http://169.254.169.254/",
                "http://[::ffff:169.254.169.254]/",
                "http://[64:ff9b::169.254.169.254]/",
                "http://[fd00:ec2::254]/",
                "http://metadata.google.internal/",
                "http://user@127.0.0.1/",
                "ftp://127.0.0.1/",
            ],
        ),
    ];
    for (list, open, closed) in cases {
        let guard = Guard::parse(list).unwrap();
        for url in *open {
            assert_eq!(guard.check(url), Ok(()), "{url} with {list}");
        }
        for url in *closed {
            let result = guard.check(url);
            assert!(
                matches!(result, Err(OutgoingError::Refused { .. })),
                "{url} with {list}: {result:?}"
            );
        }
    }
}

#[test]
fn a_list_that_cannot_be_used_says_which_entry_and_why() {
    let cases = [
        ("https://example.com", "write the host alone"),
        ("example.com/path", "is not a range"),
        ("*.example.com", "write each host"),
        ("example.com:0", "no port from 1 to 65535"),
        ("example.com:99999", "no port from 1 to 65535"),
        ("example.com:http", "no port from 1 to 65535"),
        ("user@example.com", "is not a host"),
        ("exa mple.com", "is not a host"),
        ("10.0.0.0/33", "no prefix from 0 to 32"),
        ("fd00::/129", "no prefix from 0 to 128"),
        ("10.0.0.0/", "no prefix"),
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("fd00::1/8", "write fd00::/8"),
        ("::ffff:10.0.0.0/104", "write the range of IPv4"),
        ("[fd00::1", "is not a host"),
        ("169.254.169.254", "no list opens it"),
        ("169.254.169.254:80", "no list opens it"),
        ("::ffff:a9fe:a9fe", "no list opens it"),
        ("metadata.google.internal.", "no list opens it"),
    ];
    for (entry, expected) in cases {
        let error = Guard::parse(&format!("example.com, {entry}")).unwrap_err();
        assert_eq!(error.entry, entry);
        let text = error.to_string();
        assert!(text.contains(expected), "{entry}: {text}");
    }
    assert_eq!(Guard::parse(" , ,"), Ok(Guard::strict()));
}

#[tokio::test]
async fn a_listed_host_is_reached_at_whatever_address_it_has() {
    let server = Server::start(|_| Reply::text(200, "hello")).await;
    let port = server.address.port();
    let names = || Names::default().with("tracker.internal", &[&["127.0.0.1"]]);
    for list in [
        "tracker.internal".to_owned(),
        format!("tracker.internal:{port}"),
    ] {
        let (client, _) = client(&list, names());
        let answer = get(&client, &server.at("tracker.internal", "/x?y=1"))
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.body.as_slice()),
            (200, &b"hello"[..])
        );
        assert!(!format!("{answer:?}").contains("hello"));
        assert!(!answer.from.contains('?'));
    }
    assert_eq!(server.seen()[0].path, "/x?y=1");
    assert!(server.seen()[0].headers["host"].starts_with("tracker.internal"));
}

#[tokio::test]
async fn a_listed_range_opens_plain_http_for_names_that_lie_in_it() {
    let server = Server::start(|_| Reply::text(200, "hello")).await;
    let names = Names::default()
        .with("in.example", &[&["127.0.0.1"]])
        .with("out.example", &[&["1.1.1.1"]])
        .with("half.example", &[&["127.0.0.1", "1.1.1.1"]]);
    let (client, _) = client("127.0.0.0/8", names);
    let answer = get(&client, &server.at("in.example", "/")).await.unwrap();
    assert_eq!(answer.status, 200);
    for name in ["out.example", "half.example"] {
        let why = refused(get(&client, &server.at(name, "/")).await);
        assert!(
            why.contains("1.1.1.1, which is in no listed range"),
            "{why}"
        );
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_listed_host_that_turns_into_a_metadata_service_is_refused() {
    let names = Names::default()
        .with("a.example", &[&["169.254.169.254"]])
        .with("b.example", &[&["64:ff9b::a9fe:a9fe"]]);
    let (client, _) = client("a.example,b.example,0.0.0.0/0,::/0", names);
    for url in [
        "http://a.example/",
        "https://a.example/",
        "http://b.example/",
    ] {
        let why = refused(get(&client, url).await);
        assert!(why.contains("metadata service"), "{why}");
    }
}
