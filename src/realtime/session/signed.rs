//! What an app that has signed on may say, and what it is answered.
//!
//! Separate from the state machine of the socket, because here nothing knows about bytes. A place in the hub is given up
//! in `Drop`, so a panic gives it up too.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use super::commands::Commands;
use crate::error::Error;
use crate::realtime::Shared;
use crate::realtime::handler::{Handler, Reply, Snapshot};
use crate::realtime::hub::Connection;
use crate::realtime::limit::{FrameBudget, Verdict};
use crate::realtime::membership::{Membership, Pending};
use crate::realtime::protocol::Encoding;
use crate::realtime::protocol::client::{ClientMessage, Command, DecodeError, Ping, Resume, decode, decode_binary};
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::{ErrorFrame, ServerMessage, Welcome};
use crate::realtime::reactor::{Key, Note, Turn};
use crate::realtime::wire::{End, Incoming};
use crate::telemetry;
use crate::time::Timestamp;
use crate::web::{Caller, RequestId, Role};

/// What a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A position or a sign of life.
    Position,
    /// Something that people wait for.
    Command,
    /// More than may be said: thrown away.
    TooMuch,
}

/// A socket with a place in the hub.
pub struct Signed<H: Handler> {
    place: Place<H>,
    /// Whether the welcome was written; nothing is read or told before.
    pub is_welcomed: bool,
    budget: FrameBudget,
    bad_frames: u32,
    track: H::Track,
    /// Only for apps that sent one.
    commands: Option<Box<Commands>>,
}

/// The user's place in the hub. Whoever loses it without a successor is gone, and the services are told.
struct Place<H: Handler> {
    shared: Arc<Shared<H>>,
    membership: Membership,
}

impl<H: Handler> Drop for Place<H> {
    fn drop(&mut self) {
        if self.membership.leave() {
            self.shared.handler.closed(self.membership.caller);
        }
    }
}

impl<H: Handler> Signed<H> {
    /// Takes a place in the hub and asks the services for the welcome, which comes as a note.
    pub fn sign_on(
        pending: Pending,
        caller: Caller,
        resume: Option<Resume>,
        key: Key,
        turn: &Turn<H>,
    ) -> Result<Self, (Pending, CloseCode)> {
        let membership = pending.join(caller, resume, (Arc::clone(&turn.inbox), key))?;
        let request_id = membership.connection.id.0.simple().to_string();
        let place = Place { shared: Arc::clone(&turn.shared), membership };
        let (shared, inbox) = (Arc::clone(&turn.shared), Arc::clone(&turn.inbox));
        turn.spawn(RequestId::scope(request_id, async move {
            let made = AssertUnwindSafe(shared.handler.welcome(caller)).catch_unwind().await;
            let made = made.unwrap_or_else(|_| {
                shared.hub.metrics.panics.increment(1);
                Err(Error::internal("making a welcome panicked"))
            });
            inbox.put(Note::Welcome(key, made.map(Box::new).map_err(|error| code_of(&error))));
        }));
        Ok(Self {
            place,
            is_welcomed: false,
            budget: FrameBudget::new(turn.shared.config.frames, turn.now),
            bad_frames: 0,
            track: H::Track::default(),
            commands: None,
        })
    }

    /// Who it is.
    pub fn caller(&self) -> Caller {
        self.place.membership.caller
    }

    /// What others know of it.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.place.membership.connection
    }

    /// The welcome.
    pub fn welcome(&mut self, snapshot: Snapshot, turn: &Turn<H>) -> ServerMessage {
        self.is_welcomed = true;
        let membership = &self.place.membership;
        ServerMessage::Welcome(Box::new(Welcome {
            session_id: membership.connection.id,
            user_id: membership.caller.user,
            role: membership.caller.role,
            server_time_ms: turn.now.as_millis(),
            heartbeat_s: turn.shared.config.heartbeat.as_secs_up(),
            epoch: turn.shared.hub.epoch(),
            seq: membership.joined.seq,
            recovered: membership.joined.recovered,
            online: snapshot.online,
            ride: snapshot.ride,
            next_ride: snapshot.next_ride,
            offers: snapshot.offers,
        }))
    }

    /// What the app hears of a command that was carried out.
    pub fn answer(&mut self, answer: Option<Result<Reply, Error>>, key: Key, turn: &Turn<H>) -> ServerMessage {
        let id = match &mut self.commands {
            Some(commands) => commands.done(key, &self.place.membership, turn),
            None => String::new(),
        };
        let error = match answer {
            Some(Ok(Reply { ride })) => return ServerMessage::Reply { id, ride: ride.map(Box::new) },
            Some(Err(error)) => error,
            None => {
                turn.shared.hub.metrics.panics.increment(1);
                Error::internal("a socket command panicked")
            }
        };
        log_cause(&error, "a socket command was not carried out");
        ServerMessage::Error(Box::new(ErrorFrame::from_error(Some(id), &error)))
    }

    /// Takes in one message.
    pub fn message(
        &mut self,
        message: &Incoming<'_>,
        encoding: Encoding,
        key: Key,
        turn: &mut Turn<H>,
    ) -> Result<Said, End> {
        match self.budget.take(turn.shared.config.frames, turn.now) {
            Verdict::Allowed => {}
            verdict => {
                turn.shared.hub.metrics.dropped_frames.increment(1);
                if verdict == Verdict::RefusedAndTold {
                    let text = format!("more than {} frames a second", turn.shared.config.frames.per_s);
                    let error = ErrorFrame { retry_after_s: Some(1), ..ErrorFrame::new(None, "rate_limited", text) };
                    turn.put(encoding, &ServerMessage::Error(Box::new(error)));
                }
                return Ok(Said::TooMuch);
            }
        }
        let refused = match decoded(message, encoding) {
            Ok(ClientMessage::Ping(ping)) => self.ping(&ping, encoding, turn),
            Ok(ClientMessage::Heartbeat) => {
                turn.put(encoding, &ServerMessage::Heartbeat { server_time_ms: turn.now.as_millis() });
                None
            }
            Ok(ClientMessage::Command { id, command }) => {
                let refused = self.command(id, command, key, turn);
                if let Some(error) = refused {
                    turn.put(encoding, &ServerMessage::Error(Box::new(error)));
                }
                return Ok(Said::Command);
            }
            Ok(ClientMessage::Hello { .. }) => {
                return self.bad_frame(DecodeError::frame("hello is for the first frame only"), encoding, turn);
            }
            // Wrong values are an app's everyday mistake and cost it nothing but the answer.
            Err(error) if error.code == "invalid_value" => Some(error.into()),
            Err(error) => return self.bad_frame(error, encoding, turn),
        };
        if let Some(error) = refused {
            turn.put(encoding, &ServerMessage::Error(Box::new(error)));
        }
        Ok(Said::Position)
    }

    fn ping(&mut self, ping: &Ping, encoding: Encoding, turn: &mut Turn<H>) -> Option<ErrorFrame> {
        let caller = self.caller();
        if caller.role != Role::Driver {
            return Some(ErrorFrame::new(None, "forbidden", "only drivers send positions"));
        }
        match turn.shared.handler.ping(caller.user.into(), &mut self.track, ping, turn.now) {
            Ok(()) => {
                turn.shared.hub.pinged(turn.number);
                if ping.ack {
                    turn.put(encoding, &ServerMessage::Ack { t_ms: ping.at.as_millis() });
                }
                None
            }
            Err(refused) => {
                turn.shared.hub.metrics.ping_refused(refused);
                Some(refused.frame(ping))
            }
        }
    }

    fn command(&mut self, id: String, command: Command, key: Key, turn: &Turn<H>) -> Option<ErrorFrame> {
        let role = self.caller().role;
        let forbidden = match role {
            Role::Driver => command.is_riders_only().then_some("riders"),
            _ => command.is_drivers_only().then_some("drivers"),
        };
        if let Some(whose) = forbidden {
            return Some(ErrorFrame::new(Some(id), "forbidden", format!("{} is for {whose}", command.name())));
        }
        let commands = self.commands.get_or_insert_default();
        let refused = commands.take((id, command), key, &self.place.membership, turn).err()?;
        turn.shared.hub.metrics.dropped_commands.increment(1);
        let text = format!("{} commands are waiting already", turn.shared.config.commands_max);
        Some(ErrorFrame::new(Some(refused), "too_many_commands", text))
    }

    fn bad_frame(&mut self, error: DecodeError, encoding: Encoding, turn: &mut Turn<H>) -> Result<Said, End> {
        self.bad_frames += 1;
        turn.put(encoding, &ServerMessage::Error(Box::new(error.into())));
        if self.bad_frames >= turn.shared.config.bad_frames_max {
            return Err(End::Close(CloseCode::ProtocolViolation));
        }
        Ok(Said::Position)
    }
}

impl<H: Handler> Shared<H> {
    /// Who a token speaks for, or the code that closes the socket.
    pub fn authenticate(&self, token: &str, now: Timestamp) -> Result<Caller, CloseCode> {
        let caller = self.handler.authenticate(token, now).map_err(|_| CloseCode::NotAuthenticated)?;
        match caller.role {
            Role::Driver | Role::Customer => Ok(caller),
            Role::Admin | Role::Government | Role::Agent => Err(CloseCode::RoleWithoutSocket),
        }
    }
}

/// The message in a frame of the app's own encoding.
pub fn decoded<'a>(message: &'a Incoming<'_>, encoding: Encoding) -> Result<ClientMessage<'a>, DecodeError> {
    match (message, encoding) {
        (Incoming::Text(text), _) => decode(text),
        (Incoming::Binary(bytes), Encoding::Binary) => decode_binary(bytes),
        _ => Err(DecodeError::frame("binary frames are not part of this protocol")),
    }
}

/// The code that tells an app why there is no welcome.
fn code_of(error: &Error) -> CloseCode {
    log_cause(error, "a socket was closed because its welcome could not be made");
    match error {
        Error::Unauthenticated { .. } => CloseCode::NotAuthenticated,
        Error::Forbidden { .. } => CloseCode::RoleWithoutSocket,
        Error::Invalid(_)
        | Error::NotFound { .. }
        | Error::Conflict { .. }
        | Error::RateLimited { .. }
        | Error::TooMany { .. }
        | Error::Unavailable { .. }
        | Error::Internal(_) => CloseCode::Unavailable,
    }
}

/// Logs what the app must not see, once, where the error ends.
fn log_cause(error: &Error, what: &'static str) {
    match error {
        Error::Internal(_) => tracing::error!(error = %telemetry::chain(error), "{what}"),
        Error::Unavailable { cause: Some(_), .. } => tracing::warn!(error = %telemetry::chain(error), "{what}"),
        _ => {}
    }
}
