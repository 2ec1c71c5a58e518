//! Who calls: Google-signed identity tokens, exactly the audience and the account that a route is for.
//!
//! On Cloud Run the platform checks the signature and takes it out before the service sees the token. Only such a token is believed
//! without a signature, and only where the platform really is in front. Whatever still has its signature has it checked here.
//!
//! The API lets people in, too: those whom Google's tokens or Identity-Aware Proxy name, with the roles that the settings give them.

mod claims;
mod guard;
mod iap;
mod keys;
mod people;
mod tokens;

pub use claims::{Claims, REMOVED, Token};
pub use guard::{Guard, Refusal};
pub use iap::{IAP_HEADER, Iap, IapClaims};
pub use keys::Keys;
pub use people::People;
pub use tokens::Tokens;
