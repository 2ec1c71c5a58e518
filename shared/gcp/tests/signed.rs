//! Workers without credentials, against the stand-ins: IAM signs, Cloud Storage checks every signature and what it promises.

#[path = "signed/attempt.rs"]
mod attempt;
#[path = "signed/hidden.rs"]
mod hidden;
#[path = "signed/refused.rs"]
mod refused;
#[path = "signed/renewed.rs"]
mod renewed;
#[path = "signed/signer.rs"]
mod signer;
#[path = "signed/site.rs"]
mod site;
#[path = "signed/started.rs"]
mod started;
#[path = "signed/world.rs"]
mod world;
