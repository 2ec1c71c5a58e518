//! The embedded store and the folder of objects pass what every adapter passes, and answer as the model and the simulated world do.
//! The simulated world passes the same: what is shown in it is shown of a store that behaves as stores do.

use ork_engine::conformance::{
    Job, ObjectsWorld, StoreWorld, block_on, differential, differential_objects, on_threads,
};
use ork_local::objects::Folder;
use ork_local::store::{Options, Sqlite, Sync};
use ork_sim::world::Handle;
use tempfile::TempDir;

/// A folder of its own for each case; handles are connections of their own, as those of another process.
struct World {
    folder: TempDir,
    sync: Sync,
}

impl World {
    fn new(sync: Sync) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            sync,
        }
    }
}

impl StoreWorld for World {
    type Store = Sqlite;
    async fn open(&self) -> Sqlite {
        let options = Options {
            sync: self.sync,
            ..Options::default()
        };
        Sqlite::open(&self.folder.path().join("state.db"), &options).expect("the store opens")
    }
    async fn together<'a>(&'a self, jobs: Vec<Job<'a>>) {
        on_threads(jobs);
    }
}

impl ObjectsWorld for World {
    type Objects = Folder;
    async fn open(&self) -> Folder {
        Folder::open(&self.folder.path().join("objects"), self.sync).expect("the folder opens")
    }
    async fn together<'a>(&'a self, jobs: Vec<Job<'a>>) {
        on_threads(jobs);
    }
}

/// The simulated world without its faults; handles share it. It really waits, at every point, so that jobs take turns there.
struct Simulated(Handle);

impl StoreWorld for Simulated {
    type Store = Handle;
    async fn open(&self) -> Handle {
        self.0.clone()
    }
}

impl ObjectsWorld for Simulated {
    type Objects = Handle;
    async fn open(&self) -> Handle {
        self.0.clone()
    }
}

mod simulated_store {
    use super::*;
    ork_engine::store_conformance!(Simulated(Handle::alone()), block_on);
}

mod simulated_objects {
    use super::*;
    ork_engine::objects_conformance!(Simulated(Handle::alone()), block_on);
}

mod sqlite {
    use super::*;
    ork_engine::store_conformance!(World::new(Sync::Normal), block_on);
}

mod folder {
    use super::*;
    ork_engine::objects_conformance!(World::new(Sync::Normal), block_on);
}

mod folder_in_full_sync {
    use super::*;
    ork_engine::objects_conformance!(World::new(Sync::Full), block_on);
}

#[test]
fn sqlite_in_full_sync_answers_as_the_model_does() {
    let world = World::new(Sync::Full);
    let store = block_on(StoreWorld::open(&world));
    block_on(differential::compare(&store, 7, 150));
}

#[test]
fn sqlite_answers_as_the_simulated_store_and_the_model_do() {
    let mut coverage = differential::Coverage::default();
    for seed in 0..12 {
        let world = World::new(Sync::Normal);
        let store = block_on(StoreWorld::open(&world));
        coverage.add(&block_on(differential::compare_three(
            &store,
            &Handle::alone(),
            seed,
            400,
        )));
    }
    assert_eq!(
        coverage.missing(),
        Vec::<&str>::new(),
        "every kind of operation came to pass: {coverage:?}"
    );
}

#[test]
fn two_databases_answer_as_each_other_and_as_the_model_do() {
    let worlds = [World::new(Sync::Normal), World::new(Sync::Full)];
    let [first, second] = worlds
        .each_ref()
        .map(|world| block_on(StoreWorld::open(world)));
    block_on(differential::compare_three(&first, &second, 99, 300));
}

#[test]
fn a_folder_in_full_sync_answers_as_the_model_does() {
    let world = World::new(Sync::Full);
    let objects = block_on(ObjectsWorld::open(&world));
    block_on(differential_objects::compare(&objects, 7, 150));
}

#[test]
fn a_folder_answers_as_the_simulated_objects_and_the_model_do() {
    let mut coverage = differential_objects::Coverage::default();
    for seed in 0..12 {
        let world = World::new(Sync::Normal);
        let objects = block_on(ObjectsWorld::open(&world));
        coverage.add(&block_on(differential_objects::compare_three(
            &objects,
            &Handle::alone(),
            seed,
            400,
        )));
    }
    assert_eq!(
        coverage.missing(),
        Vec::<&str>::new(),
        "every kind of operation came to pass: {coverage:?}"
    );
}
