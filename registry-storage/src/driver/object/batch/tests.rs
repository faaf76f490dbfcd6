//! What is written, and what is made of answers, right ones and others.

use http::{Method, Request, header};

use super::*;

const B: &str = "multipart/mixed; boundary=B";

/// Reads an answer: the status of each request's, 0 where there is none.
fn statuses(content_type: &str, body: &str, asked: usize) -> Option<Vec<u16>> {
    let content_type = HeaderValue::try_from(content_type).unwrap();
    match read(Some(&content_type), &Bytes::from(body.to_owned()), asked)? {
        BatchAnswer::Each(each) => {
            Some(each.iter().map(|answer| answer.as_ref().map_or(0, |answer| answer.status.as_u16())).collect())
        }
        BatchAnswer::Whole(answer) => panic!("one answer to all: {answer:?}"),
    }
}

/// Returns a part that answers the request with an id.
fn part(id: &str, status: u16) -> String {
    format!(
        "--B\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\nHTTP/1.1 {status} Said\r\nX-A: b\r\n\r\n\r\n"
    )
}

#[test]
fn requests_are_written() {
    let request = |uri: &str, headers: &[(&'static str, &'static str)]| {
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut()) = (Method::DELETE, uri.parse().unwrap());
        request.headers_mut().extend(
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
        );
        request.into_parts().0
    };
    let requests = [request("http://h:1/c/a%20b?sig=x", &[]), request("/c/d", &[("x-ms-date", "now")])];
    assert_eq!(
        write("B", &requests, |index| format!("<{index}>")),
        "--B\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <0>\r\n\r\n\
         DELETE /c/a%20b?sig=x HTTP/1.1\r\nContent-Length: 0\r\n\r\n\r\n\
         --B\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <1>\r\n\r\n\
         DELETE /c/d HTTP/1.1\r\nx-ms-date: now\r\nContent-Length: 0\r\n\r\n\r\n--B--\r\n"
    );
}

#[test]
fn an_answer_has_a_head_and_a_body() {
    let text = "--B\r\nContent-ID: 0\r\n\r\nHTTP/1.1 404 The blob does not exist.\r\nContent-Type: application/xml\r\n\r\n\
                <Error>\r\n--no boundary\r\n</Error>\r\n--B--";
    let Some(BatchAnswer::Each(mut each)) = read(Some(&HeaderValue::from_static(B)), &text.into(), 1) else {
        panic!("it is the answer to a batch")
    };
    let answer = each.remove(0).unwrap();
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/xml");
    assert_eq!(answer.body, "<Error>\r\n--no boundary\r\n</Error>");
}

#[test]
fn answers_come_in_any_order() {
    let text =
        ["preamble\r\n", &part("<response-2>", 404), &part("0", 202), &part("<1>", 503), "--B--\r\nepilogue"].concat();
    for content_type in [B, "Multipart/Mixed; charset=x; Boundary=\"B\""] {
        assert_eq!(statuses(content_type, &text, 3), Some(vec![202, 503, 404]));
    }
    // As some write them: with bare line feeds, and without an empty line after the head's.
    let text = text.replace("\r\n\r\n\r\n", "\r\n\r\n").replace("\r\n", "\n");
    assert_eq!(statuses(B, &text, 3), Some(vec![202, 503, 404]));
}

#[test]
fn what_was_cut_off_is_no_answer() {
    let text = [part("0", 202), part("1", 202), "--B--".to_owned()].concat();
    assert_eq!(statuses(B, &text, 2), Some(vec![202, 202]));
    let first = part("0", 202).len();
    for length in 0..text.len() - "--B--".len() {
        let [one, other] = statuses(B, &text[..length], 2).unwrap()[..] else { panic!("two") };
        assert!(one == 0 || (one == 202 && length > first), "{length}");
        assert_eq!(other, 0, "{length}");
    }
}

#[test]
fn what_answers_nothing_that_was_asked_is_passed_over() {
    let without_id = part("0", 202).replace("Content-ID: 0\r\n", "");
    for (text, expected) in [
        (String::new(), vec![0, 0]),
        (part("2", 202) + &part("1", 202), vec![0, 202]),
        (part("0", 202) + &part("1", 202) + &part("2", 500) + &part("99999999999999999999999", 500), vec![202, 202]),
        (part("-1", 202) + &part("<response->", 202) + &part("", 202) + &part("x", 202), vec![0, 0]),
        (without_id.clone() + &part("1", 202), vec![0, 202]),
        (without_id, vec![0, 0]),
        (part("0", 202) + &part("0", 403) + &part("1", 403) + &part("1", 202), vec![403, 403]),
        (part("0", 202).replace("HTTP/1.1", "SMTP") + &part("1", 99), vec![0, 0]),
        (part("0", 202).replace("HTTP/1.1 202 Said", "") + &part("1", 202), vec![0, 202]),
        (part("0", 202).replace("X-A: b", &"X-A: b\r\n".repeat(MAX_HEADERS + 1)) + &part("1", 202), vec![0, 202]),
    ] {
        assert_eq!(statuses(B, &(text.clone() + "--B--\r\n"), 2), Some(expected), "{text}");
    }
}

#[test]
fn another_boundary_is_none() {
    let text = part("0", 202) + "--B--\r\n";
    for boundary in ["BB", "C", "B--"] {
        assert_eq!(statuses(&format!("multipart/mixed; boundary={boundary}"), &text, 1), Some(vec![0]), "{boundary}");
    }
    assert_eq!(statuses(B, &text.replace("--B", "--BB"), 1), Some(vec![0]));
}

#[test]
fn another_kind_of_answer_is_none() {
    let text = part("0", 202) + "--B--\r\n";
    for content_type in
        ["application/json", "multipart/related; boundary=B", "multipart/mixed", "multipart/mixed; boundary=\"\""]
    {
        assert_eq!(statuses(content_type, &text, 1), None, "{content_type}");
    }
    assert!(read(None, &text.into(), 1).is_none());
}

#[test]
fn one_answer_may_be_to_all() {
    let text = part("0", 400).replace("Content-ID: 0\r\n", "") + "--B--";
    match read(Some(&HeaderValue::from_static(B)), &text.into(), 2) {
        Some(BatchAnswer::Whole(answer)) => assert_eq!(answer.status, 400),
        answer => panic!("{answer:?}"),
    }
}
