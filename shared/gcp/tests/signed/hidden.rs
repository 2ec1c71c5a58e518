//! No URL and no signature is printed, whatever happens and however much is logged.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ork_core::names::AttemptFile;
use ork_core::time::Time;
use ork_emulators::storage::Fault;
use ork_engine::ports::Objects;
use ork_gcp::signed::{Method, SignedUrl, UrlObjects, fetch};
use tracing_subscriber::fmt::MakeWriter;

use super::world::{World, now, spec};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Written {
    fn text(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&all).into_owned()
    }
}

#[tokio::test]
async fn nothing_that_is_printed_lets_anybody_in() {
    let (world, spec) = (World::new().await, spec(1));
    let log = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    tracing::trace!("planted");

    let mut said = String::new();
    let old = Time(now().0 - 100_000_000);
    let mut signatures = Vec::new();
    for at in [now(), old] {
        let urls = world.urls(&spec, at).await;
        for (file, method) in [
            (AttemptFile::Claim, Method::Put),
            (AttemptFile::Claim, Method::Get),
            (AttemptFile::Status, Method::Put),
            (AttemptFile::Result, Method::Get),
        ] {
            let url = urls.url(&spec.object(file), method).expect("a URL");
            let (_, signature) = url
                .reveal()
                .split_once("X-Goog-Signature=")
                .expect("signed");
            signatures.push(signature.to_owned());
            said.push_str(&format!("{url:?} {url:#?}"));
        }
        said.push_str(&format!("{urls:?} {urls:#?} {:?}", world.signer));
        let objects = UrlObjects::new(urls.clone(), &spec).expect("its own");
        said.push_str(&format!("{objects:?}"));
        let claim = spec.object(AttemptFile::Claim);
        for _ in 0..2 {
            said.push_str(&format!("{:?}", objects.create(&claim, b"{}").await));
        }
        said.push_str(&format!("{:?}", objects.get(&claim, 1).await));
        for status in [400, 403, 500] {
            world.storage.fault(Fault {
                times: 4,
                status: Some(status),
                ..Fault::default()
            });
            said.push_str(&format!("{:?}", objects.get(&claim, 1).await));
            world.storage.clear_faults();
        }
        // One that does not fit, one that leads nowhere, one that is none.
        let url = urls
            .url(&claim, Method::Get)
            .expect("a URL")
            .reveal()
            .to_owned();
        let nowhere = url.replacen(&world.storage.endpoint(), "http://127.0.0.1:1", 1);
        let query = url.split('?').nth(1).expect("signed").to_owned();
        for url in [
            url.replacen("/t.1/", "/t.2/", 1),
            nowhere,
            format!("no url?{query}"),
            format!("http://[?{query}"),
        ] {
            said.push_str(&format!("{:?}", fetch(&SignedUrl::of(&url), 9).await));
        }
    }
    let log = log.text();
    assert!(log.contains("planted"), "something is logged: {log}");
    assert!(
        said.contains("expired") && said.contains("SignatureDoesNotMatch"),
        "{said}"
    );
    for (what, text) in [("the log", &log), ("what was said", &said)] {
        assert!(!text.contains("X-Goog-Signature="), "{what}: {text}");
        for signature in &signatures {
            assert!(!text.contains(&signature[..32]), "{what}: {text}");
        }
    }
}
