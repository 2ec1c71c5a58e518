//! The store on Google's Firestore emulator passes what every store passes, and answers as the model does. And what only
//! a store behind a network can do: lose an answer, be away, be written to by others.

#[path = "firestore/emulator.rs"]
mod emulator;
#[path = "firestore/faults.rs"]
mod faults;
#[path = "firestore/layout.rs"]
mod layout;
#[path = "firestore/proxy.rs"]
mod proxy;
#[path = "firestore/races.rs"]
mod races;
#[path = "firestore/world.rs"]
mod world;

use ork_engine::conformance::{StoreWorld, differential};

use self::world::{World, block_on};

mod conformance {
    use super::*;
    ork_engine::store_conformance!(World::new(), block_on);
}

#[test]
fn firestore_answers_as_the_model_does() {
    block_on(async {
        let mut coverage = differential::Coverage::default();
        for seed in 0..8 {
            let store = World::new().open().await;
            coverage.add(&differential::compare(&store, seed, 250).await);
        }
        assert_eq!(
            coverage.missing(),
            Vec::<&str>::new(),
            "every kind of operation came to pass: {coverage:?}"
        );
    });
}

#[test]
fn two_databases_of_one_project_answer_as_each_other_and_as_the_model_do() {
    block_on(async {
        let world = World::new();
        let (first, second) = (world.open().await, world.open_database("other").await);
        differential::compare_three(&first, &second, 99, 200).await;
    });
}
