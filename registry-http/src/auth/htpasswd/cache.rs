//! Credentials that were verified a moment ago.
//!
//! Clients send the password with every request, and a push has hundreds of them. A cached pair is found by a keyed
//! hash over the name, the password and the stored hash: nothing in memory can be turned back into a password, and a
//! pair dies with the hash that it was verified against.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::hash::PasswordHash;

/// The most pairs that are kept.
const CAPACITY: usize = 4096;

pub(super) struct VerifiedCache {
    /// Random, so that nobody can prepare hashes.
    key: [u8; 64],
    ttl: Duration,
    entries: Mutex<HashMap<CacheKey, Instant>>,
}

/// What a pair is found by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CacheKey([u8; 32]);

impl VerifiedCache {
    pub(super) fn new(ttl: Duration) -> Result<Self, rustls::crypto::GetRandomFailed> {
        let mut key = [0; 64];
        rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut key)?;
        Ok(Self { key, ttl, entries: Mutex::default() })
    }

    pub(super) fn key(&self, name: &str, password: &[u8], hash: &PasswordHash) -> CacheKey {
        let mut hasher = Sha256::new().chain_update(self.key);
        let mut put = |field: &[u8]| {
            hasher.update((field.len() as u64).to_le_bytes());
            hasher.update(field);
        };
        put(name.as_bytes());
        put(password);
        match hash {
            PasswordHash::Bcrypt(text) => put(text.as_bytes()),
            PasswordHash::Apr1 { salt, hash } => {
                put(salt);
                put(hash);
            }
            PasswordHash::Sha1(hash) => put(hash),
        }
        CacheKey(hasher.finalize().into())
    }

    pub(super) fn contains(&self, key: &CacheKey) -> bool {
        self.entries().get(key).is_some_and(|expires| Instant::now() < *expires)
    }

    pub(super) fn insert(&self, key: CacheKey) {
        let now = Instant::now();
        let mut entries = self.entries();
        if entries.len() >= CAPACITY {
            entries.retain(|_, expires| now < *expires);
        }
        if entries.len() >= CAPACITY
            && let Some(victim) = entries.keys().next().copied()
        {
            entries.remove(&victim);
        }
        entries.insert(key, now + self.ttl);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<CacheKey, Instant>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pair_is_known_for_a_while_and_for_its_hash_alone() {
        let cache = VerifiedCache::new(Duration::from_secs(60)).unwrap();
        let (hash, other) = (PasswordHash::Sha1([1; 20]), PasswordHash::Sha1([2; 20]));
        let key = cache.key("a", b"b", &hash);
        assert!(!cache.contains(&key));
        cache.insert(key);
        assert!(cache.contains(&cache.key("a", b"b", &hash)));
        assert!(!cache.contains(&cache.key("a", b"b", &other)), "the password was changed");
        assert!(!cache.contains(&cache.key("a", b"c", &hash)));
        assert!(!cache.contains(&cache.key("ab", b"", &hash)), "fields cannot flow into each other");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(!cache.contains(&key));
    }

    #[tokio::test]
    async fn the_cache_is_bounded() {
        let cache = VerifiedCache::new(Duration::from_secs(60)).unwrap();
        for index in 0..CAPACITY + 10 {
            cache.insert(cache.key(&index.to_string(), b"", &PasswordHash::Sha1([0; 20])));
        }
        assert_eq!(cache.entries().len(), CAPACITY);
    }
}
