//! The RSA key of the platform, the PIN that is encrypted with it, and signed messages.
//!
//! Separate because it is the slow part: nothing here may run under the world's lock. The key is made when it is first
//! needed, which takes a moment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use rsa::pkcs8::EncodePublicKey as _;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPrivateKey};
use serde_json::json;

use super::codes::{self, COLLECTION};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::World;

/// What newer apps use.
const KEY_BITS: usize = 2_048;

fn key(world: &World) -> &RsaPrivateKey {
    world.rsa.get_or_init(|| RsaPrivateKey::new(&mut OsRng, KEY_BITS).expect("the system gives randomness"))
}

/// `GET /v1/rsa/encryption-keys`
pub fn keys(world: &World) -> Reply {
    let public = key(world).to_public_key();
    let der = public.to_public_key_der().expect("an RSA key can be written down");
    // The same key has the same name, another one another.
    let name = public.n().to_bytes_be().iter().take(4).fold(0_u32, |name, byte| name << 8 | u32::from(*byte));
    let data = json!({"key_id": name, "key": STANDARD.encode(der.as_bytes()), "valid_upto": "2099-12-31 23:59:59"});
    let status = codes::status(true, &COLLECTION.code("01027"), "ESB000010", "SUCCESS");
    Reply::json(200, &json!({"data": data, "status": status}))
}

/// The PIN in a payout, whichever padding it has.
pub fn pin(world: &World, sealed: &str) -> Option<String> {
    let sealed = STANDARD.decode(sealed).ok()?;
    let key = key(world);
    let open =
        key.decrypt(Pkcs1v15Encrypt, &sealed).or_else(|_| key.decrypt(Oaep::new::<rsa::sha2::Sha256>(), &sealed));
    String::from_utf8(open.ok()?).ok()
}

/// How a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Not at all.
    Missing,
    /// Over other bytes, or with a key that cannot be read.
    Wrong,
    /// As it should be.
    Right,
}

/// Checks the signature of a call over the bytes that arrived.
pub fn signature(world: &World, call: &Call) -> Signature {
    match (call.header("x-signature"), call.header("x-key")) {
        (None, None) => Signature::Missing,
        (Some(signature), Some(sealed)) => match encrypted(world, sealed, &call.body) {
            Some(expected) if STANDARD.decode(signature).is_ok_and(|signature| signature == expected) => {
                Signature::Right
            }
            _ => Signature::Wrong,
        },
        _ => Signature::Wrong,
    }
}

/// The body under the key that `x-key` holds.
fn encrypted(world: &World, sealed: &str, body: &[u8]) -> Option<Vec<u8>> {
    let open = key(world).decrypt(Pkcs1v15Encrypt, &STANDARD.decode(sealed).ok()?).ok()?;
    let open = String::from_utf8(open).ok()?;
    let (aes_key, iv) = open.split_once(':')?;
    let (aes_key, iv) = (STANDARD.decode(aes_key).ok()?, STANDARD.decode(iv).ok()?);
    let cipher = cbc::Encryptor::<aes::Aes256>::new_from_slices(&aes_key, &iv).ok()?;
    Some(cipher.encrypt_padded_vec::<Pkcs7>(body))
}
