//! The file: a line `name:hash` for each user.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use super::HtpasswdError;
use super::hash::PasswordHash;

/// A bound for the file, far above any real one.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The users of a file.
pub(super) struct Users {
    hashes: HashMap<String, PasswordHash>,
    dummy: PasswordHash,
}

impl Users {
    /// Reads the file and warns of lines that nobody can log in with.
    pub(super) fn read(path: &Path) -> Result<Self, HtpasswdError> {
        let unreadable = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => HtpasswdError::Missing(path.to_owned()),
            _ => HtpasswdError::Read { path: path.to_owned(), source },
        };
        let mut content = Vec::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(FILE_MAX_BYTES + 1).read_to_end(&mut content).map_err(unreadable)?;
        if content.len() as u64 > FILE_MAX_BYTES {
            return Err(HtpasswdError::TooLong { path: path.to_owned(), limit_bytes: FILE_MAX_BYTES });
        }
        let (users, warnings) =
            Self::parse(&content).map_err(|line| HtpasswdError::Line { path: path.to_owned(), line })?;
        for Warning { line, problem } in warnings {
            tracing::warn!(path = %path.display(), line, problem, "htpasswd line");
        }
        Ok(users)
    }

    /// Parses the content, or returns the number of a line that has no user.
    fn parse(content: &[u8]) -> Result<(Self, Vec<Warning>), usize> {
        let mut hashes = HashMap::new();
        let mut warnings = Vec::new();
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let line_number = index + 1;
            let line = std::str::from_utf8(line).map_err(|_| line_number)?.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, hash) = line.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or(line_number)?;
            let Some(hash) = PasswordHash::parse(hash) else {
                // As with every other repetition, what stands here ends what stood before.
                hashes.remove(name);
                let problem = "the hash is not bcrypt, $apr1$ or {SHA}: this user cannot log in";
                warnings.push(Warning { line: line_number, problem });
                continue;
            };
            if hashes.insert(name.to_owned(), hash).is_some() {
                let problem = "the user stands in an earlier line too, which no longer counts";
                warnings.push(Warning { line: line_number, problem });
            }
        }
        // Nearly all files have hashes of one kind and cost. In others the dearest decides: it hides best.
        let dearest = hashes.values().max_by_key(|hash| match hash {
            PasswordHash::Bcrypt(_) => hash.bcrypt_cost(),
            PasswordHash::Apr1 { .. } => Some(1),
            PasswordHash::Sha1(_) => None,
        });
        let dummy = PasswordHash::dummy(dearest);
        Ok((Self { hashes, dummy }, warnings))
    }

    /// Checks a password; for an unknown user as long as for a known one.
    pub(super) fn verify(&self, name: &str, password: &[u8]) -> bool {
        match self.hashes.get(name) {
            Some(hash) => hash.verify(password),
            None => {
                self.dummy.verify(password);
                false
            }
        }
    }

    /// Returns the hash of a user.
    pub(super) fn hash(&self, name: &str) -> Option<&PasswordHash> {
        self.hashes.get(name)
    }
}

/// What is wrong with a line.
struct Warning {
    line: usize,
    problem: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";

    fn parse(content: &str) -> (Users, Vec<usize>) {
        let (users, warnings) = Users::parse(content.as_bytes()).unwrap_or_else(|line| panic!("line {line}"));
        (users, warnings.iter().map(|warning| warning.line).collect())
    }

    #[test]
    fn lines_are_users_comments_or_blank() {
        let (users, warnings) = parse(&format!("# comment\r\n\r\n  a:{SHA}\r\n\t# more\nb:{SHA}"));
        assert!(warnings.is_empty());
        assert!(users.verify("a", b"password") && users.verify("b", b"password"));
        assert!(!users.verify("a", b"Password") && !users.verify("c", b"password") && !users.verify("A", b"password"));
    }

    #[test]
    fn a_line_without_user_is_an_error_with_its_number() {
        for (content, line) in [(&b"\n# a\nnocolon"[..], 3), (b":hash", 1), (b"a:b\n\xff:c", 2)] {
            assert_eq!(Users::parse(content).err(), Some(line));
        }
    }

    #[test]
    fn an_unusable_hash_is_a_warning_and_no_login() {
        let (users, warnings) = parse(&format!("a:password\nb:{SHA}\nc:\n"));
        assert_eq!(warnings, [1, 3]);
        assert!(!users.verify("a", b"password") && users.verify("b", b"password") && !users.verify("c", b""));
    }

    #[test]
    fn the_last_line_of_a_user_counts() {
        let other = bcrypt::hash("new", 4).unwrap();
        let (users, warnings) = parse(&format!("a:{SHA}\na:{other}\n"));
        assert_eq!(warnings, [2]);
        assert!(users.verify("a", b"new") && !users.verify("a", b"password"));
        let (users, _) = parse(&format!("a:{SHA}\na:locked\n"));
        assert!(!users.verify("a", b"password"));
    }

    #[test]
    fn the_dummy_is_as_dear_as_the_dearest() {
        let (cheap, dear) = (bcrypt::hash("x", 4).unwrap(), bcrypt::hash("x", 6).unwrap());
        let (users, _) = parse(&format!("a:{cheap}\nb:{dear}\nc:{SHA}\n"));
        assert_eq!(users.dummy.bcrypt_cost(), Some(6));
        assert_eq!(parse(&format!("c:{SHA}")).0.dummy.bcrypt_cost(), None);
        assert!(parse("").0.dummy.bcrypt_cost().is_some());
    }
}
