//! A password handed in on standard input: the one way in that neither the process list nor a shell's history shows.

use std::io::BufRead;

use super::Error;
use crate::redact::Secret;

/// More than any password has; the rest of a file that was handed in by mistake stays unread.
const BYTES_MAX: u64 = 4096;

/// The first line of `input`, without its end.
pub fn read(input: impl BufRead) -> Result<Secret<String>, Error> {
    let mut line = String::new();
    let read = input.take(BYTES_MAX).read_line(&mut line);
    read.map_err(|source| Error::System { doing: "read the password from standard input", source })?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Error::Argument("--password-stdin: the first line of standard input is empty".to_owned()));
    }
    Ok(Secret::new(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        for (input, password) in
            [("moto 2026\n", "moto 2026"), ("moto", "moto"), ("moto\r\nmore", "moto"), (" a \n", " a ")]
        {
            assert_eq!(read(input.as_bytes()).unwrap().expose(), password);
        }
    }

    #[test]
    fn an_empty_line_is_no_password() {
        for input in ["", "\n", "\r\nmore"] {
            assert_eq!(read(input.as_bytes()).unwrap_err().exit_code(), 64);
        }
    }
}
