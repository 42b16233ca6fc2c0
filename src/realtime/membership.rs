//! A session's way into the hub and out of it.
//!
//! Separate from the hub so that the two moments at which sessions race with services and with each other are read in one
//! place. Both places are given up in `Drop`, so nothing that goes wrong keeps one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use crate::clock;
use crate::ids::{ConnectionId, StreamSeq};
use crate::realtime::hub::{Connection, Hub, Socket};
use crate::realtime::mailbox::Mailbox;
use crate::realtime::protocol::client::Resume;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::reactor::{Inbox, Key};
use crate::realtime::stream::{Payload, Stream};
use crate::web::Caller;

/// A socket that has not proved who it is. Counts against `pending_max` while it lives.
pub struct Pending {
    hub: Arc<Hub>,
}

/// Where a session's stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Control messages after this position follow.
    pub seq: StreamSeq,
    /// Whether that is where the app wanted to go on, if it wanted to.
    pub recovered: Option<bool>,
}

impl Hub {
    /// A socket whose handshake begins.
    pub fn open(self: &Arc<Self>) -> Pending {
        self.pending.fetch_add(1, Ordering::Relaxed);
        Pending { hub: Arc::clone(self) }
    }

    /// Where a session's stream goes on, and the messages that its app missed, if they are all there.
    fn joined<'a>(&self, stream: &'a Stream, resume: Option<Resume>) -> (Joined, Vec<&'a Payload>) {
        let latest = StreamSeq(self.latest.load(Ordering::Acquire));
        let from_here = |recovered| (Joined { seq: latest, recovered }, Vec::new());
        let Some(Resume { epoch, after }) = resume else { return from_here(None) };
        if epoch != self.epoch() || after > latest {
            return from_here(Some(false));
        }
        match stream.after(after) {
            Some(missed) => (Joined { seq: after, recovered: Some(true) }, missed.collect()),
            None => from_here(Some(false)),
        }
    }
}

impl Pending {
    /// Makes the socket the user's one socket; an older one of the same user is told to close. What the app missed is in
    /// the mailbox then, before anything it is told from now on.
    ///
    /// # Errors
    /// The code to close with, when the node is full.
    pub fn join(
        self,
        caller: Caller,
        resume: Option<Resume>,
        (reactor, session): (Arc<Inbox>, Key),
    ) -> Result<Membership, (Self, CloseCode)> {
        let hub = Arc::clone(&self.hub);
        let mut member = hub.member(caller.user);
        if member.socket.is_none() && hub.sockets() >= hub.config().connections_max {
            drop(member);
            return Err((self, CloseCode::NodeFull));
        }
        let mailbox = Mailbox::new(hub.config().events_max, reactor, session);
        let (joined, missed) = hub.joined(&member.stream, resume);
        mailbox.put_missed(missed.into_iter());
        member.stream.go_on_from(joined.seq);
        let connection = Arc::new(Connection { id: ConnectionId(Uuid::now_v7()), mailbox });
        let socket = Socket { role: caller.role, session: caller.session, connection: Arc::clone(&connection) };
        hub.count_of(caller.role).fetch_add(1, Ordering::Relaxed);
        if let Some(old) = member.socket.replace(socket) {
            hub.count_of(old.role).fetch_sub(1, Ordering::Relaxed);
            old.connection.mailbox.order_close(CloseCode::Replaced);
        }
        drop(member);
        hub.metrics.joined(joined.recovered);
        Ok(Membership { hub, caller, connection, joined })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.hub.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A user's place in the hub.
pub struct Membership {
    hub: Arc<Hub>,
    /// Who it is.
    pub caller: Caller,
    /// What others know of the session.
    pub connection: Arc<Connection>,
    /// Where its stream goes on.
    pub joined: Joined,
}

impl Membership {
    /// Gives the place up. Whether the user is now without a socket, that is, no newer one took the place before.
    pub fn leave(&self) -> bool {
        let Some(mut member) = self.hub.members.get_mut(&self.caller.user) else { return false };
        let own = member.socket.as_ref().is_some_and(|socket| Arc::ptr_eq(&socket.connection, &self.connection));
        if !own {
            return false;
        }
        member.socket = None;
        member.left = clock::now();
        let left = member.left;
        drop(member);
        self.hub.expire_later(self.caller.user, left);
        self.hub.count_of(self.caller.role).fetch_sub(1, Ordering::Relaxed);
        self.hub.browsing.look(self.caller.user, Vec::new());
        true
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.leave();
    }
}
