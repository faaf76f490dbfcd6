//! Properties of the routes: a path that is built by hand from the route table is read back as what it was built from.
//! The cases are the same in every run.

use std::fmt::Debug;

use http::{Method, Uri};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::reference::{Namespace, Reference, RepositoryName, Tag};
use registry_core::store::usage::RepositoryTag;
use registry_core::store::{Timestamp, UploadId};
use registry_http::auth::RequiredAccess;
use registry_http::route::{Destination, ListQuery, ROUTES, ReferrersQuery, Route, UploadStart};

fn config() -> Config {
    Config { rng_seed: RngSeed::Fixed(5000), failure_persistence: None, ..Config::default() }
}

/// Components of names, many of which are words of the paths themselves or near to them.
fn component() -> impl Strategy<Value = String> {
    let words = [
        "v2",
        "blobs",
        "uploads",
        "manifests",
        "tags",
        "list",
        "referrers",
        "oci",
        "ext",
        "discover",
        "catalog",
        "registry",
        "namespaces",
        "history",
        "restore",
        "repository",
    ];
    let near = "(blobs|uploads|manifests|tags|list|v2)[._-](blobs|uploads|oci|ext|0)";
    prop_oneof![
        4 => select(words.to_vec()).prop_map(str::to_owned),
        1 => near,
        1 => "[a-z0-9]{1,8}((\\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}",
    ]
}

fn name() -> impl Strategy<Value = RepositoryName> {
    vec(component(), 1..6).prop_map(|components| components.join("/").parse().expect("every component is valid"))
}

fn tag() -> impl Strategy<Value = Tag> {
    let words =
        select(vec!["list", "uploads", "blobs", "_oci", "_catalog", "_registry", "history", "repository", "latest"])
            .prop_map(str::to_owned);
    prop_oneof![words, "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"].prop_map(|tag| tag.parse().expect("the tag is valid"))
}

fn digest() -> impl Strategy<Value = Digest> {
    (select(Algorithm::ALL.to_vec()), any::<[u8; 4]>()).prop_map(|(algorithm, content)| Digest::of(algorithm, &content))
}

fn reference() -> impl Strategy<Value = Reference> {
    prop_oneof![tag().prop_map(Reference::Tag), digest().prop_map(Reference::Digest)]
}

fn upload_id() -> impl Strategy<Value = UploadId> {
    any::<u128>().prop_map(|bits| {
        let hex = format!("{bits:032x}");
        let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        groups.join("-").parse().expect("it is the text of a UUID")
    })
}

fn list_query() -> impl Strategy<Value = (String, ListQuery)> {
    (option::of(0..10_000_usize), option::of(tag().prop_map(|tag| tag.to_string()))).prop_map(|(n, last)| {
        let query = query(&[("n", n.map(|n| n.to_string())), ("last", last.clone())]);
        (query, ListQuery { n, last })
    })
}

/// A part of a list whose items have more than a name, and such an item as `last` has it.
fn list_after<P: Clone + Debug>(
    positions: impl Strategy<Value = (String, P)>,
) -> impl Strategy<Value = (String, ListQuery<P>)> {
    (option::of(0..10_000_usize), option::of(positions)).prop_map(|(n, position)| {
        let (last, position) = position.unzip();
        (query(&[("n", n.map(|n| n.to_string())), ("last", last)]), ListQuery { n, last: position })
    })
}

fn history_position() -> impl Strategy<Value = (String, (Tag, Timestamp))> {
    (tag(), any::<i64>()).prop_map(|(tag, at)| (format!("{tag}@{at}"), (tag, Timestamp::from_micros(at))))
}

fn repository_tag() -> impl Strategy<Value = (String, RepositoryTag)> {
    (name(), tag()).prop_map(|(repository, tag)| (format!("{repository}:{tag}"), RepositoryTag { repository, tag }))
}

/// A namespace and what stands for it in a path.
fn namespace() -> impl Strategy<Value = (String, Namespace)> {
    let named = component().prop_map(|name| (name.clone(), name.parse().expect("every component is a namespace")));
    prop_oneof![4 => named, 1 => Just(("_".to_owned(), Namespace::default()))]
}

fn referrers_query() -> impl Strategy<Value = (String, ReferrersQuery)> {
    let artifact_type = option::of("[a-z]{1,8}/[a-z0-9.+-]{1,12}");
    (artifact_type, option::of(0..10_000_usize), option::of(digest())).prop_map(|(artifact_type, n, last)| {
        let query = query(&[
            ("artifactType", artifact_type.clone()),
            ("n", n.map(|n| n.to_string())),
            ("last", last.map(|last| last.to_string())),
        ]);
        (query, ReferrersQuery { artifact_type, n, last })
    })
}

fn upload_start() -> impl Strategy<Value = (String, UploadStart)> {
    prop_oneof![
        option::of(select(Algorithm::ALL.to_vec())).prop_map(|algorithm| {
            let query = query(&[("digest-algorithm", algorithm.map(|algorithm| algorithm.to_string()))]);
            (query, UploadStart::Session(algorithm.unwrap_or(Algorithm::Sha256)))
        }),
        digest().prop_map(|digest| (query(&[("digest", Some(digest.to_string()))]), UploadStart::Whole(digest))),
        (digest(), option::of(name())).prop_map(|(digest, from)| {
            let from_text = from.as_ref().map(|from| from.to_string());
            (query(&[("mount", Some(digest.to_string())), ("from", from_text)]), UploadStart::Mount { digest, from })
        }),
    ]
}

fn query(parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
    given.collect::<Vec<_>>().join("&")
}

/// Fills a template of the table, which has to be there, in.
fn path(template: &str, parts: &[(&str, &dyn ToString)]) -> String {
    assert!(ROUTES.iter().any(|spec| spec.template == template), "{template} is not in the table");
    let fill = |path: String, (part, value): &(&str, &dyn ToString)| path.replace(part, &value.to_string());
    parts.iter().fold(template.to_owned(), fill)
}

/// What a method and a path with its query, if it has one, lead to.
fn parse(method: &Method, path: &str, query: &str) -> Route {
    let text = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let uri: Uri = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    match Route::parse(method, &uri, "") {
        Ok(Destination::Route(route)) => route,
        other => panic!("{method} {text} leads to {other:?}"),
    }
}

/// Every spelling of the path leads to the route, which is not open to everybody; HEAD is GET.
fn leads_to(method: Method, path: &str, query: &str, route: Route) {
    assert_eq!(parse(&method, path, query), route);
    assert_eq!(parse(&method, &encoded(path), query), route, "{path}");
    if method == Method::GET {
        assert_eq!(parse(&Method::HEAD, path, query), route);
    }
    assert_ne!(route.required_access(), RequiredAccess::Public);
}

/// Every character of a path after the first in its percent-encoded form.
fn encoded(path: &str) -> String {
    let rest = path.bytes().skip(1).map(|byte| format!("%{byte:02X}"));
    format!("/{}", rest.collect::<String>())
}

fn name_of(name: &impl ToString) -> (&'static str, &dyn ToString) {
    ("<name>", name)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lists(name in name(), (query, list) in list_query()) {
        leads_to(Method::GET, "/v2/_catalog", &query, Route::Catalog(list.clone()));
        let path = path("/v2/<name>/tags/list", &[name_of(&name)]);
        leads_to(Method::GET, &path, &query, Route::ListTags(name, list));
    }

    #[test]
    fn discovery(name in name()) {
        let path = path("/v2/<name>/_oci/ext/discover", &[name_of(&name)]);
        leads_to(Method::GET, &path, "", Route::Discover(Some(name)));
    }

    #[test]
    fn history(name in name(), tag in tag(), (query, list) in list_after(history_position())) {
        let all = path("/v2/<name>/_registry/history", &[name_of(&name)]);
        leads_to(Method::GET, &all, &query, Route::ListHistory(name.clone(), None, list.clone()));
        let one = path("/v2/<name>/_registry/history/<tag>", &[name_of(&name), ("<tag>", &tag)]);
        leads_to(Method::GET, &one, &query, Route::ListHistory(name, Some(tag), list));
    }

    #[test]
    fn restoring(name in name(), tag in tag(), digest in option::of(digest())) {
        let path = path("/v2/<name>/_registry/restore/<tag>", &[name_of(&name), ("<tag>", &tag)]);
        let query = query(&[("digest", digest.map(|digest| digest.to_string()))]);
        leads_to(Method::POST, &path, &query, Route::RestoreTag(name, tag, digest));
    }

    #[test]
    fn repositories(name in name()) {
        let path = path("/v2/<name>/_registry/repository", &[name_of(&name)]);
        leads_to(Method::GET, &path, "", Route::GetRepository(name.clone()));
        leads_to(Method::DELETE, &path, "", Route::DeleteRepository(name));
    }

    #[test]
    fn namespaces(
        (segment, namespace) in namespace(),
        (query, list) in list_query(),
        (tags_query, tags) in list_after(repository_tag()),
    ) {
        leads_to(Method::GET, "/v2/_registry/namespaces", &query, Route::ListNamespaces(list));
        let one = path("/v2/_registry/namespaces/<namespace>", &[("<namespace>", &segment)]);
        leads_to(Method::GET, &one, "", Route::GetNamespace(namespace.clone()));
        let all_tags = path("/v2/_registry/namespaces/<namespace>/tags", &[("<namespace>", &segment)]);
        leads_to(Method::GET, &all_tags, &tags_query, Route::ListNamespaceTags(namespace, tags));
    }

    #[test]
    fn manifests(name in name(), reference in reference(), tags in vec(tag(), 0..4)) {
        let path = path("/v2/<name>/manifests/<reference>", &[name_of(&name), ("<reference>", &reference)]);
        leads_to(Method::GET, &path, "", Route::GetManifest(name.clone(), reference.clone()));
        leads_to(Method::DELETE, &path, "", Route::DeleteManifest(name.clone(), reference.clone()));
        let query = tags.iter().map(|tag| format!("tag={tag}")).collect::<Vec<_>>().join("&");
        leads_to(Method::PUT, &path, &query, Route::PutManifest(name, reference, tags));
    }

    #[test]
    fn blobs(name in name(), digest in digest()) {
        let path = path("/v2/<name>/blobs/<digest>", &[name_of(&name), ("<digest>", &digest)]);
        leads_to(Method::GET, &path, "", Route::GetBlob(name.clone(), digest));
        leads_to(Method::DELETE, &path, "", Route::DeleteBlob(name, digest));
    }

    #[test]
    fn referrers(name in name(), digest in digest(), (query, referrers) in referrers_query()) {
        let path = path("/v2/<name>/referrers/<digest>", &[name_of(&name), ("<digest>", &digest)]);
        leads_to(Method::GET, &path, &query, Route::ListReferrers(name, digest, referrers));
    }

    #[test]
    fn uploads_begin(name in name(), (query, start) in upload_start()) {
        let path = path("/v2/<name>/blobs/uploads/", &[name_of(&name)]);
        leads_to(Method::POST, &path, &query, Route::StartUpload(name, start));
    }

    #[test]
    fn uploads_go_on(name in name(), id in upload_id(), digest in digest()) {
        let path = path("/v2/<name>/blobs/uploads/<id>", &[name_of(&name), ("<id>", &id)]);
        leads_to(Method::GET, &path, "", Route::GetUpload(name.clone(), id));
        leads_to(Method::PATCH, &path, "", Route::AppendUpload(name.clone(), id));
        leads_to(Method::DELETE, &path, "", Route::CancelUpload(name.clone(), id));
        leads_to(Method::PUT, &path, &format!("digest={digest}"), Route::CommitUpload(name, id, digest));
    }
}
