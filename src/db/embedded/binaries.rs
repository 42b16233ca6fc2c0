//! Finds the PostgreSQL server programs of this machine.
//!
//! Separate because every distribution puts them elsewhere. Invariant: a directory is only chosen when it holds both
//! `initdb` and `postgres`; symbolic links are followed first, because `/usr/local/bin/postgres` is often a lone link.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::db::Error;

/// Lowest major version whose SQL our migrations may use.
const MAJOR_MIN: u32 = 15;

/// Where distributions keep the server programs; `*` stands for any rest of one path component.
const USUAL_PLACES: [&str; 4] = [
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
];

/// Where to look: the search path of the process and the root of the file system (another one in tests).
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) search_path: OsString,
    pub(super) root: PathBuf,
}

impl Places {
    /// The places of this machine. `PATH` is read here as `Command` itself reads it; it is no setting of ours.
    pub(super) fn of_this_machine() -> Self {
        Self { search_path: std::env::var_os("PATH").unwrap_or_default(), root: PathBuf::from("/") }
    }
}

/// A directory of server programs of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl fmt::Display for Binaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.major, self.dir.display())
    }
}

impl Binaries {
    /// Full path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The programs for a data directory: of its major version when `cluster` says so, else the first usable ones.
pub(super) async fn find(places: &Places, cluster: Option<(&Path, u32)>) -> Result<Binaries, Error> {
    let (dirs, looked) = candidates(places).await;
    let mut found = Vec::new();
    for dir in dirs {
        let Some(major) = major_of(&dir.join("postgres")).await else { continue };
        let binaries = Binaries { dir, major };
        let fits = cluster.map_or(major >= MAJOR_MIN, |(_, wanted)| major == wanted);
        if fits {
            return Ok(binaries);
        }
        found.push(binaries.to_string());
    }
    let found = found.join(", ");
    Err(match cluster {
        _ if found.is_empty() => Error::BinariesMissing { looked: looked.join(", ") },
        Some((directory, data_major)) => Error::OtherMajor { directory: directory.to_owned(), data_major, found },
        None => Error::BinariesTooOld { required: MAJOR_MIN, found },
    })
}

/// Directories that hold both programs, best first and each once, and the list of everything that was looked at.
async fn candidates(places: &Places) -> (Vec<PathBuf>, Vec<String>) {
    let mut dirs = Vec::new();
    let mut looked = vec!["PATH".to_owned()];
    for dir in std::env::split_paths(&places.search_path) {
        offer(&mut dirs, &dir);
    }

    looked.push("pg_config --bindir".to_owned());
    if let Some(dir) = bindir_of_pg_config(&places.search_path).await {
        offer(&mut dirs, &dir);
    }

    for pattern in USUAL_PLACES {
        looked.push(places.root.join(pattern).display().to_string());
        for dir in expand(&places.root, pattern) {
            offer(&mut dirs, &dir);
        }
    }
    (dirs, looked)
}

fn offer(dirs: &mut Vec<PathBuf>, dir: &Path) {
    let resolved = fs::canonicalize(dir.join("postgres")).ok().and_then(|file| file.parent().map(Path::to_owned));
    let complete = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    if let Some(dir) = resolved.into_iter().chain([dir.to_owned()]).find(complete)
        && !dirs.contains(&dir)
    {
        dirs.push(dir);
    }
}

async fn bindir_of_pg_config(search_path: &OsStr) -> Option<PathBuf> {
    let program = std::env::split_paths(search_path).map(|dir| dir.join("pg_config")).find(|file| file.is_file())?;
    let output = Command::new(program).arg("--bindir").stdin(Stdio::null()).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

/// Paths under `root` that match `pattern`, the highest version first.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut paths = vec![root.to_owned()];
    for component in pattern.split('/') {
        let Some(prefix) = component.strip_suffix('*') else {
            paths.iter_mut().for_each(|path| path.push(component));
            continue;
        };
        let mut matches = Vec::new();
        for entry in paths.iter().flat_map(|path| fs::read_dir(path).into_iter().flatten().flatten()) {
            if let Some(rest) = entry.file_name().to_str().and_then(|name| name.strip_prefix(prefix)) {
                matches.push((leading_number(rest.trim_start_matches('@')), entry.path()));
            }
        }
        matches.sort_by(|a, b| b.cmp(a));
        paths = matches.into_iter().map(|(_, path)| path).collect();
    }
    paths
}

async fn major_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").stdin(Stdio::null()).output().await.ok()?;
    parse_version(std::str::from_utf8(&output.stdout).ok()?)
}

/// The major version in the answer of `postgres --version`, e.g. 15 of `postgres (PostgreSQL) 15.18 (Debian …)`.
fn parse_version(text: &str) -> Option<u32> {
    leading_number(text.split_once("(PostgreSQL) ")?.1)
}

/// The number that `text` begins with.
fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn install(root: &Path, dir: &str, version: &str) -> PathBuf {
        let dir = root.join(dir);
        fs::create_dir_all(&dir).unwrap();
        for name in ["postgres", "initdb"] {
            let file = dir.join(name);
            fs::write(&file, format!("#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::canonicalize(dir).unwrap()
    }

    fn places(root: &Path, search_path: &str) -> Places {
        let search_path = std::env::join_paths(search_path.split(':').map(|dir| root.join(dir))).unwrap();
        Places { search_path, root: root.to_owned() }
    }

    #[test]
    fn the_major_version_is_read_from_every_form_of_the_answer() {
        let check = |text, wanted| assert_eq!(parse_version(text), wanted, "{text}");
        check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15));
        check("postgres (PostgreSQL) 17beta1\n", Some(17));
        check("postgres (PostgreSQL) 18devel\n", Some(18));
        check("postgres (Greenplum) 6\n", None);
        check("", None);
    }

    #[tokio::test]
    async fn a_lone_link_on_the_path_leads_to_the_real_directory() {
        let root = tempfile::tempdir().unwrap();
        let real = install(root.path(), "usr/lib/postgresql/15/bin", "15.3");
        fs::create_dir_all(root.path().join("local")).unwrap();
        symlink(real.join("postgres"), root.path().join("local/postgres")).unwrap();
        let (dirs, _) = candidates(&places(root.path(), "local")).await;
        assert_eq!(dirs, [real]);
    }

    #[tokio::test]
    async fn the_highest_version_of_the_usual_places_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "17", "15"] {
            install(root.path(), &format!("usr/lib/postgresql/{version}/bin"), &format!("{version}.1"));
        }
        install(root.path(), "opt/homebrew/opt/postgresql@16/bin", "16.2");
        fs::create_dir_all(root.path().join("usr/lib/postgresql/18/bin")).unwrap();
        let places = places(root.path(), "nothing");
        assert_eq!(find(&places, None).await.unwrap().major, 17);
        assert_eq!(find(&places, Some((Path::new("/data"), 16))).await.unwrap().major, 16);
    }

    #[tokio::test]
    async fn refusals_say_what_was_looked_at_and_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let places = places(root.path(), "nothing");
        let missing = find(&places, None).await.unwrap_err().to_string();
        assert!(
            missing.contains("usr/lib/postgresql/*/bin") && missing.contains("apt-get install postgresql"),
            "{missing}"
        );

        install(root.path(), "usr/lib/postgresql/13/bin", "13.9");
        let old = find(&places, None).await.unwrap_err().to_string();
        assert!(old.contains("13 in ") && old.contains("15 or newer"), "{old}");
        let other = find(&places, Some((Path::new("/data/postgres"), 16))).await.unwrap_err().to_string();
        assert!(other.contains("/data/postgres") && other.contains("16") && other.contains("13 in "), "{other}");
    }
}
