//! Threads that hash passwords: few, and behind everybody else.
//!
//! Separate because hashing is the one thing here that takes a core for long. On threads of their own with a low priority
//! the system gives a core to whoever else wants one first, so a flood of log-ins slows log-ins down and nothing else, on a
//! machine with one core as well. How many may wait is the caller's to bound.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::auth::lock;

/// About a tenth of a core's time against a thread of usual priority that wants all of it.
const NICE: i32 = 10;

/// Something to be done on one of the threads.
pub type Work = Box<dyn FnOnce() + Send>;

/// The threads; they end when this is dropped and what was handed over is done.
pub struct Hashers {
    queue: Sender<Work>,
}

impl Hashers {
    /// Starts so many.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(threads: usize) -> io::Result<Self> {
        let (queue, works) = mpsc::channel();
        let works = Arc::new(Mutex::new(works));
        for number in 0..threads {
            let works = Arc::clone(&works);
            thread::Builder::new().name(format!("hashing-{number}")).spawn(move || work_off(&works))?;
        }
        Ok(Self { queue })
    }

    /// Has it done in turn. Without threads it is dropped.
    pub fn hand_over(&self, work: Work) {
        let _ = self.queue.send(work);
    }
}

fn work_off(works: &Mutex<Receiver<Work>>) {
    // Of this thread alone. A system that refuses it lets these threads compete like any other.
    let _ = rustix::process::setpriority_process(None, NICE);
    loop {
        let next = lock(works).recv();
        let Ok(work) = next else { return };
        // Whoever waits for the result sees that there is none; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_no_thread_and_this_one_keeps_its_priority() {
        let hashers = Hashers::start(1).expect("a thread");
        let (tell, told) = mpsc::channel();
        let before = rustix::process::getpriority_process(None).expect("known");
        hashers.hand_over(Box::new(|| panic!("on purpose")));
        hashers.hand_over(Box::new(move || {
            let _ = tell.send(rustix::process::getpriority_process(None));
        }));
        let behind = told.recv().expect("still there").expect("known");
        assert!(behind >= NICE, "{behind}");
        assert_eq!(rustix::process::getpriority_process(None).expect("known"), before);
    }
}
