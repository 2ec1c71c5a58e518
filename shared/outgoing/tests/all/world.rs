//! Names that have the addresses a test gives them, and clients that ask there.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use ork_outgoing::{Answer, Client, Guard, Limits, Looking, Lookup, OutgoingError};

/// Names with their answers: the first lookup gets the first list, the last list stays.
#[derive(Default)]
pub(crate) struct Names {
    answers: BTreeMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn with(mut self, name: &str, answers: &[&[&str]]) -> Self {
        let read = |list: &&[&str]| list.iter().map(|one| one.parse().unwrap()).collect();
        self.answers
            .insert(name.into(), answers.iter().map(read).collect());
        self
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Lookup for Names {
    fn lookup(&self, name: &str) -> Looking {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.iter().filter(|one| *one == name).count();
        asked.push(name.into());
        let found = self
            .answers
            .get(name)
            .map(|answers| answers[before.min(answers.len() - 1)].clone())
            .ok_or_else(|| io::Error::other("no such name"));
        Box::pin(async move { found })
    }
}

/// Long enough for loopback, short enough to wait for.
pub(crate) fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        total: Duration::from_secs(10),
        ..Limits::default()
    }
}

pub(crate) fn client(allow: &str, names: Names) -> (Client, Arc<Names>) {
    let names = Arc::new(names);
    let guard = Guard::parse(allow).unwrap();
    let client = Client::with_lookup(guard, limits(), Arc::<Names>::clone(&names)).unwrap();
    (client, names)
}

/// A client that may ask the servers of the tests by their address.
///
/// One for all tests: a client reads the certificates of the machine when it is made.
pub(crate) fn local() -> Client {
    static LOCAL: LazyLock<Client> = LazyLock::new(|| client("127.0.0.1", Names::default()).0);
    LOCAL.clone()
}

pub(crate) async fn get(client: &Client, url: &str) -> Result<Answer, OutgoingError> {
    client.request("GET", url, &BTreeMap::new(), None).await
}

pub(crate) fn headers(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// The reason of a refusal.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, OutgoingError>) -> String {
    match result {
        Err(OutgoingError::Refused { why, .. }) => why,
        other => panic!("not refused: {other:?}"),
    }
}
