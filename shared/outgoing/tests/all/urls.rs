//! Hostile URLs, one by one.

use ork_outgoing::{Guard, OutgoingError};

use crate::world::{Names, client, get};

/// A URL, and a part of why it is refused.
const HOSTILE: &[(&str, &str)] = &[
    // Addresses as they are.
    ("https://127.0.0.1/", "loopback"),
    ("https://127.8.8.8:8443/x", "loopback"),
    ("https://10.0.0.1/", "private"),
    ("https://172.16.0.1/", "private"),
    ("https://172.31.255.255/", "private"),
    ("https://192.168.1.1/", "private"),
    ("https://100.64.0.1/", "CGNAT"),
    ("https://169.254.1.1/", "link-local"),
    (
        "https://169.254.169.254/computeMetadata/v1/",
        "metadata service",
    ),
    ("https://0.0.0.0/", "unspecified"),
    ("https://0.1.2.3/", "unspecified"),
    ("https://255.255.255.255/", "broadcast"),
    ("https://224.0.0.1/", "multicast"),
    ("https://240.0.0.1/", "reserved"),
    ("https://192.0.2.1/", "documentation"),
    ("https://198.51.100.7/", "documentation"),
    ("https://203.0.113.7/", "documentation"),
    ("https://198.18.0.1/", "benchmarking"),
    ("https://192.0.0.8/", "for protocols"),
    ("https://192.88.99.1/", "6to4"),
    // Notations of IPv4.
    ("https://2130706433/", "127.0.0.1 is loopback"),
    ("https://0x7f000001/", "127.0.0.1 is loopback"),
    ("https://0X7F.1/", "127.0.0.1 is loopback"),
    ("https://017700000001/", "127.0.0.1 is loopback"),
    ("https://0177.0.0.1/", "127.0.0.1 is loopback"),
    ("https://127.1/", "127.0.0.1 is loopback"),
    ("https://127.0.1/", "127.0.0.1 is loopback"),
    ("https://0/", "unspecified"),
    ("https://0x0/", "unspecified"),
    ("https://10.1/", "10.0.0.1 is private"),
    ("https://2852039166/", "metadata service"),
    ("https://0xa9fea9fe/", "metadata service"),
    ("https://0xa9.0xfe.0xa9.0xfe/", "metadata service"),
    ("https://0251.0376.0251.0376/", "metadata service"),
    ("https://169.254.43518/", "metadata service"),
    ("https://127.0.0.1./", "loopback"),
    ("https://%31%32%37.0.0.1/", "loopback"),
    ("https://127%2e0%2e0%2e1/", "loopback"),
    ("https://１２７.０.０.１/", "loopback"),
    ("https://127。0。0。1/", "loopback"),
    ("https://①②⑦.⓪.⓪.①/", "loopback"),
    ("https://0x7f。１/", "loopback"),
    ("https:\\\\127.0.0.1\\x", "loopback"),
    ("https:127.0.0.1", "loopback"),
    ("\t https://12\n7.0.0.1/", "loopback"),
    ("HTTPS://127.0.0.1/", "loopback"),
    // IPv6.
    ("https://[::1]/", "loopback"),
    ("https://[0:0:0:0:0:0:0:1]/", "loopback"),
    ("https://[::]/", "unspecified"),
    ("https://[::ffff:127.0.0.1]/", "127.0.0.1 is loopback"),
    ("https://[::ffff:7f00:1]/", "127.0.0.1 is loopback"),
    ("https://[0:0:0:0:0:ffff:a00:1]/", "10.0.0.1 is private"),
    ("https://[::ffff:a9fe:a9fe]/", "metadata service"),
    ("https://[::127.0.0.1]/", "IPv4-compatible"),
    ("https://[::ffff:0:10.0.0.1]/", "IPv4-translated"),
    (
        "https://[64:ff9b::10.0.0.1]/",
        "10.0.0.1 in disguise, private",
    ),
    ("https://[64:ff9b::a9fe:a9fe]/", "metadata service"),
    ("https://[64:ff9b:1::1]/", "local NAT64"),
    ("https://[2002:7f00:1::]/", "6to4"),
    ("https://[2002:a9fe:a9fe::1]/", "metadata service"),
    ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "Teredo"),
    ("https://[2600::5efe:10.0.0.1]/", "in disguise"),
    ("https://[fc00::1]/", "unique local"),
    ("https://[fd12:3456::1]/", "unique local"),
    ("https://[fd00:ec2::254]/", "metadata service"),
    ("https://[fe80::1]/", "link-local"),
    ("https://[fec0::1]/", "site-local"),
    ("https://[ff02::1]/", "multicast"),
    ("https://[2001:db8::1]/", "documentation"),
    ("https://[3fff::1]/", "documentation"),
    ("https://[100::1]/", "discarded"),
    ("https://[2001:2::1]/", "benchmarking"),
    ("https://[5f00::1]/", "segment routing"),
    ("https://[4000::1]/", "reserved"),
    // Names.
    ("https://localhost/", "`localhost` is a name inside"),
    ("https://LOCALHOST:8443/", "`localhost` is a name inside"),
    ("https://localhost./", "`localhost` is a name inside"),
    ("https://a.localhost/", "names under `.localhost`"),
    (
        "https://localhost.localdomain/",
        "names under `.localdomain`",
    ),
    (
        "https://ｌｏｃａｌｈｏｓｔ/",
        "`localhost` is a name inside",
    ),
    ("https://loc%61lhost/", "`localhost` is a name inside"),
    ("https://metadata.google.internal/", "metadata service"),
    ("https://metadata.google.internal./", "metadata service"),
    ("https://METADATA.GOOGLE.INTERNAL/", "metadata service"),
    ("https://metadata/", "metadata service"),
    (
        "https://vm.zone.c.project.internal/",
        "names under `.internal`",
    ),
    ("https://printer.local/", "names under `.local`"),
    (
        "https://kubernetes.default.svc.cluster.local/",
        "names under `.local`",
    ),
    ("https://router.home.arpa/", "names under `.home.arpa`"),
    ("https://intranet/", "without a dot"),
    // Users and what looks like hosts before them.
    ("https://user:secret@example.com/", "user or password"),
    ("https://example.com@10.0.0.1/", "user or password"),
    (
        "https://example.com:443@127.0.0.1:8443/",
        "user or password",
    ),
    ("https://example.com%2f@127.0.0.1/", "user or password"),
    ("https://:secret@example.com/", "user or password"),
    ("https://@127.0.0.1/", "loopback"),
    ("https://127.0.0.1#@example.com/", "loopback"),
    ("https://127.0.0.1\\@example.com/", "loopback"),
    ("https://127.0.0.1?@example.com/", "loopback"),
    // Other schemes, and none that hides what is sent.
    ("http://example.com/", "plain http"),
    ("http://1.1.1.1/", "plain http"),
    ("http://127.0.0.1/", "loopback"),
    ("http://169.254.169.254/", "metadata service"),
    ("ftp://example.com/", "`ftp` is not https"),
    ("file:///etc/passwd", "`file` is not https"),
    ("gopher://127.0.0.1:6379/_INFO", "`gopher` is not https"),
    ("ws://example.com/", "`ws` is not https"),
    ("data:text/plain,x", "`data` is not https"),
    ("unix:/var/run/docker.sock", "`unix` is not https"),
];

/// What is no URL at all, whatever another reader might make of it.
const UNREADABLE: &[&str] = &[
    "",
    "127.0.0.1",
    "//127.0.0.1/",
    "https://",
    "https:///",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::1",
    "https://1.2.3.4.5/",
    "https://256.0.0.1/",
    "https://0x100000000/",
    "https://08.0.0.1/",
    "https://127.0.0.1%00.example.com/",
    "https://127.0.0.1%20.example.com/",
    "https://exa mple.com/",
    "https://a.b.0x1/",
    "https://127.0.0.1:99999/",
    "https://[::127.0.0.0x1]/",
];

#[test]
fn hostile_urls_are_refused_and_the_reason_is_said() {
    let guard = Guard::strict();
    let mut wrong = Vec::new();
    for (url, expected) in HOSTILE {
        match guard.check(url) {
            Err(OutgoingError::Refused { why, .. }) if why.contains(expected) => {}
            other => wrong.push(format!("{url:?}: {other:?}, expected {expected}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_client_refuses_them_before_it_looks_anything_up() {
    let (client, names) = client("", Names::default());
    for (url, _) in HOSTILE {
        let result = get(&client, url).await;
        assert!(
            matches!(result, Err(OutgoingError::Refused { .. })),
            "{url:?}: {result:?}"
        );
    }
    assert_eq!(names.asked(), Vec::<String>::new());
}

#[test]
fn what_is_no_url_is_said_to_be_none() {
    for url in UNREADABLE {
        let result = Guard::strict().check(url);
        assert!(
            matches!(result, Err(OutgoingError::Unusable(_))),
            "{url:?}: {result:?}"
        );
    }
}

#[test]
fn what_is_out_in_the_world_passes() {
    for url in [
        "https://example.com/",
        "https://example.com:8443/jobs?x=1",
        "https://bücher.example/",
        "https://1.1.1.1/",
        "https://8.8.8.8:1234/",
        "https://[2001:4860:4860::8888]/",
        "https://[::ffff:8.8.8.8]/",
        "https://[64:ff9b::8.8.8.8]/",
        "https://internal.example.com/",
        "https://localhost.example.com/",
        "https://notlocalhost.example/",
        "https://metadata.google.internal.example.com/",
    ] {
        assert_eq!(Guard::strict().check(url), Ok(()), "{url}");
    }
}

#[test]
fn messages_say_how_to_allow_and_hide_what_is_secret() {
    let said = |url: &str| Guard::strict().check(url).unwrap_err().to_string();
    assert_eq!(
        said("https://10.1.2.3:8443/jobs?token=canary#canary"),
        "https://10.1.2.3:8443/jobs is refused: 10.1.2.3 is private (10.0.0.0/8); to allow it, the deployment has to list `10.1.2.3` \
         or a range around it in ORK_OUTGOING_ALLOW"
    );
    assert_eq!(
        said("http://example.com/"),
        "http://example.com/ is refused: plain http is not allowed; use https, or to allow it, the deployment has to list \
         `example.com` in ORK_OUTGOING_ALLOW"
    );
    for url in [
        "https://canary:canary@example.com/?canary",
        "https://us er:canary@exa mple.com/?canary#canary",
        "data:text/plain,canary",
        "canary@[::/?canary",
    ] {
        assert!(!said(url).contains("canary"), "{}", said(url));
    }
}
