//! One task per socket: reads frames, writes what waits, carries out commands, until there is a reason to end.
//!
//! The task waits for four things at once: the order to close, mail from the hub, the running command, the next frame.
//! It sets no timer: the hub's sweeper sends the order to close when the app was silent for too long. Commands run in
//! tasks of their own, one at a time for each socket, so that a slow one neither holds up an offer nor is broken off
//! half-way when the phone drops out. A place in the hub is given up in `Drop`, so a panic gives it up too.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinError, JoinHandle};
use tokio_tungstenite::tungstenite::Message;
use tracing::Instrument;

use crate::clock;
use crate::error::Error;
use crate::ids::{Epoch, StreamSeq};
use crate::realtime::Sockets;
use crate::realtime::handler::{Handler, Reply};
use crate::realtime::hub::{Membership, Pending};
use crate::realtime::limit::{FrameBudget, Verdict};
use crate::realtime::mailbox::Mail;
use crate::realtime::protocol::client::{ClientMessage, Command, DecodeError, Ping, decode};
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::{ErrorFrame, ServerMessage, Welcome};
use crate::realtime::wire::{End, Wire};
use crate::telemetry;
use crate::time::Timestamp;
use crate::web::{Caller, RequestId, Role};

/// Runs a socket from the end of its handshake to its own. `caller` is who the handshake proved it to be, or the reason
/// why not; without either the first frame has to say.
pub(super) async fn run<H: Handler, S>(
    sockets: Arc<Sockets<H>>,
    pending: Pending,
    mut wire: Wire<S>,
    caller: Option<Result<Caller, CloseCode>>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let end = match identify(&sockets, &pending, &mut wire, caller).await {
        Ok(caller) => match pending.join(caller) {
            Ok(membership) => Session::new(&sockets, membership, &mut wire).run().await,
            Err(code) => End::Close(code),
        },
        Err(end) => end,
    };
    match end {
        End::Close(code) => {
            sockets.hub.metrics.closed(Some(code));
            Box::pin(wire.close(code, sockets.config.close_within.to_duration())).await;
        }
        End::Gone => sockets.hub.metrics.closed(None),
    }
}

/// Who is there: from the handshake, or from a `hello` that has to be the first frame.
async fn identify<H: Handler, S>(
    sockets: &Sockets<H>,
    pending: &Pending,
    wire: &mut Wire<S>,
    caller: Option<Result<Caller, CloseCode>>,
) -> Result<Caller, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(known) = caller {
        return known.map_err(End::Close);
    }
    let first = poll_fn(|cx| {
        if let Some(code) = pending.connection.mailbox.poll_close(cx) {
            return Poll::Ready(Err(End::Close(code)));
        }
        loop {
            match wire.poll_read(cx) {
                Poll::Ready(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    })
    .await?;
    let Message::Text(text) = first else { return Err(End::Close(CloseCode::ProtocolViolation)) };
    match decode(&text) {
        Ok(ClientMessage::Hello { token, .. }) => sockets.authenticate(&token.0, clock::now()).map_err(End::Close),
        _ => Err(End::Close(CloseCode::ProtocolViolation)),
    }
}

impl<H: Handler> Sockets<H> {
    /// Who a token speaks for, or the code that closes the socket.
    pub(super) fn authenticate(&self, token: &str, now: Timestamp) -> Result<Caller, CloseCode> {
        let caller = self.handler.authenticate(token, now).map_err(|_| CloseCode::NotAuthenticated)?;
        match caller.role {
            Role::Driver | Role::Customer => Ok(caller),
            Role::Admin | Role::Government => Err(CloseCode::RoleWithoutSocket),
        }
    }
}

/// How a command's task ended.
type Answer = Result<Result<Reply, Error>, JoinError>;

/// What the session wakes up for, besides the order to close.
enum Step {
    Mail,
    Answer(Box<Answer>),
    Frame(Message),
}

/// A command that is being carried out.
struct Running {
    id: String,
    task: JoinHandle<Result<Reply, Error>>,
}

struct Session<'a, H: Handler, S> {
    sockets: &'a Arc<Sockets<H>>,
    place: Place<'a, H>,
    wire: &'a mut Wire<S>,
    budget: FrameBudget,
    bad_frames: u32,
    /// Of the last control message written.
    seq: u64,
    running: Option<Running>,
    waiting: VecDeque<(String, Command)>,
    commands_started: u64,
}

/// The user's place in the hub. Whoever loses it without a successor is gone, and the services are told.
struct Place<'a, H: Handler> {
    handler: &'a H,
    membership: Membership,
}

impl<H: Handler> Drop for Place<'_, H> {
    fn drop(&mut self) {
        if self.membership.leave() {
            self.handler.closed(self.membership.caller);
        }
    }
}

impl<'a, H: Handler, S: AsyncRead + AsyncWrite + Unpin> Session<'a, H, S> {
    fn new(sockets: &'a Arc<Sockets<H>>, membership: Membership, wire: &'a mut Wire<S>) -> Self {
        let config = &sockets.config;
        Self {
            budget: FrameBudget::new(config.frames_per_s, config.frames_burst_max, clock::now()),
            place: Place { handler: &sockets.handler, membership },
            sockets,
            wire,
            bad_frames: 0,
            seq: 0,
            running: None,
            waiting: VecDeque::new(),
            commands_started: 0,
        }
    }

    async fn run(mut self) -> End {
        let session = self.place.membership.connection.id;
        let caller = self.place.membership.caller;
        tracing::debug!(session.id = %session, user.id = %caller.user, role = caller.role.as_str(), "socket opened");
        let end = match self.live().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        tracing::debug!(session.id = %session, end = ?end, "socket closed");
        end
    }

    async fn live(&mut self) -> Result<std::convert::Infallible, End> {
        // The place in the hub was taken first: what happens while the welcome is made waits in the mailbox behind it.
        let welcome = self.welcome().await?;
        self.wire.gather(&welcome)?;
        loop {
            match poll_fn(|cx| self.poll_step(cx)).await? {
                Step::Mail => self.write_mail()?,
                Step::Answer(answer) => self.write_answer(*answer)?,
                Step::Frame(frame) => self.read_frame(frame)?,
            }
        }
    }

    async fn welcome(&mut self) -> Result<ServerMessage, End> {
        let caller = self.place.membership.caller;
        let sockets = Arc::clone(self.sockets);
        let request_id = self.place.membership.connection.id.0.simple().to_string();
        // A task of its own, so that a replaced or stopped session does not wait for it.
        let work = RequestId::scope(request_id, async move { sockets.handler.welcome(caller).await });
        let mut task = self.sockets.hub.tasks.spawn(work);
        let connection = Arc::clone(&self.place.membership.connection);
        let joined = poll_fn(|cx| {
            if let Some(code) = connection.mailbox.poll_close(cx) {
                return Poll::Ready(Err(End::Close(code)));
            }
            Pin::new(&mut task).poll(cx).map(Ok)
        })
        .await?;
        let snapshot = match joined {
            Ok(Ok(snapshot)) => snapshot,
            Ok(Err(error)) => {
                log_cause(&error, "a socket was closed because its welcome could not be made");
                return Err(End::Close(match error {
                    Error::Unauthenticated { .. } => CloseCode::NotAuthenticated,
                    Error::Forbidden { .. } => CloseCode::RoleWithoutSocket,
                    Error::Invalid(_)
                    | Error::NotFound { .. }
                    | Error::Conflict { .. }
                    | Error::RateLimited { .. }
                    | Error::Unavailable { .. }
                    | Error::Internal(_) => CloseCode::Unavailable,
                }));
            }
            Err(_) => {
                self.count_panic("making a welcome panicked");
                return Err(End::Close(CloseCode::Unavailable));
            }
        };
        Ok(ServerMessage::Welcome(Box::new(Welcome {
            session_id: connection.id,
            user_id: caller.user,
            role: caller.role,
            epoch: Epoch(uuid::Uuid::nil()),
            seq: StreamSeq::START,
            recovered: None,
            server_time_ms: clock::now().as_millis(),
            heartbeat_s: self.sockets.config.heartbeat.as_secs_up(),
            online: snapshot.online,
            ride: snapshot.ride,
            offers: snapshot.offers,
        })))
    }

    /// Waits for the next thing to do. What was gathered is flushed when there is nothing else to do at this moment, or
    /// when it is enough for a write of its own.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, End>> {
        let mailbox = &self.place.membership.connection.mailbox;
        if let Some(code) = mailbox.poll_close(cx) {
            return Poll::Ready(Err(End::Close(code)));
        }
        if self.wire.is_congested() {
            match self.wire.poll_flush(cx) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return Poll::Pending,
            }
        }
        if mailbox.has_mail() {
            return Poll::Ready(Ok(Step::Mail));
        }
        if let Some(running) = &mut self.running
            && let Poll::Ready(answer) = Pin::new(&mut running.task).poll(cx)
        {
            return Poll::Ready(Ok(Step::Answer(Box::new(answer))));
        }
        if let Poll::Ready(frame) = self.wire.poll_read(cx) {
            return Poll::Ready(frame.map(Step::Frame));
        }
        if self.wire.has_gathered()
            && let Poll::Ready(flushed) = self.wire.poll_flush(cx)
        {
            flushed?;
        }
        Poll::Pending
    }

    fn write_mail(&mut self) -> Result<(), End> {
        while !self.wire.is_congested() {
            match self.place.membership.connection.mailbox.take() {
                Some(Mail::Event(event)) => {
                    let prev = StreamSeq(self.seq);
                    self.seq += u64::from(event.is_control());
                    self.wire.gather(&event.into_message(StreamSeq(self.seq), prev))?;
                }
                Some(Mail::Position(position)) => self.wire.gather(&ServerMessage::DriverPosition(position))?,
                None => break,
            }
        }
        Ok(())
    }

    fn read_frame(&mut self, frame: Message) -> Result<(), End> {
        let now = clock::now();
        self.sockets.hub.heard(&self.place.membership.connection);
        match self.budget.take(now) {
            Verdict::Allowed => {}
            Verdict::RefusedAndTold => {
                self.sockets.hub.metrics.dropped_frames.increment(1);
                let text = format!("more than {} frames a second", self.sockets.config.frames_per_s);
                let error = ErrorFrame { retry_after_s: Some(1), ..ErrorFrame::new(None, "rate_limited", text) };
                return self.refuse(error);
            }
            Verdict::Refused => {
                self.sockets.hub.metrics.dropped_frames.increment(1);
                return Ok(());
            }
        }
        match frame {
            Message::Text(text) => match decode(&text) {
                Ok(ClientMessage::Ping(ping)) => self.take_ping(&ping, now),
                Ok(ClientMessage::Heartbeat) => {
                    self.wire.gather(&ServerMessage::Heartbeat { server_time_ms: now.as_millis() })
                }
                Ok(ClientMessage::Command { id, command }) => self.take_command(id, command),
                Ok(ClientMessage::Hello { .. }) => self.refuse_frame("hello is for the first frame only"),
                // Wrong values are an app's everyday mistake and cost it nothing but the answer.
                Err(error) if error.code == "invalid_value" => self.refuse(error.into()),
                Err(error) => self.count_bad_frame(error),
            },
            Message::Binary(_) => self.refuse_frame("binary frames are not part of this protocol"),
            // The library answers a ping and a close by itself; after a close the next read says that it is over.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        }
    }

    fn take_ping(&mut self, ping: &Ping, now: Timestamp) -> Result<(), End> {
        let caller = self.place.membership.caller;
        if caller.role != Role::Driver {
            return self.refuse(ErrorFrame::new(None, "forbidden", "only drivers send positions"));
        }
        match self.sockets.handler.ping(caller.user.into(), ping, now) {
            Ok(()) => {
                self.sockets.hub.pinged(&self.place.membership.connection);
                if ping.ack { self.wire.gather(&ServerMessage::Ack { t_ms: ping.at.as_millis() }) } else { Ok(()) }
            }
            Err(refused) => {
                self.sockets.hub.metrics.ping_refused(refused);
                self.refuse(refused.frame(ping))
            }
        }
    }

    fn take_command(&mut self, id: String, command: Command) -> Result<(), End> {
        let commands_max = self.sockets.config.commands_max;
        if command.is_drivers_only() && self.place.membership.caller.role != Role::Driver {
            return self.refuse(ErrorFrame::new(Some(id), "forbidden", format!("{} is for drivers", command.name())));
        }
        if command.is_riders_only() && self.place.membership.caller.role != Role::Customer {
            return self.refuse(ErrorFrame::new(Some(id), "forbidden", format!("{} is for riders", command.name())));
        }
        if self.running.is_none() {
            self.start(id, command);
        } else if self.waiting.len() < commands_max {
            self.waiting.push_back((id, command));
        } else {
            self.sockets.hub.metrics.dropped_commands.increment(1);
            let text = format!("{commands_max} commands are waiting already");
            return self.refuse(ErrorFrame::new(Some(id), "too_many_commands", text));
        }
        Ok(())
    }

    fn start(&mut self, id: String, command: Command) {
        self.commands_started += 1;
        let request_id = format!("{}.{}", self.place.membership.connection.id.0.simple(), self.commands_started);
        let span = tracing::info_span!("command", request_id = %request_id, command = command.name());
        let sockets = Arc::clone(self.sockets);
        let caller = self.place.membership.caller;
        let work = async move { sockets.handler.command(caller, command).await };
        let task = self.sockets.hub.tasks.spawn(RequestId::scope(request_id, work).instrument(span));
        self.running = Some(Running { id, task });
    }

    fn write_answer(&mut self, answer: Answer) -> Result<(), End> {
        let id = self.running.take().map(|running| running.id).unwrap_or_default();
        if let Some((next_id, command)) = self.waiting.pop_front() {
            self.start(next_id, command);
        }
        let error = match answer {
            Ok(Ok(Reply { ride })) => return self.wire.gather(&ServerMessage::Reply { id, ride: ride.map(Box::new) }),
            Ok(Err(error)) => error,
            Err(_) => {
                self.count_panic("a socket command panicked");
                Error::internal("a socket command panicked")
            }
        };
        log_cause(&error, "a socket command was not carried out");
        self.refuse(ErrorFrame::from_error(Some(id), &error))
    }

    fn refuse(&mut self, error: ErrorFrame) -> Result<(), End> {
        self.wire.gather(&ServerMessage::Error(Box::new(error)))
    }

    fn refuse_frame(&mut self, message: &str) -> Result<(), End> {
        self.count_bad_frame(DecodeError::frame(message))
    }

    fn count_bad_frame(&mut self, error: DecodeError) -> Result<(), End> {
        self.bad_frames += 1;
        self.refuse(error.into())?;
        if self.bad_frames >= self.sockets.config.bad_frames_max {
            return Err(End::Close(CloseCode::ProtocolViolation));
        }
        Ok(())
    }

    fn count_panic(&self, what: &'static str) {
        self.sockets.hub.metrics.panics.increment(1);
        tracing::error!(session.id = %self.place.membership.connection.id, "{what}");
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
