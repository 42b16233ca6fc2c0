//! What stands below the help of each command: examples that work as printed, and exit codes.
//!
//! Separate because it is prose. Flags and their meaning are in `arguments`.

/// Below `boda --help`.
pub const ALL: &str = "\
Examples:
  boda                          as `boda serve --demo`, on a machine where no database is named
  boda serve --demo             a moving city to look at, on http://127.0.0.1:8080
  boda serve                    the engine by itself, with a private PostgreSQL in ./boda-data
  boda check-config             is everything that is configured right?
  boda map import --help        how a city gets its streets

Configuration, later layers winning: built-in defaults, --config FILE, environment
variables BODA__SECTION__KEY, flags. `boda print-config` shows every key.

Exit codes: 0 done, 1 could not start or go on, 64 wrong usage or configuration.";

/// Below `boda serve --help`.
pub const SERVE: &str = "\
Prints one line on standard output when it accepts work, `ready http://HOST:PORT` (https:// with
[tls]); logs go to standard error. SIGTERM and Ctrl-C drain and end with exit code 0, a second
signal ends at once. SIGHUP takes a new certificate into use.

Examples:
  boda serve --demo
  boda serve --sandbox --listen 127.0.0.1:0 --data-dir /tmp/boda-trial
  BODA__DATABASE__URL=postgres://boda:secret@db/boda boda serve --listen 0.0.0.0:8080

Exit codes: 0 stopped when asked to, 1 could not start or go on, 64 wrong usage or configuration.";

/// Below `boda worker --help`.
pub const WORKER: &str = "\
Runs follow-up work (SMS, settlements) beside one or more servers on the same database, and
serves nothing. SIGTERM drains; what does not end in time is run again by another worker.

Examples:
  BODA__DATABASE__URL=postgres://boda:secret@db/boda boda worker
  BODA__JOBS__WORKERS_MAX=14 boda worker --config /etc/boda.toml

Exit codes: 0 stopped when asked to, 1 could not start or go on, 64 wrong usage or configuration.";

/// Below `boda migrate --help`.
pub const MIGRATE: &str = "\
`boda serve` does the same at its start; this is for deployments that migrate first. Waits while
another process migrates.

Examples:
  boda migrate
  BODA__DATABASE__URL=postgres://boda:secret@db/boda boda migrate

Exit codes: 0 up to date, 1 the database could not be reached or refused, 64 wrong usage or
configuration.";

/// Below `boda simulate --help`.
pub const SIMULATE: &str = "\
With --target: plays drivers and riders who use the public API as phones do, in real time, until
Ctrl-C. The server must run with its sandbox, where the simulated people read their SMS. An admin
of the server approves the drivers: by default the one that `boda serve --demo` makes. Numbers not
given are those of the section [demo] of the configuration.

With --policy or --compare: the same matching core by itself, on a virtual clock, thousands of times
faster than life, on the sections [dispatch] and [matching] of the configuration. A table goes to
standard output, how far it is to standard error. The same seed is the same city, byte for byte.

Examples:
  boda simulate --policy batch --seed 7 --hours 4 --demand 1.15
  boda simulate --compare greedy batch --seeds 20 --demand 1.4 --report gain.html
  boda simulate --compare greedy batch --orders nairobi_moto_orders.csv --json
  boda simulate --policy greedy --moving-s 30 --drivers 600000
  boda serve --sandbox                                             # in one terminal
  echo 'a long password' | boda user create --role admin --phone +250788123456 \\
      --first-name Aline --last-name Uwera --password-stdin
  echo 'a long password' | boda simulate --target http://127.0.0.1:8080 --drivers 50 \\
      --rides-per-minute 10 --admin-phone +250788123456 --password-stdin

Exit codes: 0 done, or stopped when asked to, 1 the server or a file could not be used, 64 wrong
usage or configuration.";

/// Below `boda sandbox --help`.
pub const SANDBOX: &str = "\
MTN MoMo (in francs, and in euros with users that provision themselves), Airtel Money (v1, and the
signed v2 and v3), a card gateway, and an SMS gateway that speaks the protocol of Africa's Talking:
what has been written for the real ones works against these. Prints its addresses and credentials,
to standard error.
The control is on the port of --listen, MTN, Airtel and the card gateway on the three that follow;
GET /_sim lists what can be done there: faults, time, wallets, statements, texts.

`boda serve --sandbox` starts one by itself; this is for a server in another process, which is told
by BODA__SMS__PROVIDER=africastalking and BODA__SMS__BASE_URL, and for partners who develop against
it. Listens on loopback only, because whoever reaches it reads every sign-in code. How an order
ends is in the last digits of the number: docs/PAYMENTS.md lists them.

Examples:
  boda sandbox --listen 127.0.0.1:9100
  curl http://127.0.0.1:9100/_sim
  curl 'http://127.0.0.1:9100/_sim/sms?limit=5'
  curl 'http://127.0.0.1:9100/_sim/transactions?provider=mtn&limit=5'
  curl -d '{\"seconds\": 300}' http://127.0.0.1:9100/_sim/clock/advance
  curl -d '{\"kind\": \"status\", \"count\": 1}' http://127.0.0.1:9100/_sim/faults

Exit codes: 0 stopped when asked to, 1 could not start, 64 wrong usage or configuration.";

/// Below `boda seed --help`.
pub const SEED: &str = "\
Writes accounts of made-up drivers and riders straight into the database, some ten thousand a
second, and a file of access tokens by which a load test speaks for them. Seeding again with the
same --seed makes the same people and new tokens. Refused where anybody has an account, unless
made-up people were there first. Works beside a running server on the same data directory; with
--on-shift, start the server afterwards.

Examples:
  boda seed --sandbox-data --drivers 9000 --riders 500 --out people.jsonl
  boda seed --sandbox-data --drivers 9000 --riders 500 --on-shift --out people.jsonl \\
      --data-dir /tmp/boda-trial && boda serve --data-dir /tmp/boda-trial

Exit codes: 0 made, 1 not made (the reason is printed), 64 wrong usage or configuration.";

/// Below `boda ledger --help`.
pub const LEDGER: &str = "\
Double entry, append-only, whole francs: docs/PAYMENTS.md. These commands work beside a running
server and change nothing.

Examples:
  boda ledger check
  boda ledger trial-balance

Exit codes: 0 done, 1 something is wrong or could not be read, 64 wrong usage or configuration.";

/// Below `boda ledger check --help`.
pub const LEDGER_CHECK: &str = "\
Entries against kept balances, every transaction, every order that succeeded against its capture and
its posting, captures against what was paid, accounts that must not be overdrawn. Names what is wrong.

Examples:
  boda ledger check
  boda ledger check --json --config /etc/boda.toml

Exit codes: 0 the books are sound, 1 they are not (or could not be read), 64 wrong usage or configuration.";

/// Below `boda ledger trial-balance --help`.
pub const LEDGER_TRIAL_BALANCE: &str = "\
Examples:
  boda ledger trial-balance
  boda ledger trial-balance --as-of 2026-11-30T22:00:00Z --json

Exit codes: 0 it comes to zero, 1 it does not (or could not be read), 64 wrong usage or configuration.";

/// Below `boda reconcile --help`.
pub const RECONCILE: &str = "\
Each line of the statement is matched with an order by our reference or the provider's. Differences
become cases, money that nobody knows goes to suspense, fees are booked. May be repeated: nothing is
booked twice.

Examples:
  boda reconcile --day 2026-11-25
  boda reconcile --day 2026-11-25 --provider mtn --statement export.csv
  boda reconcile --day 2026-11-25 --sandbox http://127.0.0.1:9090 --json

Exit codes: 0 both say the same, 1 they differ (or could not be read), 64 wrong usage or configuration.";

/// Below `boda audit --help`.
pub const AUDIT: &str = "\
Every privileged act, and every look at other people's data, leaves a record in an append-only log,
each chained to the one before. These commands work beside a running server.

Examples:
  boda audit verify
  boda audit list --whose 0190b3c4-0000-7000-8000-000000000000

Exit codes: 0 done, 1 something is wrong or could not be read, 64 wrong usage or configuration.";

/// Below `boda audit verify --help`.
pub const AUDIT_VERIFY: &str = "\
Checks every record, the end of the log and every published head, and names the first record that is
wrong, and how. A copy of the published heads that was kept elsewhere also finds a log that was
written anew from end to end. What to do then: docs/OPERATIONS.md.

Examples:
  boda audit verify
  boda audit verify --heads /mnt/elsewhere/audit-heads.log --config /etc/boda.toml

Exit codes: 0 the log is whole, 1 it is not (or could not be read), 64 wrong usage or configuration.";

/// Below `boda audit list --help`.
pub const AUDIT_LIST: &str = "\
Newest first. That the log was read is itself recorded.

Examples:
  boda audit list --agency RURA --from 2026-11-01T00:00:00Z
  boda audit list --action drivers.approved --limit 100 --json

Exit codes: 0 done, 1 the database could not be read, 64 wrong usage or configuration.";

/// Below `boda audit show --help`.
pub const AUDIT_SHOW: &str = "\
Prints one JSON object. That the record was read is itself recorded.

Examples:
  boda audit show 42

Exit codes: 0 done, 1 there is no such record, 64 wrong usage or configuration.";

/// Below `boda audit heads --help`.
pub const AUDIT_HEADS: &str = "\
The heads go to standard output as they were published, to be copied elsewhere; the public key goes to
standard error.

Examples:
  boda audit heads > audit-heads.copy

Exit codes: 0 done, 1 the file could not be read, 64 wrong usage or configuration.";

/// Below `boda audit publish --help`.
pub const AUDIT_PUBLISH: &str = "\
A server publishes when it starts and stops, and once a day; this is for moments between, such as
before somebody else works on the database.

Examples:
  boda audit publish

Exit codes: 0 published, 1 the database or the file could not be used, 64 wrong usage or
configuration.";

/// Below `boda check-config --help`.
pub const CHECK_CONFIG: &str = "\
Reads every layer as `boda serve` with the same flags would, starts nothing, and names
everything that is wrong at once: unknown keys, wrong kinds, values out of range, values that do
not go together.

Examples:
  boda check-config --config city.toml
  BODA__DISPATCH__OFFER_TTL_S=3 boda check-config

Exit codes: 0 valid, 64 not valid.";

/// Below `boda print-config --help`.
pub const PRINT_CONFIG: &str = "\
Prints every key with the value in force, as TOML. Secrets are shown as [redacted].

Examples:
  boda print-config
  boda print-config --config city.toml | grep offer

Exit codes: 0 printed, 64 the configuration is not valid.";

/// Below `boda user --help`.
pub const USER: &str = "\
Examples:
  boda user create --help

Exit codes: 0 done, 1 not done (the reason is printed), 64 wrong usage or configuration.";

/// Below `boda user create --help`.
pub const USER_CREATE: &str = "\
Makes an account whose phone counts as proven, and prints its id. Works beside a running server
on the same data directory. For the first admin; admins make further accounts over the API.
Admins and officials need a second factor: with --second-factor its secret is printed on a second
line, to be put into an authenticator app; without, they enrol one at the first sign-in.

Examples:
  echo 'a long password' | boda user create --role admin --phone +250788123456 \\
      --first-name Aline --last-name Uwera --password-stdin --second-factor
  boda user create --role government --phone 0788123457 --first-name Eric --last-name Nkusi

Exit codes: 0 made, 1 not made (the reason is printed), 64 wrong usage or configuration.";

/// Below `boda drivers --help`.
pub const DRIVERS: &str = "\
Examples:
  boda drivers expire --help

Exit codes: 0 done, 1 not done (the reason is printed), 64 wrong usage or configuration.";

/// Below `boda drivers expire --help`.
pub const DRIVERS_EXPIRE: &str = "\
Does what a server does by itself once a day: tells drivers 30, 7 and 1 days before a paper ends,
suspends those of whom one has, puts ratings that fell before a reviewer. Each notice goes out
once, however often this is run. Works beside a running server on the same data directory.

With a day to come it does what will be due then: drivers are told and suspended now.

Examples:
  boda drivers expire
  boda drivers expire --as-of 2027-07-01

Exit codes: 0 done, 1 not done (the reason is printed), 64 wrong usage or configuration.";

/// Below `boda user agency --help`.
pub const USER_AGENCY: &str = "\
Sets for which agency an official reads: officials made by versions that knew no agencies have none,
and read nothing. It counts from the next request on. Stays in the audit log.

Examples:
  boda user agency --phone +250788123456 --agency RURA

Exit codes: 0 done, 1 not done (the reason is printed), 64 wrong usage or configuration.";

/// Below `boda user second-factor --help`.
pub const USER_SECOND_FACTOR: &str = "\
Takes the second factor away from somebody who lost it, with the recovery codes, and ends all of
their sessions. An admin or official enrols a new one at the next sign-in. Stays in the audit log.

Examples:
  boda user second-factor reset --phone +250788123456 --reason 'lost telephone, seen in person'

Exit codes: 0 done, 1 not done (the reason is printed), 64 wrong usage or configuration.";

/// Below `boda map --help`.
pub const MAP: &str = "\
Examples:
  boda map import --help

Exit codes: 0 done, 1 not done (the reason is printed), 64 wrong usage.";

/// Below `boda map import --help`.
pub const MAP_IMPORT: &str = "\
Reads an extract in the PBF format (such as rwanda-latest.osm.pbf), keeps the streets that a
motorcycle can use and the names, and writes one file. Progress goes to standard error, a summary
to standard output. The map is renamed into its place when it is whole.

GeoJSON of boundaries: properties `sector`, or `district`, or `name` and `admin_level`. CSV of
places: a header with name, lat, lon, and perhaps name_rw, name_en, name_fr, alt_name, key, value.

Examples:
  boda map import rwanda-latest.osm.pbf -o rwanda.map
  boda map import rwanda-latest.osm.pbf --area kigali.geojson -o kigali.map
  boda map import kigali.osm.pbf --boundaries sectors.geojson --boundaries districts.geojson \\
      --places pois.csv -o kigali.map

Exit codes: 0 written, 1 not written (the reason is printed), 64 wrong usage or profile.";

/// Below `boda map info --help`.
pub const MAP_INFO: &str = "\
Reads every section as the engine would, so a map that it prints is one that can be used.

Examples:
  boda map info kigali.map

Exit codes: 0 usable, 1 not usable (the reason is printed), 64 wrong usage.";

/// Below `boda map route --help`.
pub const MAP_ROUTE: &str = "\
Prints distance in metres, riding time without traffic in seconds, the names of the streets in
order, and the way as a GeoJSON LineString.

Examples:
  boda map route --map kigali.map -1.9526,30.0948 -1.9406,30.0445
  boda map route --map kigali.map --json -1.9526,30.0948 -1.9406,30.0445

Exit codes: 0 found, 1 there is none (the reason is printed), 64 wrong usage.";

/// Below `boda keys --help`.
pub const KEYS: &str = "\
Keys are files in vault.keys_dir; the database says which of them it needs and which one seals. All
of this works beside running servers. docs/SECURITY.md, \"Data at rest\", has the order of things.

Examples:
  boda keys list
  boda keys rotate vault && sleep 60 && boda keys reseal
  boda keys check --sample 1000

Exit codes: 0 done, 1 the database or a key could not be used, or something is broken, 64 wrong usage
or configuration.";

/// Below `boda keys list --help`.
pub const KEYS_LIST: &str = "\
Examples:
  boda keys list

Exit codes: 0 listed, 1 the database or the keys could not be used, 64 wrong usage or configuration.";

/// Below `boda keys rotate --help`.
pub const KEYS_ROTATE: &str = "\
Examples:
  boda keys rotate vault
  boda keys rotate tokens

Exit codes: 0 the key is there, 1 it could not be made, 64 wrong usage or configuration.";

/// Below `boda keys rotate vault --help`.
pub const KEYS_ROTATE_VAULT: &str = "\
The new key opens at once and seals after vault.rotation_grace_s, when every server has read it.
Servers with directories of their own get its file first: --prepare here, copy it to all, then
without --prepare.

Examples:
  boda keys rotate vault
  boda keys rotate vault --prepare

Exit codes: 0 the key is there, 1 it could not be made, 64 wrong usage or configuration.";

/// Below `boda keys rotate tokens --help`.
pub const KEYS_ROTATE_TOKENS: &str = "\
Older keys go on verifying; take a file away when no token of its time is good any more.

Examples:
  boda keys rotate tokens

Exit codes: 0 the key is there, 1 it could not be made, 64 wrong usage or configuration.";

/// Below `boda keys reseal --help`.
pub const KEYS_RESEAL: &str = "\
Goes by batches and may be stopped and begun again at any time. Tells on standard error how far it is.

Examples:
  boda keys reseal

Exit codes: 0 done, 1 the database or the keys could not be used or something does not open, 64 wrong
usage or configuration.";

/// Below `boda keys check --help`.
pub const KEYS_CHECK: &str = "\
Opens every value, or --sample of each column, and compares its blind index. Names at most 20 of those
that are broken, by column and row, never by what they hold.

Examples:
  boda keys check
  boda keys check --sample 1000

Exit codes: 0 all is well, 1 something does not open, 64 wrong usage or configuration.";

/// Below `boda privacy --help`.
pub const PRIVACY: &str = "\
Examples:
  boda privacy register --markdown
  boda privacy retention --dry-run --as-of 2027-01-01

Exit codes: 0 done, 1 the database could not be reached or refused, 64 wrong usage or
configuration.";

/// Below `boda privacy register --help`.
pub const PRIVACY_REGISTER: &str = "\
Needs no database: the register is what this program does, with the sections [privacy],
[retention] and [residency] of the configuration. An admin reads the same at
GET /api/v1/admin/privacy/register.

Examples:
  boda privacy register > register.json
  boda privacy register --markdown --config /etc/boda.toml

Exit codes: 0 printed, 64 wrong usage or configuration.";

/// Below `boda privacy retention --help`.
pub const PRIVACY_RETENTION: &str = "\
A running server (or worker) does this once a day. Prints one line for each class of data:
its name and how many rows. What a legal hold keeps is not among them.

Examples:
  boda privacy retention --dry-run
  boda privacy retention --dry-run --as-of 2027-01-01
  BODA__DATABASE__URL=postgres://boda:secret@db/boda boda privacy retention

Exit codes: 0 done, 1 the database could not be reached or refused, 64 wrong usage or
configuration.";
