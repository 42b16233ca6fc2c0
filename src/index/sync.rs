//! What the index shares memory with: the standard library's atomics.
//!
//! Separate so that the same source of [`turn`](super::turn), [`slot`](super::slot) and [`lists`](super::lists) is also
//! compiled against a model of them, which tries every order in which threads can meet (`tests/index_model`).

pub(super) use std::hint::spin_loop;
pub(super) use std::sync::Mutex;
pub(super) use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};
pub(super) use std::thread::yield_now;
