//! Routes: what every request goes through before anything is looked up.

use divan::{Bencher, black_box};
use http::{Method, Uri};
use registry_http::route::{Destination, Route};

const REQUESTS: [&str; 8] = [
    "GET /v2/",
    "GET /v2/library/alpine/manifests/3.20",
    "GET /v2/library/alpine/tags/list?n=100&last=3.19",
    "GET /v2/a/very/long/name/of/a/repository/in/many/parts/manifests/latest",
    "HEAD /v2/library/alpine/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "PUT /v2/library/alpine/blobs/uploads/0f8fad5b-d9cb-469f-a165-70867728950e?digest=sha256%3Ae3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "POST /v2/library/alpine/blobs/uploads/?mount=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855&from=library/busybox",
    "GET /wp-login.php",
];

fn main() {
    divan::main();
}

fn request(text: &str) -> (Method, Uri) {
    let (method, uri) = text.split_once(' ').expect("a method, a space and a target");
    (method.parse().expect("the method is valid"), uri.parse().expect("the target is valid"))
}

#[divan::bench(args = REQUESTS)]
fn parse(bencher: Bencher<'_, '_>, text: &str) {
    let (method, uri) = request(text);
    bencher.bench(|| Route::parse(black_box(&method), black_box(&uri), ""));
}

#[divan::bench(args = REQUESTS.iter().filter(|text| text.contains("/v2/")))]
fn required_access(bencher: Bencher<'_, '_>, text: &str) {
    let (method, uri) = request(text);
    let Ok(Destination::Route(route)) = Route::parse(&method, &uri, "") else { unreachable!("it is a request") };
    bencher.bench(|| black_box(&route).required_access());
}
