//! `auth`: guesses at one phone from many addresses, and what a flood of sign-ins does to everybody else.
//!
//! Two promises. However many addresses guess at one phone at once, no more guesses are compared than one address would be
//! allowed. And while thousands sign in with passwords, which is slow on purpose, the requests of others take hardly
//! longer than before. Addresses are those of the loopback network, which are as different to the server as any.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{sleep, sleep_until};

use super::outcome::Outcome;
use crate::args;
use crate::child::Pinned;
use crate::measure::figures::{Latency, histogram};
use crate::measure::machine::Machine;
use crate::play::Stop;
use crate::report::Progress;
use crate::server::{Server, Setup};

/// Of everybody in this town.
const PASSWORD: &str = "ishyamba si ryeru";
/// Accounts that sign in, in turn.
const PEOPLE_MAX: usize = 2_000;
/// Accounts of those who do something else.
const OTHERS: usize = 50;
/// Free guesses at the password of a phone, and at its code: `auth.login_attempts_max` and `auth.code_attempts_max`.
const PASSWORDS_FREE: usize = 10;
const CODE_GUESSES: usize = 5;
/// The first wait after the free guesses: `auth.throttle_delay_min_s`.
const DELAY_MIN_S: f64 = 30.0;
/// Longest pause that a refused sign-in makes before it tries again.
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// How much longer others may take during the flood.
const RATIO_MAX: f64 = 1.2;

/// Somebody of this town, as `boda seed` writes them down.
#[derive(Clone, Debug, Deserialize)]
struct Somebody {
    phone: String,
    token: String,
}

/// What came of guessing.
#[derive(Debug, Default, Serialize)]
struct Guessed {
    addresses: usize,
    guesses: usize,
    /// Guesses that were compared: answered 401.
    compared: usize,
    /// As many as may be.
    compared_max: usize,
    /// Told to wait: answered 429.
    told_to_wait: usize,
    /// Anything else.
    other: usize,
}

#[derive(Debug, Serialize)]
struct Figures {
    passwords: Guessed,
    codes: Guessed,
    /// Sign-ins that succeeded within the time.
    sign_ins: usize,
    sign_ins_wanted: usize,
    sign_ins_per_s: f64,
    /// Times that a sign-in was told to come back: 503.
    sent_away: usize,
    /// Sign-ins that failed otherwise.
    sign_ins_failed: usize,
    /// What the first of those was told.
    first_failure: Option<String>,
    flood_s: f64,
    others_per_s: f64,
    others_quiet_ms: Latency,
    others_flood_ms: Latency,
    /// p99 of the others during the flood over that without.
    others_p99_ratio: f64,
    others_p99_ratio_max: f64,
    others_failed: usize,
}

/// Plays the scenario.
///
/// # Errors
/// When the server does not start, or more guesses were compared than may be, or somebody's request failed.
pub async fn run(args: &args::Auth, machine: &Machine, progress: Progress) -> Result<Outcome, Stop> {
    let people = args.sign_ins.clamp(1, PEOPLE_MAX);
    let settings = vec![("BODA__LIMITS__EXEMPT".to_owned(), "127.0.0.0/8".to_owned())];
    let mut server =
        Server::prepare(&args.common.server, Setup { settings, pinned: Pinned::ToServerCore, is_sandboxed: true })?;
    progress.say(&format!("a town of {} people", people + OTHERS + 2));
    let town = settled(&mut server, people + OTHERS + 2).await?;
    server.run().await?;
    let base = format!("http://{}/api/v1", server.address());

    progress.say("guessing at one phone");
    let passwords = guess(
        &base,
        "/auth/login",
        args.guesses,
        |_| json!({"phone": town[0].phone, "password": "a guess that is wrong"}),
    )
    .await?;
    post(&client(None)?, &base, "/auth/code", &json!({"phone": town[1].phone})).await?;
    // A wrong code is one that is not a number at all: it is counted like any other.
    let codes = guess(&base, "/auth/verify", args.guesses, |_| json!({"phone": town[1].phone, "code": "none"})).await?;
    let passwords = Guessed { compared_max: PASSWORDS_FREE + waited(passwords.1), ..passwords.0 };
    let codes = Guessed { compared_max: CODE_GUESSES, ..codes.0 };

    let (others, flood) = town[2..].split_at(OTHERS);
    progress.say("asking while it is quiet");
    let quiet = ask(&base, others, args.others_per_s, Ends::After(Duration::from_secs(args.quiet_seconds))).await?;
    progress.say("asking while thousands sign in");
    let over = Arc::new(AtomicBool::new(false));
    let asking = ask(&base, others, args.others_per_s, Ends::When(Arc::clone(&over)));
    let (flooded, loud) = tokio::join!(sign_in(&base, flood, args, &over), asking);
    let (flooded, loud) = (flooded?, loud?);
    server.stop().await?;

    let (others_quiet_ms, others_flood_ms) = (Latency::from(&quiet.times), Latency::from(&loud.times));
    let figures = Figures {
        sign_ins: flooded.done,
        sign_ins_wanted: args.sign_ins,
        sign_ins_per_s: flooded.done as f64 / flooded.took.as_secs_f64(),
        sent_away: flooded.sent_away,
        sign_ins_failed: flooded.failed,
        first_failure: flooded.first_failure,
        flood_s: flooded.took.as_secs_f64(),
        others_per_s: args.others_per_s,
        others_p99_ratio: others_flood_ms.p99 / others_quiet_ms.p99.max(0.001),
        others_p99_ratio_max: RATIO_MAX,
        others_quiet_ms,
        others_flood_ms,
        others_failed: quiet.failed + loud.failed,
        passwords,
        codes,
    };
    for (what, guessed) in [("passwords", &figures.passwords), ("codes", &figures.codes)] {
        if guessed.compared > guessed.compared_max || guessed.other > 0 {
            return Err(Stop::Failed(format!("guesses at {what} of one phone were not bounded: {guessed:?}")));
        }
    }
    if figures.others_failed > 0 || figures.sign_ins_failed > 0 {
        return Err(Stop::Failed(format!("requests failed during the flood: {figures:?}")));
    }
    Outcome::new("auth", machine, &figures)
}

/// Has the server's program write people into its database.
async fn settled(server: &mut Server, people: usize) -> Result<Vec<Somebody>, Stop> {
    let file = server.data_dir().with_file_name("people.jsonl");
    let (riders, out) = (people.to_string(), file.display().to_string());
    let arguments =
        ["seed", "--drivers", "0", "--riders", &riders, "--sandbox-data", "--out", &out, "--password-stdin"];
    server.command_fed(&arguments, PASSWORD).await?;
    let text = std::fs::read_to_string(&file).map_err(|err| Stop::Failed(format!("{out}: {err}")))?;
    let people = text.lines().map(serde_json::from_str).collect::<Result<Vec<Somebody>, _>>();
    people.map_err(|err| Stop::Failed(format!("{out}: {err}")))
}

fn client(from: Option<IpAddr>) -> Result<Client, Stop> {
    let client = Client::builder().no_proxy().tcp_nodelay(true).timeout(Duration::from_secs(30)).local_address(from);
    client.build().map_err(|err| Stop::Failed(err.to_string()))
}

/// The status of an answer, and how long to wait before asking again.
async fn post(http: &Client, base: &str, path: &str, body: &Value) -> Result<(u16, Duration, Value), Stop> {
    let answer = http.post(format!("{base}{path}")).json(body).send().await;
    let answer = answer.map_err(|err| Stop::Failed(format!("{path}: {err}")))?;
    let status = answer.status().as_u16();
    let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let pause = header.map_or(Duration::ZERO, Duration::from_secs);
    Ok((status, pause, answer.json().await.unwrap_or(Value::Null)))
}

/// Guesses from many addresses at once; what came of it, and how long it took.
async fn guess(
    base: &str,
    path: &str,
    args: args::Guesses,
    body: impl Fn(usize) -> Value,
) -> Result<(Guessed, Duration), Stop> {
    let address = |number: usize| {
        let [.., high, low] = (number + 1).to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(127, 77, high, low))
    };
    let clients = (0..args.addresses).map(|number| client(Some(address(number)))).collect::<Result<Vec<_>, _>>()?;
    let begun = Instant::now();
    let bodies: Vec<_> = (0..args.guesses).map(body).collect();
    let asked = bodies.iter().enumerate().map(|(n, body)| post(&clients[n % clients.len()], base, path, body));
    let mut guessed = Guessed { addresses: args.addresses, guesses: args.guesses, ..Guessed::default() };
    for answer in join_all(asked).await {
        let (status, _, body) = answer?;
        match (status, body["code"].as_str()) {
            // Not compared: the code was used up by the guesses before.
            (401, Some("code_exhausted")) => guessed.told_to_wait += 1,
            (401, _) => guessed.compared += 1,
            (429, _) => guessed.told_to_wait += 1,
            _ => guessed.other += 1,
        }
    }
    Ok((guessed, begun.elapsed()))
}

/// Guesses that waiting gains within a time: each waits twice as long as the one before.
fn waited(time: Duration) -> usize {
    let mut gained = 0;
    let mut needed = DELAY_MIN_S;
    while needed <= time.as_secs_f64() {
        gained += 1;
        needed += DELAY_MIN_S * f64::from(2_u32.pow(gained));
    }
    gained as usize
}

/// When asking ends.
enum Ends {
    After(Duration),
    When(Arc<AtomicBool>),
}

struct Asked {
    times: hdrhistogram::Histogram<u64>,
    failed: usize,
}

/// Others go on with their day, at a constant rate whatever the server does.
async fn ask(base: &str, others: &[Somebody], per_s: f64, ends: Ends) -> Result<Asked, Stop> {
    let http = client(None)?;
    let begun = tokio::time::Instant::now();
    let mut tasks = Vec::new();
    for number in 0.. {
        let intended = begun + Duration::from_secs_f64(f64::from(number) / per_s);
        match &ends {
            Ends::After(time) if intended - begun >= *time => break,
            Ends::When(over) if over.load(Ordering::Relaxed) => break,
            _ => sleep_until(intended).await,
        }
        let who = &others[number as usize % others.len()];
        let path = if number % 2 == 0 { "/me" } else { "/rides/active" };
        let request = http.get(format!("{base}{path}")).bearer_auth(&who.token);
        tasks.push(tokio::spawn(async move {
            let answer = request.send().await.ok()?;
            let is_success = answer.status().is_success();
            answer.bytes().await.ok()?;
            is_success.then(|| intended.elapsed())
        }));
    }
    let mut asked = Asked { times: histogram(), failed: 0 };
    for task in tasks {
        match task.await {
            Ok(Some(time)) => asked.times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            _ => asked.failed += 1,
        }
    }
    Ok(asked)
}

struct Flooded {
    done: usize,
    sent_away: usize,
    failed: usize,
    first_failure: Option<String>,
    took: Duration,
}

/// Signs people in as fast as the server lets them, until there were enough or the time is over.
async fn sign_in(base: &str, flood: &[Somebody], args: &args::Auth, over: &AtomicBool) -> Result<Flooded, Stop> {
    let http = client(None)?;
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (sent_away, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let fail = |why: String| failures.lock().unwrap_or_else(PoisonError::into_inner).push(why);
    let begun = Instant::now();
    let ends = begun + Duration::from_secs(args.flood_seconds_max);
    let worker = async || {
        while Instant::now() < ends {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= args.sign_ins {
                break;
            }
            let body = json!({"phone": flood[number % flood.len()].phone, "password": PASSWORD});
            loop {
                match post(&http, base, "/auth/login", &body).await {
                    Ok((200, ..)) => {
                        done.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    Ok((503, pause, _)) if Instant::now() < ends => {
                        sent_away.fetch_add(1, Ordering::Relaxed);
                        sleep(pause.min(PAUSE_MAX)).await;
                    }
                    Ok((503, ..)) => break,
                    Ok((status, _, body)) => break fail(format!("{status}: {}", body["code"])),
                    Err(stop) => break fail(stop.to_string()),
                }
            }
        }
    };
    join_all((0..args.at_once).map(|_| worker())).await;
    over.store(true, Ordering::Relaxed);
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Flooded {
        done: count(&done),
        sent_away: count(&sent_away),
        failed: failures.len(),
        first_failure: failures.into_iter().next(),
        took: begun.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_gains_a_guess_each_time_it_doubles() {
        for (seconds, gained) in [(0, 0), (29, 0), (30, 1), (89, 1), (90, 2), (209, 2), (210, 3)] {
            assert_eq!(waited(Duration::from_secs(seconds)), gained, "{seconds} s");
        }
    }
}
