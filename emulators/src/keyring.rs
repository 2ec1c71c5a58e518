//! The keys of service accounts: made when first asked for, and known to whoever checks signatures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKey, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// The accounts and their keys; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Arc<Mutex<BTreeMap<String, Key>>>);

#[derive(Clone, Debug)]
enum Key {
    /// Of our own making: it signs, too.
    Own(Arc<KeyPair>),
    /// Somebody else signs; modulus and exponent.
    Told(Vec<u8>, Vec<u8>),
}

impl Keyring {
    /// Signs as this account (RSASSA-PKCS1-v1_5 with SHA-256) and gives the key's id with the signature.
    pub(crate) fn sign(&self, account: &str, message: &[u8]) -> anyhow::Result<(String, Vec<u8>)> {
        let Key::Own(pair) = self.own(account)? else {
            return Err(anyhow!(
                "the key of {account} was told from outside: only its owner can sign"
            ));
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .map_err(|_| anyhow!("{account}: its key does not sign"))?;
        let id = key_id(&Key::Own(pair).numbers().0);
        Ok((id, signature))
    }

    /// The public key of an account as (id, modulus, exponent); one is made if there is none.
    pub(crate) fn public(&self, account: &str) -> anyhow::Result<(String, Vec<u8>, Vec<u8>)> {
        let (modulus, exponent) = self.own(account)?.numbers();
        Ok((key_id(&modulus), modulus, exponent))
    }

    /// Whether this account signed this. `None`: nobody knows a key of that account.
    pub(crate) fn verify(&self, account: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        let key = self.keys().get(account).cloned()?;
        let (n, e) = key.numbers();
        let verified =
            PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature);
        Some(verified.is_ok())
    }

    /// From now on what somebody else's key signs counts as signed by this account.
    ///
    /// # Errors
    /// The bytes are no public RSA key, as PEM or DER.
    pub fn trust(&self, account: &str, public_key: &[u8]) -> anyhow::Result<()> {
        let wrong = || {
            anyhow!(
                "{account}: this is no public RSA key: give it as PEM (BEGIN PUBLIC KEY) or DER"
            )
        };
        let der = match std::str::from_utf8(public_key) {
            Ok(text) if text.contains("-----BEGIN") => {
                let lines = text.lines().filter(|line| !line.starts_with("-----"));
                BASE64_STANDARD
                    .decode(lines.map(str::trim).collect::<String>())
                    .map_err(|_| wrong())?
            }
            _ => public_key.to_vec(),
        };
        let key = PublicKey::from_der(&der).map_err(|_| wrong())?;
        let key = Key::Told(
            key.modulus().big_endian_without_leading_zero().to_vec(),
            key.exponent().big_endian_without_leading_zero().to_vec(),
        );
        self.keys().insert(account.to_owned(), key);
        Ok(())
    }

    /// The account's key, made if there is none.
    fn own(&self, account: &str) -> anyhow::Result<Key> {
        if let Some(key) = self.keys().get(account) {
            return Ok(key.clone());
        }
        // Not under the lock: it takes a while. Of two that are made at once the first stays.
        let made = KeyPair::generate(KeySize::Rsa2048)
            .map_err(|_| anyhow!("{account}: no key could be made"))?;
        let mut keys = self.keys();
        let key = keys
            .entry(account.to_owned())
            .or_insert_with(|| Key::Own(Arc::new(made)));
        Ok(key.clone())
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Key>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn numbers(&self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Own(pair) => {
                let public = pair.public_key();
                let bytes = |bytes: &[u8]| bytes.to_vec();
                (
                    bytes(public.modulus().big_endian_without_leading_zero()),
                    bytes(public.exponent().big_endian_without_leading_zero()),
                )
            }
            Self::Told(modulus, exponent) => (modulus.clone(), exponent.clone()),
        }
    }
}

/// The id of a key: forty characters that are always the same for it, as Google's are.
fn key_id(modulus: &[u8]) -> String {
    hex(&digest(&SHA256, modulus).as_ref()[..20])
}

/// Bytes in lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use aws_lc_rs::encoding::AsDer;

    use super::*;

    #[test]
    fn what_an_account_signs_is_its_own() {
        let keys = Keyring::default();
        let (id, signature) = keys.sign("a@b", b"message").unwrap();
        assert_eq!(id, keys.public("a@b").unwrap().0);
        assert_eq!(keys.verify("a@b", b"message", &signature), Some(true));
        assert_eq!(keys.verify("a@b", b"massage", &signature), Some(false));
        assert_eq!(keys.verify("c@d", b"message", &signature), None);
        keys.public("c@d").unwrap();
        assert_eq!(keys.verify("c@d", b"message", &signature), Some(false));
    }

    #[test]
    fn a_key_from_outside_is_trusted_and_does_not_sign() {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = pair.public_key().as_der().unwrap();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            BASE64_STANDARD.encode(der.as_ref())
        );
        let keys = Keyring::default();
        keys.trust("a@b", der.as_ref()).unwrap();
        keys.trust("c@d", pem.as_bytes()).unwrap();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            b"x",
            &mut signature,
        )
        .unwrap();
        assert_eq!(keys.verify("a@b", b"x", &signature), Some(true));
        assert_eq!(keys.verify("c@d", b"x", &signature), Some(true));
        assert!(keys.sign("a@b", b"x").is_err());
        assert!(keys.trust("a@b", b"nonsense").is_err());
    }
}
