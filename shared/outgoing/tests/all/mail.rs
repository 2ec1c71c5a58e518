//! Letters, to a server of SMTP that a test plays.

use std::sync::{Arc, Mutex};

use ork_core::definition::Receiver;
use ork_engine::ports::NotSent;
use ork_outgoing::{Mail, SmtpSettings};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::notices::letter;

const CANARY: &str = "canary-7c1f";

/// Takes one letter in each connection, but says `rcpt` to its addresses; gives its address and what it was told, line by line.
async fn server(rcpt: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let told = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&told);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let mut read = BufReader::new(read).lines();
            write.write_all(b"220 test ESMTP\r\n").await.unwrap();
            let mut in_letter = false;
            while let Ok(Some(line)) = read.next_line().await {
                let answer = match line.split(' ').next().unwrap_or_default() {
                    _ if in_letter && line != "." => "",
                    "." => {
                        in_letter = false;
                        "250 taken"
                    }
                    "EHLO" => "250-test\r\n250 AUTH PLAIN",
                    "AUTH" => "235 welcome",
                    "MAIL" => "250 ok",
                    "RCPT" => rcpt,
                    "DATA" => {
                        in_letter = true;
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    _ => "500 what?",
                };
                lines.lock().unwrap().push(line);
                if !answer.is_empty() {
                    let answer = format!("{answer}\r\n");
                    if write.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        }
    });
    (address, told)
}

fn settings(url: String, from: &str) -> SmtpSettings {
    SmtpSettings {
        url,
        from: from.to_owned(),
    }
}

fn addresses() -> Vec<String> {
    vec!["a@example.com".to_owned(), "b@example.com".to_owned()]
}

#[tokio::test]
async fn a_letter_has_its_number_title_and_text_and_goes_to_all_at_once() {
    let (address, told) = server("250 ok").await;
    let url = format!("smtp://ork:{CANARY}@{address}");
    let mail = Mail::connect(&settings(url, "Ork <ork@ork.example>"));
    let mail = mail.unwrap().expect("it is set up");
    assert!(!format!("{mail:?}").contains(CANARY));
    let letter = letter(Receiver::Email(addresses()));
    mail.send(&letter, &addresses()).await.unwrap();
    let told = told.lock().unwrap().clone();
    let said = |line: &str| assert!(told.iter().any(|one| one == line), "{line} in {told:#?}");
    said("MAIL FROM:<ork@ork.example>");
    said("RCPT TO:<a@example.com>");
    said("RCPT TO:<b@example.com>");
    said("From: Ork <ork@ork.example>");
    said("To: a@example.com, b@example.com");
    said("Subject: w failed: run r");
    said("Message-ID: <r.failure.0.1@ork.example>");
    said("Ork-Notice: r.failure.0.1");
    said("Auto-Submitted: auto-generated");
    let text = told.join("\n");
    assert!(text.contains("1 < 2 & <b>"), "{text}");
}

#[tokio::test]
async fn what_the_server_turns_down_for_good_is_given_up_and_the_rest_is_tried_again() {
    for (rcpt, for_good) in [("550 no such mailbox", true), ("451 greylisted", false)] {
        let (address, _) = server(rcpt).await;
        let url = format!("smtp://ork:{CANARY}@{address}");
        let mail = Mail::connect(&settings(url, "ork@ork.example"));
        let mail = mail.unwrap().expect("it is set up");
        let letter = letter(Receiver::Email(addresses()));
        let said = mail.send(&letter, &addresses()).await;
        let why = match (&said, for_good) {
            (Err(NotSent::Never(why)), true) | (Err(NotSent::NotNow { why, .. }), false) => why,
            _ => panic!("{rcpt}: {said:?}"),
        };
        assert!(why.contains(&rcpt[4..]) && !why.contains(CANARY), "{why}");
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", port.local_addr().unwrap());
    drop(port);
    let mail = Mail::connect(&settings(url, "ork@ork.example"));
    let mail = mail.unwrap().expect("it is set up");
    let letter = letter(Receiver::Email(addresses()));
    let said = mail.send(&letter, &addresses()).await;
    assert!(matches!(said, Err(NotSent::NotNow { .. })), "{said:?}");
}

#[test]
fn settings_that_cannot_be_used_are_named_and_no_password_is_shown() {
    let none = SmtpSettings::default();
    assert!(Mail::connect(&none).unwrap().is_none());
    for (url, from, says) in [
        ("", "a@b.c", "ORK_SMTP_URL is needed"),
        ("smtps://mail.example", "", "ORK_SMTP_FROM is needed"),
        ("mail.example", "a@b.c", "ORK_SMTP_URL is not a URL"),
        (
            "http://mail.example",
            "a@b.c",
            "ORK_SMTP_URL cannot be used",
        ),
        (
            "smtps://mail.example",
            "nobody",
            "ORK_SMTP_FROM is not an address",
        ),
        (
            "smtp://u:canary-7c1f@mail.example:587",
            "a@b.c",
            "plain text",
        ),
    ] {
        let settings = settings(url.to_owned(), from);
        let error = Mail::connect(&settings).expect_err(url).to_string();
        assert!(error.contains(says) && !error.contains(CANARY), "{error}");
        assert!(!format!("{settings:?}").contains(CANARY));
    }
    for url in [
        "smtps://u:p@mail.example",
        "smtp://u:p@mail.example:587?tls=required",
        "smtp://mail.example",
    ] {
        let mail = Mail::connect(&settings(url.to_owned(), "a@b.c"));
        assert!(mail.unwrap().is_some(), "{url}");
    }
}
