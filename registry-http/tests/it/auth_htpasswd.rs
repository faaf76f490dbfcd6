//! Users from an htpasswd file, as a service asks for them.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use registry_http::auth::{
    Authentication, Authenticator as _, Htpasswd, HtpasswdConfig, HtpasswdError, RequiredAccess, User,
};

/// The hash of `password`, as old tools wrote it.
const SHA: &str = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";

fn bcrypt(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn open(path: &Path) -> Result<Htpasswd, HtpasswdError> {
    Htpasswd::open(HtpasswdConfig { check_interval: Duration::ZERO, ..HtpasswdConfig::new("registry", path) })
}

async fn log_in(htpasswd: &Htpasswd, name: &str, password: &str) -> Authentication {
    let header = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    htpasswd.authenticate(Some(&HeaderValue::from_str(&header).unwrap())).await.unwrap()
}

fn user(name: &str) -> Authentication {
    Authentication::User(User { name: name.to_owned() })
}

#[tokio::test]
async fn users_of_the_file_log_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("htpasswd");
    let apr1 = "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/";
    let content = format!("# users\r\nalice:{}\r\n\r\nbob:{apr1}\ncarol:{SHA}\ndave:plain\n", bcrypt("wonderland"));
    std::fs::write(&path, content).unwrap();
    let htpasswd = open(&path).unwrap();
    for (name, password) in [("alice", "wonderland"), ("bob", "myPassword"), ("carol", "password")] {
        for _ in 0..2 {
            assert_eq!(log_in(&htpasswd, name, password).await, user(name));
            assert_eq!(log_in(&htpasswd, name, "wrong").await, Authentication::Rejected);
            assert_eq!(log_in(&htpasswd, name, "").await, Authentication::Rejected);
        }
        assert_eq!(log_in(&htpasswd, "mallory", password).await, Authentication::Rejected);
    }
    assert_eq!(log_in(&htpasswd, "dave", "plain").await, Authentication::Rejected, "nothing is kept in plain text");
    assert_eq!(htpasswd.authenticate(None).await.unwrap(), Authentication::Anonymous);
    for header in ["Bearer token", "Basic", "Basic !", "Basic bm9jb2xvbg=="] {
        let answer = htpasswd.authenticate(Some(&HeaderValue::from_static(header))).await.unwrap();
        assert_eq!(answer, Authentication::Rejected, "{header}");
    }
    assert_eq!(htpasswd.challenge(&RequiredAccess::Authenticated), "Basic realm=\"registry\"");
}

#[tokio::test]
async fn a_changed_file_counts_at_once_and_a_broken_one_never() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("htpasswd");
    std::fs::write(&path, format!("alice:{}\n", bcrypt("one"))).unwrap();
    let htpasswd = open(&path).unwrap();
    assert_eq!(log_in(&htpasswd, "alice", "one").await, user("alice"));

    std::fs::write(&path, format!("alice:{}\n", bcrypt("two"))).unwrap();
    assert_eq!(log_in(&htpasswd, "alice", "one").await, Authentication::Rejected, "nor is it known from before");
    assert_eq!(log_in(&htpasswd, "alice", "two").await, user("alice"));

    std::fs::write(&path, "no user in this line\n").unwrap();
    assert_eq!(log_in(&htpasswd, "alice", "two").await, user("alice"), "the users stay as they were");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(log_in(&htpasswd, "alice", "two").await, user("alice"));

    let fresh = directory.path().join("fresh");
    std::fs::write(&fresh, format!("bob:{}\n", bcrypt("three"))).unwrap();
    std::fs::rename(&fresh, &path).unwrap();
    assert_eq!(log_in(&htpasswd, "alice", "two").await, Authentication::Rejected);
    assert_eq!(log_in(&htpasswd, "bob", "three").await, user("bob"));
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_an_error_that_says_how_to_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("htpasswd");
    let missing = open(&path).err().unwrap();
    assert!(matches!(missing, HtpasswdError::Missing(_)));
    assert!(missing.to_string().contains(&format!("htpasswd -B -c {}", path.display())), "{missing}");
    assert!(!path.exists(), "no password is made up");
    std::fs::write(&path, format!("a:{SHA}\nb\n")).unwrap();
    let malformed = open(&path).err().unwrap();
    assert!(malformed.to_string().contains("line 2 of"), "{malformed}");
    std::fs::write(&path, "").unwrap();
    let realm = Htpasswd::open(HtpasswdConfig::new("a\nb", &path)).err().unwrap();
    assert!(matches!(realm, HtpasswdError::Realm(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_of_one_user_at_once_are_all_let_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("htpasswd");
    std::fs::write(&path, format!("alice:{}\n", bcrypt("wonderland"))).unwrap();
    let htpasswd = open(&path).unwrap();
    let answers = futures::future::join_all((0..100).map(|_| log_in(&htpasswd, "alice", "wonderland"))).await;
    assert!(answers.iter().all(|answer| *answer == user("alice")));
}
