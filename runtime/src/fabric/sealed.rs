//! Sealed blobs: contents that are to be deleted some day, under names that tell nothing of them.
//!
//! A blob is named by the hash of its bytes, so whoever can guess a short content can tell by a name
//! that stays in a journal whether the guess is right, also after the blob is gone. A sealed blob
//! begins with a mark and with 32 random bytes that stand nowhere else: without the blob its name
//! is a random number, and no two blobs have the same name, even of the same content.
//!
//! It does not promise secrecy while the blob is there: it is not encrypted.

use bytes::Bytes;

use super::Blobs;
use crate::{
    error::{Error, ErrorKind, Result},
    limits::BLOB_BYTES_MAX,
    protocol::payload::{Json, Payload},
};

/// What a sealed blob begins with; the last byte is the version.
const MARK: [u8; 16] = *b"orkestra sealed\x01";
/// How many random bytes follow.
const SALT_BYTES: usize = 32;

/// How much longer than its content a sealed blob is, in bytes.
pub const SEAL_BYTES: usize = MARK.len() + SALT_BYTES;

/// Seals a content: the bytes to be kept as a blob, others each time.
pub fn seal(content: &[u8]) -> Result<Bytes> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| {
        let message = "cannot seal a content: the system gives no random bytes";
        Error::new(ErrorKind::Io, message).because(std::io::Error::from(error))
    })?;
    let mut bytes = Vec::with_capacity(SEAL_BYTES + content.len());
    bytes.extend_from_slice(&MARK);
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(content);
    Ok(bytes.into())
}

/// Keeps JSON in a sealed blob; durable when this returns.
pub async fn keep_sealed(json: &Json, blobs: &dyn Blobs) -> Result<Payload> {
    let content = json.as_str().as_bytes();
    if content.len() > BLOB_BYTES_MAX - SEAL_BYTES {
        let message = format!(
            "a sensitive content has {} bytes, and at most {} are kept",
            content.len(),
            BLOB_BYTES_MAX - SEAL_BYTES
        );
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let name = blobs.put(seal(content)?).await?;
    Ok(Payload::Sensitive { name, bytes: content.len() as u64 })
}

/// Whether these are the bytes of a sealed blob.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.len() >= SEAL_BYTES && bytes.starts_with(&MARK)
}

/// The content of a sealed blob. An error of kind `Corrupt` when it is none; it shows nothing.
pub fn unseal(bytes: &Bytes) -> Result<Bytes> {
    if is_sealed(bytes) {
        return Ok(bytes.slice(SEAL_BYTES..));
    }
    Err(Error::new(ErrorKind::Corrupt, "this blob should be sealed, and is not"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabric::BlobName;

    #[test]
    fn what_is_sealed_comes_back_and_its_name_is_another_each_time() {
        let (one, two) = (seal(b"yes").unwrap(), seal(b"yes").unwrap());
        assert_eq!((unseal(&one).unwrap(), unseal(&two).unwrap()), ("yes".into(), "yes".into()));
        assert_ne!(BlobName::of(&one), BlobName::of(&two));
        assert_eq!(one.len(), SEAL_BYTES + 3);
        assert_eq!(unseal(&seal(b"").unwrap()).unwrap(), Bytes::new());
    }

    #[test]
    fn what_is_not_sealed_is_not_taken_for_it_and_not_shown() {
        let told = unseal(&Bytes::from_static(b"\"a canary that sings\"")).unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Corrupt);
        assert!(!told.to_string().contains("canary"), "{told}");
        assert!(!is_sealed(&MARK));
    }
}
