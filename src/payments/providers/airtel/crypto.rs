//! Airtel's cryptography: the PIN of payouts, the signature of a message, the hash of a callback.
//!
//! Separate because it is pure and has vectors of its own. A message is signed by encrypting exactly the bytes that are sent
//! with a fresh AES key, and that key with the one that Airtel publishes.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use ring::hmac;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPublicKey};

/// How a PIN is padded before it is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// PKCS#1 v1.5: the older applications.
    Pkcs1,
    /// OAEP with SHA-256: "encryption 2.0".
    OaepSha256,
}

/// The headers of a signed message.
pub struct Signature {
    /// `x-signature`.
    pub signature: String,
    /// `x-key`.
    pub key: String,
}

/// A public key as it is published: base64 of DER (SPKI), with or without the lines of PEM.
pub fn public_key(text: &str) -> Option<RsaPublicKey> {
    let base64: String =
        text.lines().filter(|line| !line.starts_with("-----")).flat_map(str::split_ascii_whitespace).collect();
    RsaPublicKey::from_public_key_der(&STANDARD.decode(base64).ok()?).ok()
}

/// The PIN as it is sent.
pub fn encrypted_pin(pin: &str, key: &RsaPublicKey, padding: Padding) -> Option<String> {
    let sealed = match padding {
        Padding::Pkcs1 => key.encrypt(&mut OsRng, Pkcs1v15Encrypt, pin.as_bytes()),
        Padding::OaepSha256 => key.encrypt(&mut OsRng, Oaep::new::<rsa::sha2::Sha256>(), pin.as_bytes()),
    };
    Some(STANDARD.encode(sealed.ok()?))
}

/// Signs exactly these bytes.
pub fn signed(body: &[u8], key: &RsaPublicKey) -> Option<Signature> {
    let (mut secret, mut iv) = ([0_u8; 32], [0_u8; 16]);
    OsRng.fill_bytes(&mut secret);
    OsRng.fill_bytes(&mut iv);
    let pair = format!("{}:{}", STANDARD.encode(secret), STANDARD.encode(iv));
    let sealed = key.encrypt(&mut OsRng, Pkcs1v15Encrypt, pair.as_bytes()).ok()?;
    Some(Signature { signature: encrypted(body, secret, iv), key: STANDARD.encode(sealed) })
}

fn encrypted(body: &[u8], secret: [u8; 32], iv: [u8; 16]) -> String {
    STANDARD.encode(Encryptor::<Aes256>::new(&secret.into(), &iv.into()).encrypt_padded_vec::<Pkcs7>(body))
}

/// Whether `hash` is that of the transaction, as it came or without the blanks between its parts.
pub fn is_hash_of(hash: &str, transaction: &str, key: &str) -> bool {
    let Ok(hash) = STANDARD.decode(hash) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let fits = |text: &str| hmac::verify(&key, text.as_bytes(), &hash).is_ok();
    fits(transaction) || fits(&compact(transaction))
}

/// JSON without the blanks outside of its texts.
fn compact(json: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    let is_kept = |c: &char| {
        let is_kept = is_text || !c.is_ascii_whitespace();
        if is_text {
            (is_text, is_escaped) = (is_escaped || *c != '"', !is_escaped && *c == '\\');
        } else {
            is_text = *c == '"';
        }
        is_kept
    };
    json.chars().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use cbc::Decryptor;
    use cbc::cipher::BlockModeDecrypt as _;
    use rsa::RsaPrivateKey;
    use rsa::pkcs8::EncodePublicKey as _;

    use super::*;

    fn pair() -> (RsaPrivateKey, RsaPublicKey) {
        let secret = RsaPrivateKey::new(&mut OsRng, 1024).expect("a key");
        let spki = secret.to_public_key().to_public_key_der().expect("DER");
        let key = public_key(&STANDARD.encode(spki.as_bytes())).expect("our own key");
        (secret, key)
    }

    #[test]
    fn aes_is_that_of_the_standard() {
        // NIST SP 800-38A, F.2.5, first block.
        let key = [
            0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81, 0x1f, 0x35,
            0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4,
        ];
        let iv: [u8; 16] = std::array::from_fn(|place| u8::try_from(place).expect("below 16"));
        let plain = [0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a];
        let sealed = STANDARD.decode(encrypted(&plain, key, iv)).expect("base64");
        let first = [0xf5, 0x8c, 0x4c, 0x04, 0xd6, 0xe5, 0xf1, 0xba, 0x77, 0x9e, 0xab, 0xfb, 0x5f, 0x7b, 0xfb, 0xd6];
        assert_eq!((&sealed[..16], sealed.len()), (first.as_slice(), 32));
    }

    #[test]
    fn a_signature_opens_to_the_bytes_that_were_signed() {
        let (secret, key) = pair();
        let body = br#"{"reference":"Trip8842"}"#;
        let Signature { signature, key } = signed(body, &key).expect("a signature");
        let pair = secret.decrypt(Pkcs1v15Encrypt, &STANDARD.decode(key).expect("base64")).expect("our key");
        let pair = String::from_utf8(pair).expect("text");
        let (aes, iv) = pair.split_once(':').expect("two parts");
        let aes: [u8; 32] = STANDARD.decode(aes).expect("base64").try_into().expect("32 bytes");
        let iv: [u8; 16] = STANDARD.decode(iv).expect("base64").try_into().expect("16 bytes");
        let sealed = STANDARD.decode(signature).expect("base64");
        let opened = Decryptor::<Aes256>::new(&aes.into(), &iv.into()).decrypt_padded_vec::<Pkcs7>(&sealed);
        assert_eq!(opened.expect("padding"), body);
    }

    #[test]
    fn a_pin_opens_with_either_padding() {
        let (secret, key) = pair();
        for padding in [Padding::Pkcs1, Padding::OaepSha256] {
            let sealed = STANDARD.decode(encrypted_pin("4321", &key, padding).expect("a PIN")).expect("base64");
            let opened = match padding {
                Padding::Pkcs1 => secret.decrypt(Pkcs1v15Encrypt, &sealed),
                Padding::OaepSha256 => secret.decrypt(Oaep::new::<rsa::sha2::Sha256>(), &sealed),
            };
            assert_eq!(opened.expect("our key"), b"4321");
        }
    }

    #[test]
    fn a_hash_fits_the_bytes_or_their_compact_form() {
        let spaced = "{ \"id\": \"A 1\",\n \"message\": \"a \\\" b\" }";
        let tight = r#"{"id":"A 1","message":"a \" b"}"#;
        assert_eq!(compact(spaced), tight);
        let hash = |text: &str| {
            STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"key"), text.as_bytes()).as_ref())
        };
        assert!(is_hash_of(&hash(spaced), spaced, "key") && is_hash_of(&hash(tight), spaced, "key"));
        assert!(!is_hash_of(&hash(tight), spaced, "other") && !is_hash_of(&hash("{}"), spaced, "key"));
        assert!(!is_hash_of("%", spaced, "key") && !is_hash_of("", spaced, "key"));
    }
}
