//! Objects as files in a folder, with the same create-once and generations as a bucket's.

mod error;
mod folder;
mod generation;
mod temporary;
mod walk;

pub use folder::Folder;
