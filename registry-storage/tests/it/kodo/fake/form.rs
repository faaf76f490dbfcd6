//! Forms that send a file: fields, and the file as the last of them.

use bytes::Bytes;
use http::Request;

use super::{Refused, text};

/// What a form has.
pub(super) struct Form {
    fields: Vec<(String, String)>,
    pub(super) file: Bytes,
}

impl Form {
    pub(super) fn read(request: &Request<Bytes>) -> Result<Self, Refused> {
        Self::parse(request).ok_or(Refused(400, "invalid multipart format"))
    }

    fn parse(request: &Request<Bytes>) -> Option<Self> {
        let boundary = text(request, "content-type").strip_prefix("multipart/form-data; boundary=")?;
        let (delimiter, end) = (format!("--{boundary}\r\n"), format!("\r\n--{boundary}--\r\n"));
        let mut rest = request.body().clone();
        let mut fields = Vec::new();
        loop {
            let rest_of_part = rest.strip_prefix(delimiter.as_bytes())?;
            let head_bytes = find(rest_of_part, b"\r\n\r\n")?;
            let head = std::str::from_utf8(&rest_of_part[..head_bytes]).ok()?;
            let content = rest.slice(delimiter.len() + head_bytes + 4..);
            let name = head.split("name=\"").nth(1)?.split('"').next()?.to_owned();
            if name == "file" {
                content.ends_with(end.as_bytes()).then_some(())?;
                return Some(Self { fields, file: content.slice(..content.len() - end.len()) });
            }
            let length = find(&content, format!("\r\n--{boundary}").as_bytes())?;
            fields.push((name, String::from_utf8(content[..length].to_vec()).ok()?));
            rest = content.slice(length + 2..);
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns the metadata that the object gets, without their prefix.
    pub(super) fn metadata(&self) -> impl Iterator<Item = (String, String)> {
        let own = |(name, value): &(String, String)| Some((name.strip_prefix("x-qn-meta-")?.to_owned(), value.clone()));
        self.fields.iter().filter_map(own)
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
