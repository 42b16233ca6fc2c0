//! The commands of one app: one is carried out at a time, a few wait, more are refused.
//!
//! Each runs in a task of its own, to the end, even when the socket closes meanwhile; the answer comes back to the reactor
//! as a note.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tracing::Instrument;

use crate::realtime::handler::Handler;
use crate::realtime::membership::Membership;
use crate::realtime::protocol::client::Command;
use crate::realtime::reactor::{Key, Note, Turn};
use crate::web::RequestId;

/// What an app has asked for.
#[derive(Default)]
pub struct Commands {
    /// The id of the one that is being carried out.
    running: Option<String>,
    waiting: VecDeque<(String, Command)>,
    started: u64,
}

impl Commands {
    /// Carries a command out, or lets it wait for those before it. Its id again, when there is no room.
    pub fn take<H: Handler>(
        &mut self,
        (id, command): (String, Command),
        key: Key,
        membership: &Membership,
        turn: &Turn<H>,
    ) -> Result<(), String> {
        if self.running.is_none() {
            self.start((id, command), key, membership, turn);
        } else if self.waiting.len() < turn.shared.config.commands_max {
            self.waiting.push_back((id, command));
        } else {
            return Err(id);
        }
        Ok(())
    }

    /// The running one is done: its id. The next one begins.
    pub fn done<H: Handler>(&mut self, key: Key, membership: &Membership, turn: &Turn<H>) -> String {
        let id = self.running.take().unwrap_or_default();
        match self.waiting.pop_front() {
            Some(next) => self.start(next, key, membership, turn),
            // Most apps never have a second one waiting: the memory goes back.
            None => self.waiting = VecDeque::new(),
        }
        id
    }

    fn start<H: Handler>(
        &mut self,
        (id, command): (String, Command),
        key: Key,
        membership: &Membership,
        turn: &Turn<H>,
    ) {
        self.started += 1;
        let request_id = format!("{}.{}", membership.connection.id.0.simple(), self.started);
        let span = tracing::info_span!("command", request_id = %request_id, command = command.name());
        let (shared, inbox, caller) = (Arc::clone(&turn.shared), Arc::clone(&turn.inbox), membership.caller);
        let work = async move {
            let answer = AssertUnwindSafe(shared.handler.command(caller, command)).catch_unwind().await;
            if answer.is_err() {
                tracing::error!("a socket command panicked");
            }
            inbox.put(Note::Answer(key, answer.ok().map(Box::new)));
        };
        turn.spawn(RequestId::scope(request_id, work).instrument(span));
        self.running = Some(id);
    }
}
