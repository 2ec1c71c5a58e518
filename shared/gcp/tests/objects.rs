//! The bucket passes what every folder of objects passes, and answers as the model does. And what only objects behind a network can
//! do: lose an answer, be away, be somebody else's.

#[path = "bucket/faults.rs"]
mod faults;
#[path = "bucket/files.rs"]
mod files;
#[path = "bucket/world.rs"]
mod world;

use ork_engine::conformance::{ObjectsWorld, differential_objects};

use self::world::{World, block_on};

mod conformance {
    use super::*;
    ork_engine::objects_conformance!(World::new(), block_on);
}

#[test]
fn a_bucket_answers_as_the_model_does() {
    block_on(async {
        let mut coverage = differential_objects::Coverage::default();
        for seed in 0..8 {
            let objects = World::new().open().await;
            coverage.add(&differential_objects::compare(&objects, seed, 300).await);
        }
        assert_eq!(
            coverage.missing(),
            Vec::<&str>::new(),
            "every kind of operation came to pass: {coverage:?}"
        );
    });
}

#[test]
fn two_buckets_answer_as_each_other_and_as_the_model_do() {
    block_on(async {
        let (first, second) = (World::new().open().await, World::new().open().await);
        differential_objects::compare_three(&first, &second, 99, 200).await;
    });
}
