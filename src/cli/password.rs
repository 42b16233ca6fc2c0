//! A password, and the secret of a second factor, handed in on standard input: the one way in that neither the process list nor a shell's history shows.

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

/// The second line of `input`, without its end and without blanks around it: the secret of a second factor.
pub fn read_second_factor(input: impl BufRead) -> Result<Secret<String>, Error> {
    let mut line = String::new();
    let read = input.take(BYTES_MAX).read_line(&mut line);
    read.map_err(|source| Error::System { doing: "read the second factor from standard input", source })?;
    if line.trim().is_empty() {
        let message = "--password-stdin: the second line of standard input is empty; it holds the secret of the admin's \
                       second factor, as `boda user create --second-factor` prints it";
        return Err(Error::Argument(message.to_owned()));
    }
    Ok(Secret::new(line.trim().to_owned()))
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
    fn the_second_line_is_the_second_factor() {
        let mut input = b"moto 2026\n GEZDGNBV \nmore".as_slice();
        assert_eq!(read(&mut input).unwrap().expose(), "moto 2026");
        assert_eq!(read_second_factor(&mut input).unwrap().expose(), "GEZDGNBV");
        assert_eq!(read_second_factor(b"".as_slice()).unwrap_err().exit_code(), 64);
    }

    #[test]
    fn an_empty_line_is_no_password() {
        for input in ["", "\n", "\r\nmore"] {
            assert_eq!(read(input.as_bytes()).unwrap_err().exit_code(), 64);
        }
    }
}
