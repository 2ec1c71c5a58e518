//! The one expression language of `when`, `{expr: …}` and `{{ }}`.
