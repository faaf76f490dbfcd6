//! Requests: `METHOD TARGET`, as the first line of HTTP/1.1 begins.

#![no_main]

use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use registry_http::auth::RequiredAccess;
use registry_http::route::{Destination, Route};

fuzz_target!(|request: &str| {
    let Some((method, target)) = request.split_once(' ') else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    let Ok(uri) = target.parse::<Uri>() else { return };
    let destination = Route::parse(&method, &uri, "");
    match &destination {
        Ok(Destination::Route(route)) => {
            let public = route.required_access() == RequiredAccess::Public;
            assert_eq!(public, *route == Route::Root, "{route:?} needs {:?}", route.required_access());
        }
        Ok(Destination::Options(methods)) => assert!(method == Method::OPTIONS && methods.contains(&method)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }

    // Another spelling of the path, and a path below a prefix, go the same way.
    let Some(path) = uri.path().strip_prefix('/') else { return };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let again = |target: String, prefix: &str| {
        let uri = target.parse().expect("what was a target before is one now");
        assert_eq!(Route::parse(&method, &uri, prefix), destination, "{target}");
    };
    again(format!("/prefix/{path}{query}"), "/prefix");
    if let Ok(decoded) = percent_decode_str(path).decode_utf8() {
        again(format!("/{}{query}", utf8_percent_encode(&decoded, NON_ALPHANUMERIC)), "");
    }
});
