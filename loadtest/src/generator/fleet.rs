//! The loop: dials, pings, reads and waits for all connections on the calling thread.
//!
//! What the phones say and do about what they hear is `Phones`; this file only moves bytes at the right moment. Waiting is
//! precise (`ppoll` on the epoll descriptor, in nanoseconds) and ends when a ping is due or something arrived.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::prctl::set_timerslack;
use nix::sys::time::{TimeSpec, TimeValLike};

use super::frame::{self, Frame, TEXT, append_masked};
use super::line::{End, Line, State};
use super::pace::{Punctuality, Tick, Ticks};
use super::ping::{self, Dialect, PhoneClock, RADIUS_M, Round};
use crate::clock;
use crate::world::Point;

/// The shared read buffer: one read takes all that is there for a phone.
const BUFFER_BYTES: usize = 64 * 1024;
/// Handshakes under way at once while the fleet is gathered, well below any listener's backlog.
const DIALS_AT_ONCE: usize = 200;
/// Between two calls of `Phones::tick`.
const TICK: Duration = Duration::from_millis(5);
/// Longest wait between looks at whether the run is over.
const NAP: Duration = Duration::from_millis(20);

/// Frames that phones want sent.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: Vec<(usize, Vec<u8>)>,
}

impl Outbox {
    /// A text frame of phone `who`.
    pub fn text(&mut self, who: usize, text: &str) {
        let mut bytes = Vec::with_capacity(text.len() + 8);
        append_masked(&mut bytes, TEXT, text.as_bytes());
        self.frames.push((who, bytes));
    }
}

/// What phones have at hand when something happens.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The moment.
    pub now: Instant,
    /// When which ping was meant to be sent.
    pub sent: &'a SentLog,
    /// What to send.
    pub out: &'a mut Outbox,
}

/// The people behind the connections.
pub trait Phones {
    /// The bytes of a handshake.
    fn handshake(&mut self, who: usize) -> Vec<u8>;
    /// The handshake was accepted.
    fn upgraded(&mut self, who: usize, desk: &mut Desk<'_>);
    /// A frame arrived.
    fn hear(&mut self, who: usize, frame: Frame<'_>, desk: &mut Desk<'_>);
    /// The connection is over. Says after which pause it is to be dialled again, if at all.
    fn ended(&mut self, who: usize, end: &End, now: Instant) -> Option<Duration>;
    /// Some milliseconds passed.
    fn tick(&mut self, desk: &mut Desk<'_>);
}

/// The last two pings of every connection: what an acknowledgement or a relayed position is measured against.
#[derive(Debug, Default)]
pub struct SentLog {
    last: Vec<[Option<(u64, Instant)>; 2]>,
}

impl SentLog {
    fn note(&mut self, who: usize, t_ms: u64, due: Instant) {
        if let Some(last) = self.last.get_mut(who) {
            last.rotate_right(1);
            last[0] = Some((t_ms, due));
        }
    }

    /// When the ping of `who` with this time was meant to be sent.
    pub fn due(&self, who: usize, t_ms: u64) -> Option<Instant> {
        self.last.get(who)?.iter().flatten().find(|(sent_ms, _)| *sent_ms == t_ms).map(|(_, due)| *due)
    }
}

/// How pings are paced.
#[derive(Clone, Debug)]
pub enum Pace {
    /// Each at its intended moment.
    Even(Ticks),
    /// As fast as the server takes them, so many frames in one write.
    Flood {
        /// Frames a write.
        burst: usize,
        /// Whose turn it is.
        next: usize,
    },
}

/// Pings of the connections `0..rounds.len()`.
#[derive(Debug)]
pub struct Pinging {
    /// When.
    pub pace: Pace,
    /// Where.
    pub rounds: Vec<Round>,
    /// In which dialect.
    pub dialect: Dialect,
    /// Every so many pings ask for an acknowledgement; 0 is none.
    pub ack_every: u64,
    /// The phones' clock.
    pub clock: PhoneClock,
    /// How punctual they were.
    pub kept: Punctuality,
    /// Pings put on the wire; shared, so that the harness can look while they are sent.
    pub sent: Arc<AtomicU64>,
    /// Pings not sent because the connection was down or clogged.
    pub skipped: u64,
}

impl Pinging {
    /// Pings of connections `0..homes.len()`, each riding around its home.
    pub fn new(pace: Pace, homes: &[Point], dialect: Dialect, ack_every: u64) -> Self {
        Self::around(pace, homes, RADIUS_M, dialect, ack_every)
    }

    /// The same, on circles of another size.
    pub fn around(pace: Pace, homes: &[Point], radius_m: f64, dialect: Dialect, ack_every: u64) -> Self {
        // By the golden section: spread over the circle, and the same for the same driver however many there are.
        let round = |(at, home): (usize, &Point)| Round::new(*home, (at as f64 * 0.618_034).fract(), radius_m);
        Self {
            pace,
            rounds: homes.iter().enumerate().map(round).collect(),
            dialect,
            ack_every,
            clock: PhoneClock::new(Instant::now(), clock::now_ms()),
            kept: Punctuality::default(),
            sent: Arc::default(),
            skipped: 0,
        }
    }
}

/// All connections to one server.
#[derive(Debug)]
pub struct Fleet {
    to: SocketAddr,
    lines: Vec<Line>,
    receive_bytes: Vec<Option<usize>>,
    epoll: Epoll,
    buffer: Vec<u8>,
    frames: Vec<u8>,
    scratch: Vec<u8>,
    sent: SentLog,
    outbox: Outbox,
    waiting: VecDeque<usize>,
    redial: BinaryHeap<Reverse<(Instant, usize)>>,
    dialing: usize,
    next_tick: Instant,
    /// Bytes received in all.
    pub received_bytes: u64,
    /// Reads that brought something: deliveries by the server, seen from here.
    pub reads: u64,
}

impl Fleet {
    /// `count` connections to `to`, none dialled yet.
    ///
    /// # Errors
    /// When there is no epoll.
    pub fn new(to: SocketAddr, count: usize) -> Result<Self, String> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|err| format!("no epoll: {err}"))?;
        Ok(Self {
            to,
            lines: (0..count).map(|_| Line::new()).collect(),
            receive_bytes: vec![None; count],
            epoll,
            buffer: vec![0; BUFFER_BYTES],
            frames: Vec::with_capacity(4_096),
            scratch: Vec::with_capacity(256),
            sent: SentLog { last: vec![[None; 2]; count] },
            outbox: Outbox::default(),
            waiting: VecDeque::new(),
            redial: BinaryHeap::new(),
            dialing: 0,
            next_tick: Instant::now(),
            received_bytes: 0,
            reads: 0,
        })
    }

    /// Makes the kernel's receive buffer of a connection small. Takes effect when it is dialled.
    pub fn narrow(&mut self, who: usize, receive_bytes: usize) {
        self.receive_bytes[who] = Some(receive_bytes);
    }

    /// Puts connections in line to be dialled.
    pub fn dial(&mut self, who: std::ops::Range<usize>) {
        self.waiting.extend(who);
    }

    /// Reads a stalled connection again.
    pub fn unstall(&mut self, who: usize) {
        if let Some(stream) = self.lines[who].stream() {
            // It fails for a connection that was lost and dialled again meanwhile, which is read already.
            let _ = self.epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLIN, who as u64));
        }
    }

    /// Stops reading a connection: a phone in a tunnel.
    pub fn stall(&mut self, who: usize) {
        if let Some(stream) = self.lines[who].stream() {
            // Not polled is not read; a failure would mean that the connection is down, which is as unread as it gets.
            let _ = self.epoll.delete(stream);
        }
    }

    /// Hangs up on all.
    pub fn hang_up(&mut self) {
        self.waiting.clear();
        self.redial.clear();
        self.lines.iter_mut().for_each(Line::drop_now);
        self.dialing = 0;
    }

    /// Runs until `over` says so.
    pub fn run<P: Phones>(
        &mut self,
        phones: &mut P,
        mut pinging: Option<&mut Pinging>,
        mut over: impl FnMut(&P, Instant) -> bool,
    ) {
        // Waits of this thread end when they are asked to, not up to 50 us later. Set here and not for the process, because
        // the servers we start would inherit it.
        let _ = set_timerslack(1);
        let mut look_at = Instant::now();
        loop {
            let now = Instant::now();
            if now >= look_at {
                if over(phones, now) {
                    return;
                }
                look_at = now + Duration::from_millis(1);
            }
            let due = pinging.as_deref_mut().and_then(|pinging| self.ping(phones, pinging));
            self.dial_waiting(phones, now);
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                phones.tick(&mut Desk { now, sent: &self.sent, out: &mut self.outbox });
            }
            self.post(phones);
            let wake = due.unwrap_or(now + NAP).min(self.next_tick).min(now + NAP);
            self.wait_and_read(phones, wake);
        }
    }

    /// Sends what is due. Returns when the next ping is.
    fn ping<P: Phones>(&mut self, phones: &mut P, pinging: &mut Pinging) -> Option<Instant> {
        if let Pace::Flood { burst, next } = pinging.pace {
            return Some(self.flood(phones, pinging, burst, next));
        }
        // Looks at arrivals in between even when it is behind.
        for _ in 0..64 {
            let Pace::Even(ticks) = &mut pinging.pace else { return None };
            let now = Instant::now();
            let Some(Tick { sender, due }) = ticks.pop(now) else { return Some(ticks.peek().due) };
            if self.lines[sender].state != State::Open || self.lines[sender].is_clogged() {
                pinging.skipped += 1;
                continue;
            }
            let number = pinging.sent.load(Ordering::Relaxed);
            let wants_ack = pinging.ack_every != 0 && number.is_multiple_of(pinging.ack_every);
            let t_ms = self.write_pings(phones, pinging, sender, 1, wants_ack);
            self.sent.note(sender, t_ms, due);
            pinging.kept.sent(due, Instant::now());
        }
        Some(Instant::now())
    }

    /// Writes a burst on each of the next connections that take one.
    fn flood<P: Phones>(&mut self, phones: &mut P, pinging: &mut Pinging, burst: usize, next: usize) -> Instant {
        let senders = pinging.rounds.len();
        let mut written = 0;
        for step in 0..senders.min(256) {
            let who = (next + step) % senders;
            if self.lines[who].state == State::Open && !self.lines[who].is_clogged() {
                self.write_pings(phones, pinging, who, burst, false);
                written += 1;
            }
        }
        pinging.pace = Pace::Flood { burst, next: (next + 256) % senders.max(1) };
        if written == 0 { Instant::now() + Duration::from_micros(500) } else { Instant::now() }
    }

    fn write_pings<P: Phones>(
        &mut self,
        phones: &mut P,
        pinging: &mut Pinging,
        who: usize,
        count: usize,
        wants_ack: bool,
    ) -> u64 {
        let now = Instant::now();
        let t_ms = pinging.clock.ms_at(now);
        let fix = pinging.rounds[who].at(t_ms);
        self.frames.clear();
        for _ in 0..count {
            ping::append(&mut self.frames, &mut self.scratch, pinging.dialect, &fix, wants_ack);
        }
        match self.lines[who].write(&self.frames) {
            Ok(true) => {}
            Ok(false) => self.watch(who, true),
            Err(end) => self.over(phones, who, &end),
        }
        pinging.sent.fetch_add(count as u64, Ordering::Relaxed);
        t_ms
    }

    fn dial_waiting<P: Phones>(&mut self, phones: &mut P, now: Instant) {
        while self.redial.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, who))) = self.redial.pop() else { break };
            self.dial_one(phones, who);
        }
        while self.dialing < DIALS_AT_ONCE {
            let Some(who) = self.waiting.pop_front() else { break };
            self.dial_one(phones, who);
        }
    }

    fn dial_one<P: Phones>(&mut self, phones: &mut P, who: usize) {
        let connected = self.lines[who].connect(self.to, who, self.receive_bytes[who]);
        self.dialing += 1;
        let polled = connected.and_then(|()| {
            let stream = self.lines[who].stream().ok_or_else(|| std::io::Error::other("no socket"))?;
            Ok(self.epoll.add(stream, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT, who as u64))?)
        });
        if let Err(err) = polled {
            self.over(phones, who, &End::Broken(err.to_string()));
        }
    }

    /// Polls a connection for reading, and for writing while something waits.
    fn watch(&self, who: usize, writing: bool) {
        let flags = if writing { EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        if let Some(stream) = self.lines[who].stream() {
            // A connection that is not polled was stalled on purpose and stays so.
            let _ = self.epoll.modify(stream, &mut EpollEvent::new(flags, who as u64));
        }
    }

    fn wait_and_read<P: Phones>(&mut self, phones: &mut P, wake: Instant) {
        let pause = wake.saturating_duration_since(Instant::now());
        if !pause.is_zero() {
            let pause = TimeSpec::nanoseconds(i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX));
            let mut polled = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
            // An interrupted wait is a short one.
            if ppoll(&mut polled, Some(pause), None) == Ok(0) {
                return;
            }
        }
        let mut events = [EpollEvent::empty(); 256];
        let Ok(count) = self.epoll.wait(&mut events, 0_u8) else { return };
        let now = Instant::now();
        for event in &events[..count] {
            let Ok(who) = usize::try_from(event.data()) else { continue };
            if let Err(end) = self.handle(phones, who, event.events(), now) {
                self.over(phones, who, &end);
            }
        }
        self.post(phones);
    }

    fn handle<P: Phones>(&mut self, phones: &mut P, who: usize, flags: EpollFlags, now: Instant) -> Result<(), End> {
        let line = &mut self.lines[who];
        if line.state == State::Connecting {
            line.upgrade(&phones.handshake(who))?;
            self.watch(who, self.lines[who].is_clogged());
            return Ok(());
        }
        if flags.contains(EpollFlags::EPOLLOUT) && line.flush()? {
            self.watch(who, false);
        }
        if !flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            return Ok(());
        }
        let line = &mut self.lines[who];
        let was = line.state;
        let mut desk = Desk { now, sent: &self.sent, out: &mut self.outbox };
        let (bytes, reads) = (&mut self.received_bytes, &mut self.reads);
        // What comes in the same read as the answer to the handshake is heard after it.
        let mut early = was == State::Upgrading;
        let done = line.read(&mut self.buffer, |frame| {
            if std::mem::take(&mut early) {
                phones.upgraded(who, &mut desk);
            }
            *bytes += frame.payload.len() as u64;
            match frame.opcode {
                frame::PING => {
                    let mut pong = Vec::new();
                    append_masked(&mut pong, frame::PONG, frame.payload);
                    desk.out.frames.push((who, pong));
                }
                frame::PONG => {}
                _ => phones.hear(who, frame, &mut desk),
            }
        });
        *reads += 1;
        if was == State::Upgrading && self.lines[who].state == State::Open {
            self.dialing = self.dialing.saturating_sub(1);
            if early {
                phones.upgraded(who, &mut desk);
            }
        }
        done
    }

    /// A connection is over: the phone says what then.
    fn over<P: Phones>(&mut self, phones: &mut P, who: usize, end: &End) {
        if matches!(self.lines[who].state, State::Connecting | State::Upgrading) || self.lines[who].stream().is_none() {
            self.dialing = self.dialing.saturating_sub(1);
        }
        self.lines[who].drop_now();
        let now = Instant::now();
        if let Some(pause) = phones.ended(who, end, now) {
            self.redial.push(Reverse((now + pause, who)));
        }
    }

    /// Sends what the phones wrote.
    fn post<P: Phones>(&mut self, phones: &mut P) {
        for (who, bytes) in std::mem::take(&mut self.outbox.frames) {
            if self.lines[who].state != State::Open {
                continue;
            }
            match self.lines[who].write(&bytes) {
                Ok(true) => {}
                Ok(false) => self.watch(who, true),
                Err(end) => self.over(phones, who, &end),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[derive(Default)]
    struct Listening {
        upgraded: usize,
        heard: Vec<(usize, Vec<u8>)>,
    }

    impl Phones for Listening {
        fn handshake(&mut self, _: usize) -> Vec<u8> {
            b"GET / HTTP/1.1\r\n\r\n".to_vec()
        }

        fn upgraded(&mut self, who: usize, desk: &mut Desk<'_>) {
            self.upgraded += 1;
            desk.out.text(who, "hi");
        }

        fn hear(&mut self, who: usize, frame: Frame<'_>, _: &mut Desk<'_>) {
            self.heard.push((who, frame.payload.to_vec()));
        }

        fn ended(&mut self, _: usize, _: &End, _: Instant) -> Option<Duration> {
            None
        }

        fn tick(&mut self, _: &mut Desk<'_>) {}
    }

    #[test]
    fn phones_are_dialled_heard_and_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = std::thread::spawn(move || {
            for _ in 0..3 {
                let (mut stream, _) = listener.accept().expect("somebody dials");
                let mut bytes = [0; 64];
                assert_eq!(stream.read(&mut bytes).expect("a handshake"), 18);
                stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02yo").expect("an answer");
                let count = stream.read(&mut bytes).expect("a frame");
                let (opcode, at) = frame::unmask_first(&mut bytes[..count]).expect("whole");
                assert_eq!((opcode, &bytes[at]), (TEXT, b"hi".as_slice()));
            }
        });
        let (mut fleet, mut phones) = (Fleet::new(address, 3).expect("epoll"), Listening::default());
        fleet.dial(0..3);
        let give_up = Instant::now() + Duration::from_secs(10);
        fleet.run(&mut phones, None, |phones, now| phones.heard.len() == 3 || now > give_up);
        server.join().expect("every phone said hi");
        assert_eq!((phones.upgraded, phones.heard.len()), (3, 3));
        assert!(phones.heard.iter().all(|(_, text)| text == b"yo"));
    }
}
