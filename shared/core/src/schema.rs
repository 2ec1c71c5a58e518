//! JSON Schema of workflow files, for editors.
