//! From a file to a checked workflow, with everything that is wrong with it.
