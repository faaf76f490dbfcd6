//! A reply as text: status, headers in order, body; with what differs from run to run taken out.

use registry_http::testing::Reply;

/// Compares a reply with the stored one of this name.
macro_rules! assert_reply {
    ($name:literal, $reply:expr) => {{
        let text = crate::snapshot::render(&$reply);
        crate::snapshot::settings().bind(|| insta::assert_snapshot!($name, text));
    }};
}
pub(crate) use assert_reply;

/// Where snapshots are, and what in them differs from run to run.
pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots"));
    settings.add_filter(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>");
    settings.add_filter(r"127\.0\.0\.1:\d+", "<host>");
    settings
}

pub(crate) fn render(reply: &Reply) -> String {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let body = String::from_utf8_lossy(&reply.body);
    format!("{}\n{}\n\n{body}", reply.status, headers.join("\n"))
}
