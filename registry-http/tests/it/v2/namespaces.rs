use http::StatusCode;
use registry_http::testing::{Reply, TestRegistry};
use serde_json::json;

const NAMESPACES: &str = "/v2/_registry/namespaces";

async fn registry() -> TestRegistry {
    let registry = TestRegistry::start().await;
    for (name, tag) in
        [("tags", "1"), ("library", "1"), ("library/b", "2"), ("library/a", "2"), ("library/a", "1"), ("z/y/x", "1")]
    {
        registry.seed_image(name, tag, &[]).await;
    }
    registry
}

/// The names of the namespaces of a page.
fn names(reply: &Reply) -> Vec<String> {
    let found = reply.json();
    let namespaces = found["namespaces"].as_array().unwrap();
    namespaces.iter().map(|namespace| namespace["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn namespaces_are_listed_by_pages_with_what_is_in_them() {
    let registry = registry().await;
    let client = registry.client();
    let all = client.get(NAMESPACES).await;
    assert_eq!((names(&all), all.header("link")), (vec!["".into(), "library".into(), "z".into()], ""));
    let first = client.get(&format!("{NAMESPACES}?n=1")).await;
    assert_eq!(first.header("link"), "</v2/_registry/namespaces?last=&n=1>; rel=\"next\"");
    let second = client.get("/v2/_registry/namespaces?last=&n=1").await;
    assert_eq!((names(&first), names(&second)), (vec!["".into()], vec!["library".into()]));
    assert_eq!(second.header("link"), "</v2/_registry/namespaces?last=library&n=1>; rel=\"next\"");
    let last = client.get(&format!("{NAMESPACES}?last=library&n=1")).await;
    assert_eq!((names(&last), last.header("link")), (vec!["z".into()], ""));

    for (index, (segment, tags)) in [("_", 2), ("library", 3), ("z", 1)].into_iter().enumerate() {
        let one = client.get(&format!("{NAMESPACES}/{segment}")).await.json();
        assert_eq!((&one, &one["tags"]), (&all.json()["namespaces"][index], &json!(tags)));
        assert!(one["logicalBytes"].as_u64() >= one["uniqueBytes"].as_u64());
    }
    let unknown = json!({"name": "b", "manifests": 0, "tags": 0, "logicalBytes": 0, "uniqueBytes": 0});
    assert_eq!(client.get(&format!("{NAMESPACES}/b")).await.json(), unknown);
    for n in ["1001", "x"] {
        let reply = client.get(&format!("{NAMESPACES}?n={n}")).await;
        assert_eq!((reply.status, reply.error_code().as_str()), (StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID"));
    }
}

#[tokio::test]
async fn the_tags_of_a_namespace_are_listed_by_pages() {
    let registry = registry().await;
    let client = registry.client();
    let entry = |repository: &str, tag: &str| json!({"repository": repository, "tag": tag});
    let expected = [entry("library/a", "1"), entry("library/a", "2"), entry("library/b", "2")];
    let tags = format!("{NAMESPACES}/library/tags");
    let all = client.get(&tags).await;
    assert_eq!((all.json(), all.header("link")), (json!({"name": "library", "tags": expected}), ""));
    let first = client.get(&format!("{tags}?n=2")).await;
    assert_eq!(first.json()["tags"], json!(expected[..2]));
    assert_eq!(first.header("link"), format!("<{tags}?last=library%2Fa%3A2&n=2>; rel=\"next\""));
    let second = client.get(&format!("{tags}?last=library%2Fa%3A2&n=2")).await;
    assert_eq!((second.json()["tags"].clone(), second.header("link")), (json!(expected[2..]), ""));

    let first = client.get(&format!("{NAMESPACES}/_/tags?n=1")).await;
    assert_eq!(first.json(), json!({"name": "", "tags": [entry("library", "1")]}));
    assert_eq!(first.header("link"), "</v2/_registry/namespaces/_/tags?last=library%3A1&n=1>; rel=\"next\"");
    assert_eq!(client.get(&format!("{NAMESPACES}/tags/tags")).await.json(), json!({"name": "tags", "tags": []}));
    let misplaced = client.get(&format!("{tags}?last=library")).await;
    assert_eq!((misplaced.status, misplaced.error_code().as_str()), (StatusCode::BAD_REQUEST, "UNSUPPORTED"));
}

/// What begins like the list of namespaces is nothing else.
#[tokio::test]
async fn nothing_else_is_beside_them() {
    let registry = registry().await;
    let client = registry.client();
    for path in ["/v2/_registry", "/v2/_registry/other", "/v2/_registry/namespacesx", "/v2/_registry/namespaces/a/b"] {
        assert_eq!(client.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for segment in ["A", "__", "a_"] {
        let reply = client.get(&format!("{NAMESPACES}/{segment}")).await;
        let code = reply.error_code();
        assert_eq!((reply.status, code.as_str()), (StatusCode::BAD_REQUEST, "NAME_INVALID"), "{segment}");
    }
}
