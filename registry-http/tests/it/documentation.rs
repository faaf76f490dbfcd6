//! docs/api.md against the route table: every path, with every method that it takes.

use http::Method;
use registry_http::route::ROUTES;

const DOCUMENT: &str = include_str!("../../../docs/api.md");

#[test]
fn every_path_is_described() {
    let row = |template: &str, methods: &[Method]| {
        let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
        format!("| `{template}` | {} |\n", methods.join(", "))
    };
    let missing: Vec<_> =
        ROUTES.iter().map(|spec| row(spec.template, spec.methods)).filter(|row| !DOCUMENT.contains(row)).collect();
    assert!(missing.is_empty(), "docs/api.md lacks:\n{}", missing.concat());
}
