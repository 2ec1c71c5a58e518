//! The one set of cases that every store and every folder of objects passes, and the in-memory model they are compared with.
//!
//! Cases are plain futures over a [`StoreWorld`] or an [`ObjectsWorld`]: whoever calls them brings the executor. A crate with an
//! adapter runs them all, one test each, with [`store_conformance!`](crate::store_conformance) and
//! [`objects_conformance!`](crate::objects_conformance), or goes through [`store::all`] and [`objects::all`].
//! A case panics where the adapter differs from the ports' documentation. Every case wants a world of its own that starts empty.

pub mod coverage;
mod dice;
pub mod differential;
pub mod differential_objects;
pub mod model;
pub mod model_objects;
pub mod objects;
mod objects_listings;
mod objects_races;
mod sample;
pub mod store;
mod store_commits;
mod store_documents;
mod store_due;
mod store_queries;
mod store_races;
mod world;

pub use world::{Job, ObjectsWorld, StoreWorld, block_on, in_turn, on_threads};
