//! BOS's documents and names of parameters, said as Amazon says them, and the other way around.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use md5::{Digest, Md5};
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};

/// What parameters are called, here and there.
const PARAMETERS: [(&str, &str); 5] = [
    ("maxKeys", "max-keys"),
    ("maxParts", "max-parts"),
    ("partNumberMarker", "part-number-marker"),
    ("maxUploads", "max-uploads"),
    ("keyMarker", "key-marker"),
];

/// Says a request in Amazon's words; `None` if it is not said in BOS's.
pub(super) fn request(mut request: Request<Bytes>) -> Option<Request<Bytes>> {
    let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut query = Vec::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if PARAMETERS.iter().any(|(_, amazon)| *amazon == name) {
            return None;
        }
        let name = PARAMETERS.iter().find(|(bos, _)| *bos == name).map_or(name, |(_, amazon)| amazon);
        query.push(format!("{name}={value}"));
    }
    let mut uri = request.uri().clone().into_parts();
    uri.path_and_query = Some(format!("{}?{}", request.uri().path(), query.join("&")).parse().ok()?);
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    let Ok(Value::Object(document)) = serde_json::from_slice(request.body()) else { return Some(request) };
    if request.headers().get("content-md5").is_some_and(|sum| *sum != STANDARD.encode(Md5::digest(request.body()))) {
        return None;
    }
    let body: Bytes = xml(&document)?.into();
    let headers = request.headers_mut();
    headers.insert("content-md5", HeaderValue::try_from(STANDARD.encode(Md5::digest(&body))).ok()?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *request.body_mut() = body;
    Some(request)
}

/// Writes what completes an upload, or what is to be deleted.
fn xml(document: &Map<String, Value>) -> Option<String> {
    if let Some(parts) = document.get("parts") {
        let part = |part: &Value| {
            let (number, tag) = (part["partNumber"].as_u64()?, part["eTag"].as_str()?);
            Some(format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"))
        };
        let parts: String = parts.as_array()?.iter().map(part).collect::<Option<_>>()?;
        return Some(format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"));
    }
    let object = |object: &Value| Some(format!("<Object><Key>{}</Key></Object>", object["key"].as_str()?));
    let objects: String = document.get("objects")?.as_array()?.iter().map(object).collect::<Option<_>>()?;
    Some(format!("<Delete><Quiet>true</Quiet>{objects}</Delete>"))
}

/// Says an answer's document in BOS's words. What is none stays.
pub(super) fn answer(body: Bytes) -> Bytes {
    let Some(text) = std::str::from_utf8(&body).ok().filter(|text| text.trim_start().starts_with('<')) else {
        return body;
    };
    match Document::parse(text) {
        Ok(document) => value(document.root_element()).to_string().into(),
        Err(_) => body,
    }
}

fn value(node: Node<'_, '_>) -> Value {
    let mut object = Map::new();
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let list = match name {
            "Contents" => Some("contents"),
            "Part" => Some("parts"),
            "Upload" => Some("uploads"),
            "Error" => Some("errors"),
            "CommonPrefixes" => Some("commonPrefixes"),
            _ => None,
        };
        match list {
            Some(list) => {
                let list = object.entry(list).or_insert_with(|| json!([]));
                list.as_array_mut().expect("a list").push(value(child));
            }
            None => _ = object.insert(name[..1].to_lowercase() + &name[1..], value(child)),
        }
    }
    if !object.is_empty() {
        return Value::Object(object);
    }
    let text = node.text().unwrap_or_default();
    match node.tag_name().name() {
        "IsTruncated" => Value::Bool(text == "true"),
        "ETag" => Value::from(text.trim_matches('"')),
        "Size" | "PartNumber" | "MaxKeys" | "MaxParts" | "MaxUploads" | "PartNumberMarker" | "NextPartNumberMarker" => {
            Value::from(text.parse::<u64>().unwrap_or_default())
        }
        _ => Value::from(text),
    }
}

#[test]
fn documents_are_translated() {
    let body = r#"{"parts": [{"partNumber": 1, "eTag": "e"}]}"#;
    let complete = Request::post("http://h/k?uploadId=U&maxKeys=1").body(Bytes::from(body)).unwrap();
    let complete = request(complete).unwrap();
    assert_eq!(complete.uri().query(), Some("uploadId=U&max-keys=1"));
    let part = "<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>";
    assert_eq!(complete.body(), &format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>"));
    let foreign = Request::get("http://h/?max-keys=1").body(Bytes::new()).unwrap();
    assert!(request(foreign).is_none());

    let list = "<ListPartsResult><IsTruncated>true</IsTruncated><Part><ETag>&quot;e&quot;</ETag><Size>7</Size></Part>\
                </ListPartsResult>";
    assert_eq!(answer(list.into()), r#"{"isTruncated":true,"parts":[{"eTag":"e","size":7}]}"#);
    assert_eq!(answer("<Error><Code>NoSuchKey</Code></Error>".into()), r#"{"code":"NoSuchKey"}"#);
    assert_eq!(answer("no document".into()), "no document");
}
