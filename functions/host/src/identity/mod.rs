//! Who calls: Google-signed identity tokens, exactly the audience and the account that a route is for.
//!
//! On Cloud Run the platform checks the signature and takes it out before the service sees the token. Only such a token is believed
//! without a signature, and only where the platform really is in front. Whatever still has its signature has it checked here.

mod claims;
mod guard;
mod keys;

pub use claims::{Claims, Expected, REMOVED, Token};
pub use guard::{Guard, Refusal};
pub use keys::Keys;
