//! Tokens whose signature was found right, so that it is looked at once and not at every request.
//!
//! Separate because checking a signature costs more than everything else about a request's token together. What is
//! remembered is found by the SHA-256 of the whole token, so a token that differs in one bit is another. Wrong ones are
//! never remembered: whoever makes them up cannot fill this. Two maps take turns: when one is full, the one before is
//! forgotten.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::digest;
use rustc_hash::FxHashMap;

use super::Checked;

/// Locks: requests of different people rarely meet.
const SHARDS: usize = 16;

/// Which token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    pub(super) fn of(token: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }
}

/// The tokens.
pub(super) struct Seen {
    tokens_max: usize,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    current: FxHashMap<Digest, Checked>,
    before: FxHashMap<Digest, Checked>,
}

impl Seen {
    /// For up to twice `tokens_max` tokens.
    pub(super) fn new(tokens_max: usize) -> Self {
        Self { tokens_max: tokens_max.div_ceil(SHARDS), shards: Default::default() }
    }

    fn shard(&self, digest: &Digest) -> MutexGuard<'_, Shard> {
        self.shards[usize::from(digest.0[31]) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look_up(&self, digest: &Digest) -> Option<Checked> {
        let shard = self.shard(digest);
        shard.current.get(digest).or_else(|| shard.before.get(digest)).copied()
    }

    pub(super) fn remember(&self, digest: Digest, checked: Checked) {
        let mut shard = self.shard(&digest);
        if shard.current.len() >= self.tokens_max {
            shard.before = std::mem::take(&mut shard.current);
        }
        shard.current.insert(digest, checked);
    }

    /// The keys changed: what one of them found right may not be any more.
    pub(super) fn forget_all(&self) {
        for shard in &self.shards {
            *shard.lock().unwrap_or_else(PoisonError::into_inner) = Shard::default();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.current.len() + shard.before.len()
        };
        self.shards.iter().map(count).sum()
    }
}
