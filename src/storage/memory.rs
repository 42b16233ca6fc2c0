//! Files in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::error::Error;
use crate::storage::Shelf;

/// A shelf that is gone with the test.
#[derive(Default)]
pub struct Memory {
    files: Mutex<BTreeMap<String, Bytes>>,
}

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> BoxFuture<'_, Result<T, Error>>
    where
        T: Send + 'static,
    {
        let done = act(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner));
        async move { Ok(done) }.boxed()
    }
}

impl Shelf for Memory {
    fn put(&self, name: &str, bytes: Bytes) -> BoxFuture<'_, Result<(), Error>> {
        self.with(|files| drop(files.insert(name.to_owned(), bytes)))
    }

    fn get(&self, name: &str) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        self.with(|files| files.get(name).cloned())
    }

    fn delete(&self, name: &str) -> BoxFuture<'_, Result<(), Error>> {
        self.with(|files| drop(files.remove(name)))
    }
}
