//! When a workflow is due.
