//! Manifests: what is taken, what is refused, and what comes back.

use std::sync::Arc;

use bytes::Bytes;
use registry_core::memory::{MemoryBlobStore, MemoryMetadataStore};
use registry_core::protocol::digest::{Algorithm, Digest};
use registry_core::protocol::media_type::{OCI_INDEX, OCI_MANIFEST};
use registry_core::protocol::reference::Reference;
use registry_core::registry::{IndexChildren, ManifestPush, Platform, UrlRules};
use registry_core::{Registry, RegistryError, RegistryOptions};
use serde_json::json;

use crate::support::{image, push, push_image, repository, sha256, tagged};

#[tokio::test]
async fn the_exact_bytes_and_media_type_come_back() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let config = push(&registry, "a", b"{}").await;
    let plain = String::from_utf8(image(&config, &[]).to_vec()).unwrap();
    let odd = Bytes::from(format!("\n {} \n\t", plain.replace("\":", "\" :  ")));
    let pushed = registry.put_manifest(&name, tagged("odd", odd.clone())).await.unwrap();
    assert_eq!(pushed.digest, sha256(&odd));
    for reference in ["odd".parse().unwrap(), Reference::Digest(pushed.digest)] {
        let manifest = registry.get_manifest(&name, &reference).await.unwrap();
        assert_eq!((manifest.payload, &*manifest.media_type), (odd.clone(), OCI_MANIFEST));
    }
}

#[tokio::test]
async fn a_push_by_digest_sets_all_its_tags() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let payload = image(&push(&registry, "a", b"{}").await, &[]);
    let digest = Digest::of(Algorithm::Sha512, &payload);
    let tags = ["one", "two", "one"].map(|tag| tag.parse().unwrap()).to_vec();
    let manifest = |reference, tags| ManifestPush {
        reference,
        tags,
        content_type: Some(OCI_MANIFEST.to_owned()),
        payload: payload.clone(),
    };
    let pushed = registry.put_manifest(&name, manifest(Reference::Digest(digest), tags)).await.unwrap();
    assert_eq!(pushed.digest, digest);
    for tag in ["one", "two"] {
        assert_eq!(registry.get_manifest(&name, &tag.parse().unwrap()).await.unwrap().digest, digest);
    }
    let many = (0..=RegistryOptions::TAGS_PER_PUSH_MAX).map(|n| format!("t{n}").parse().unwrap()).collect();
    let refused = registry.put_manifest(&name, manifest(Reference::Digest(digest), many)).await;
    assert!(matches!(refused, Err(RegistryError::TooManyTags { .. })), "{refused:?}");
    let wrong = registry.put_manifest(&name, manifest(Reference::Digest(sha256(b"other")), Vec::new())).await;
    assert!(matches!(wrong, Err(RegistryError::DigestMismatch { .. })), "{wrong:?}");
}

#[tokio::test]
async fn a_manifest_needs_its_blobs_in_its_own_repository() {
    let registry = Registry::in_memory();
    let config = push(&registry, "other", b"{}").await;
    let refused = registry.put_manifest(&repository("a"), tagged("one", image(&config, &[]))).await;
    let Err(RegistryError::ManifestBlobUnknown { missing, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(missing, [config]);
    let unknown = registry.list_tags(&repository("a"), None, 10).await;
    assert!(matches!(unknown, Err(RegistryError::RepositoryUnknown(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_manifest_above_the_limit_is_refused() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let mut payload = image(&push(&registry, "a", b"{}").await, &[]).to_vec();
    payload.resize(RegistryOptions::MANIFEST_MAX_BYTES as usize, b' ');
    registry.put_manifest(&name, tagged("fits", payload.clone().into())).await.unwrap();
    payload.push(b' ');
    let refused = registry.put_manifest(&name, tagged("large", payload.into())).await;
    assert!(matches!(refused, Err(RegistryError::ManifestTooLarge { .. })), "{refused:?}");
}

fn index(children: &[(&Digest, Option<(&str, &str)>)]) -> ManifestPush {
    let manifests: Vec<_> = children
        .iter()
        .map(|(digest, platform)| {
            let mut entry = json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 1});
            if let Some((os, architecture)) = platform {
                entry["platform"] = json!({"os": os, "architecture": architecture});
            }
            entry
        })
        .collect();
    let payload = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    let content_type = Some(OCI_INDEX.to_owned());
    ManifestPush { content_type, ..tagged("index", serde_json::to_vec(&payload).unwrap().into()) }
}

#[tokio::test]
async fn which_children_an_index_needs_is_the_operators_choice() {
    let linux = Platform { os: "linux".into(), architecture: "amd64".into() };
    let missing = sha256(b"missing");
    let (amd64, arm64) = (Some(("linux", "amd64")), Some(("linux", "arm64")));
    for (rule, platform, taken) in [
        (IndexChildren::All, arm64, false),
        (IndexChildren::Optional, amd64, true),
        (IndexChildren::Platforms(vec![linux.clone()]), amd64, false),
        (IndexChildren::Platforms(vec![linux.clone()]), arm64, true),
        (IndexChildren::Platforms(vec![linux]), None, false),
    ] {
        let options = RegistryOptions { index_children: rule.clone(), ..RegistryOptions::default() };
        let registry =
            Registry::new(Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()), options);
        let there = push_image(&registry, "a", "child", "content").await;
        let push = index(&[(&there, amd64), (&missing, platform)]);
        let outcome = registry.put_manifest(&repository("a"), push).await;
        assert_eq!(outcome.is_ok(), taken, "{rule:?} {platform:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn referrers_are_found_by_subject_and_type() {
    let registry = Registry::in_memory();
    let name = repository("a");
    let config = push(&registry, "a", b"{}").await;
    let subject = sha256(b"a subject that was never pushed");
    let mut pushed = Vec::new();
    for (n, artifact_type) in ["text/plain", "text/plain", "text/html"].into_iter().enumerate() {
        let mut manifest: serde_json::Value = serde_json::from_slice(&image(&config, &[])).unwrap();
        manifest["artifactType"] = artifact_type.into();
        manifest["subject"] = json!({"mediaType": OCI_MANIFEST, "digest": subject, "size": 1});
        manifest["annotations"] = json!({"n": n.to_string()});
        let manifest = tagged(&format!("t{n}"), serde_json::to_vec(&manifest).unwrap().into());
        let outcome = registry.put_manifest(&name, manifest).await.unwrap();
        assert_eq!(outcome.subject, Some(subject));
        pushed.push((outcome.digest, artifact_type, n.to_string()));
    }
    pushed.sort_by_key(|(digest, ..)| digest.to_string());
    let page = registry.list_referrers(&name, &subject, None, None, 2).await.unwrap();
    assert!(page.more);
    let last = page.items[1].digest;
    let rest = registry.list_referrers(&name, &subject, None, Some(&last), 2).await.unwrap();
    assert!(!rest.more);
    let found: Vec<_> = page
        .items
        .iter()
        .chain(&rest.items)
        .map(|r| (r.digest, r.artifact_type.as_deref().unwrap(), r.annotations["n"].clone()))
        .collect();
    assert_eq!(found, pushed);
    let html = registry.list_referrers(&name, &subject, Some("text/html"), None, 10).await.unwrap();
    assert_eq!(html.items.len(), 1);
    let none = registry.list_referrers(&repository("unknown"), &subject, None, None, 10).await.unwrap();
    assert_eq!(none.items, []);
}

#[tokio::test]
async fn lists_are_paged_in_byte_order() {
    let registry = Registry::in_memory();
    let name = repository("a");
    for tag in ["b", "A", "a", "B", "_", "10", "9"] {
        push_image(&registry, "a", tag, "content").await;
    }
    let expected = ["10", "9", "A", "B", "_", "a", "b"];
    let mut after: Option<String> = None;
    let mut found = Vec::new();
    loop {
        let page = registry.list_tags(&name, after.as_deref(), 2).await.unwrap();
        found.extend(page.items.iter().map(|tag| tag.as_str().to_owned()));
        if !page.more {
            break;
        }
        after = found.last().cloned();
    }
    assert_eq!(found, expected);
    assert_eq!(registry.list_tags(&name, None, 0).await.unwrap().items, []);
    for other in ["b", "a-a", "a/b"] {
        push_image(&registry, other, "t", "content").await;
    }
    push(&registry, "blobs/only", b"x").await;
    let names = registry.list_repositories(Some("a"), 2).await.unwrap();
    assert_eq!(names.items.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["a-a", "a/b"]);
    assert!(names.more);
    assert_eq!(registry.list_repositories(Some("a/b"), 2).await.unwrap().items, [repository("b")]);
}

#[tokio::test]
async fn urls_are_taken_by_the_operators_rules() {
    let urls = UrlRules::new(&[], &["^https://bad/".to_owned()]).unwrap();
    let options = RegistryOptions { urls, ..RegistryOptions::default() };
    let registry =
        Registry::new(Arc::new(MemoryBlobStore::default()), Arc::new(MemoryMetadataStore::default()), options);
    let config = push(&registry, "a", b"{}").await;
    for (url, taken) in [("https://good/x", true), ("https://bad/x", false)] {
        let mut manifest: serde_json::Value = serde_json::from_slice(&image(&config, &[])).unwrap();
        manifest["layers"] = json!([{
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "digest": sha256(b"elsewhere"), "size": 9, "urls": [url],
        }]);
        let outcome =
            registry.put_manifest(&repository("a"), tagged("t", serde_json::to_vec(&manifest).unwrap().into())).await;
        assert_eq!(outcome.is_ok(), taken, "{outcome:?}");
        assert!(taken || matches!(outcome, Err(RegistryError::UrlDenied(denied)) if denied == url));
    }
}
