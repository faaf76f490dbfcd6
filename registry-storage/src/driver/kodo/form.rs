//! The form by which an object is sent as a whole (RFC 7578).

use bytes::{Bytes, BytesMut};

/// Writes the fields of a form, and after them the file.
pub(super) fn write(boundary: &str, fields: &[(&str, &str)], file: &[u8]) -> Bytes {
    let mut form = BytesMut::with_capacity(file.len() + 2048);
    let mut part = |head: String, content: &[u8]| {
        form.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    };
    for (name, value) in fields {
        part(format!("name=\"{name}\""), value.as_bytes());
    }
    // The name of the file is asked for, and not used.
    part("name=\"file\"; filename=\"file\"\r\nContent-Type: application/octet-stream".to_owned(), file);
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    form.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_fields_and_a_file() {
        assert_eq!(
            write("B", &[("key", "a/b")], b"x\r\ny"),
            "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na/b\r\n\
             --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
             Content-Type: application/octet-stream\r\n\r\nx\r\ny\r\n--B--\r\n"
        );
    }
}
