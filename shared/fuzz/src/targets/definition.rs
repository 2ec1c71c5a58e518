//! The stored workflow document.

use ork_core::definition::Workflow;
use ork_core::run::Graph;

use super::stored;
use crate::Reading;

/// A stored definition, damaged or written by an Ork of another age.
///
/// Reading ends. What is accepted is stored and read back as the same, under the same version, and has a graph.
pub fn definition(bytes: &[u8]) -> Reading {
    match Workflow::decode(bytes) {
        Ok(workflow) => {
            let again = stored::check(&workflow);
            let graph = Graph::new(again);
            assert_eq!(graph.order().len(), workflow.tasks.len());
            Reading::Accepted
        }
        Err(error) => {
            assert!(!error.is_empty());
            Reading::Rejected
        }
    }
}
