//! A raw generator: thousands of phones on one thread, with an epoll loop of its own.
//!
//! Separate from the phones of `city`, which use a WebSocket library and a task each: here a ping costs one system call and
//! a patched frame, so that one core can load another without being what is measured. Invariants: nothing is ever sent
//! because something was answered (open loop); every ping has an intended moment, latency counts from it, and sends that
//! were late are counted, not forgiven.

pub mod fleet;
pub mod frame;
pub mod line;
pub mod pace;
pub mod ping;
pub mod stage;
pub mod strangers;
