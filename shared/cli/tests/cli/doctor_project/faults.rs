//! One fault after another, and the check that notices it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::checks;
use super::world::{World, path_of};

/// Every check of administration has a fault here that it notices.
const NOTICED: [&str; 23] = [
    "bucket.notices",
    "bucket.settings",
    "firestore.database",
    "firestore.fields",
    "firestore.indexes",
    "google.apis",
    "iam.bucket",
    "iam.database",
    "iam.invokers",
    "iam.jobs",
    "iam.queue",
    "iam.topics",
    "iam.wake",
    "pubsub.dead_letters",
    "pubsub.push",
    "pubsub.topics",
    "run.doors",
    "run.images",
    "run.services",
    "run.settings",
    "run.workers",
    "scheduler.tick",
    "tasks.queue",
];

/// Makes the world faulty: a value of an answer is another one, an answer is gone or another one, a service is told something else.
fn plant(world: &mut World, fault: &Value) {
    let word = |key: &str| fault[key].as_str();
    if let (Some(at), Some(values)) = (word("at"), fault["set"].as_object()) {
        for (pointer, value) in values {
            world.plant(&path_of(at), pointer, value.clone());
        }
    } else if let Some(at) = word("gone") {
        world.0.remove(&path_of(at)).expect("it was there");
    } else if let (Some(at), Some(status)) = (word("answers"), fault["status"].as_u64()) {
        world.refuse(at, status.try_into().expect("a status"), Value::Null);
    } else if let (Some(role), Some(name)) = (word("tell"), word("variable")) {
        world.tell(role, name, word("value"));
    } else {
        panic!("no fault: {fault}");
    }
}

#[test]
fn each_fault_is_noticed_by_its_check_with_what_to_do() {
    let faults: Vec<Value> =
        serde_json::from_str(include_str!("faults.json")).expect("a list of faults");
    let mut noticed = BTreeSet::new();
    for fault in &faults {
        let mut world = World::whole();
        plant(&mut world, fault);
        let name = fault["check"].as_str().expect("a check");
        let told = checks(world).told(name);
        let state = fault["state"].as_str().expect("a state");
        let words = fault["words"].as_array().expect("words");
        let has = words
            .iter()
            .all(|word| told.contains(word.as_str().expect("a word")));
        assert!(
            has && told.starts_with(&format!("{state}: ")),
            "{fault} leads to {name} {told}"
        );
        noticed.insert(name);
    }
    assert_eq!(Vec::from_iter(noticed), NOTICED);
}
