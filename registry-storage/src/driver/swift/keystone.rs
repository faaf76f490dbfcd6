//! What Keystone is asked, and what it answers, in both versions of its API.

use http::HeaderMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::config::{SwiftEndpoint, SwiftLogin, SwiftName, SwiftScope};
use super::login::Granted;

/// The kind of service that Swift is, in a catalog.
const OBJECT_STORE: &str = "object-store";
/// What a token of version 3 is answered in.
const SUBJECT_TOKEN: &str = "x-subject-token";

/// Returns where a token is asked for. distribution takes the address with or without what follows the version.
pub(super) fn tokens_url(url: &str, resource: &str) -> String {
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix("/tokens").unwrap_or(url);
    format!("{}/{resource}", url.strip_suffix("/auth").unwrap_or(url))
}

/// Returns the request of version 2 for a token.
pub(super) fn ask_v2(login: &SwiftLogin) -> Value {
    let mut auth = json!({ "passwordCredentials": { "username": login.username, "password": login.password } });
    match &login.scope {
        Some(SwiftScope::Project { project: SwiftName::Id(id), .. }) => auth["tenantId"] = json!(id),
        Some(SwiftScope::Project { project: SwiftName::Name(name), .. }) => auth["tenantName"] = json!(name),
        Some(SwiftScope::Trust(_)) | None => {}
    }
    json!({ "auth": auth })
}

/// Returns the request of version 3 for a token.
pub(super) fn ask_v3(login: &SwiftLogin) -> Value {
    let default = SwiftName::Id("default".to_owned());
    let user_domain = login.user_domain.as_ref().unwrap_or(&default);
    let user = json!({ "name": login.username, "password": login.password, "domain": user_domain });
    let mut auth = json!({ "identity": { "methods": ["password"], "password": { "user": user } } });
    match &login.scope {
        Some(SwiftScope::Project { project: id @ SwiftName::Id(_), .. }) => auth["scope"] = json!({ "project": id }),
        Some(SwiftScope::Project { project: SwiftName::Name(name), domain }) => {
            let domain = domain.as_ref().unwrap_or(user_domain);
            auth["scope"] = json!({ "project": { "name": name, "domain": domain } });
        }
        Some(SwiftScope::Trust(id)) => auth["scope"] = json!({ "OS-TRUST:trust": { "id": id } }),
        None => {}
    }
    json!({ "auth": auth })
}

impl Serialize for SwiftName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (key, value) = match self {
            Self::Id(id) => ("id", id),
            Self::Name(name) => ("name", name),
        };
        serializer.collect_map([(key, value)])
    }
}

/// Reads an answer of version 2; the error says what is missing.
pub(super) fn granted_v2(body: &[u8], endpoint: SwiftEndpoint, region: Option<&str>) -> Result<Granted, String> {
    let answer: AnswerV2 = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let services = answer.access.service_catalog.into_iter().filter(|service| service.kind == OBJECT_STORE);
    let mut endpoints = services.flat_map(|service| service.endpoints);
    let found = endpoints.find(|known| region.is_none_or(|region| known.region.as_deref() == Some(region)));
    let url = found.and_then(|known| match endpoint {
        SwiftEndpoint::Public => known.public_url,
        SwiftEndpoint::Internal => known.internal_url,
        SwiftEndpoint::Admin => known.admin_url,
    });
    Ok(Granted {
        storage_url: url.ok_or_else(|| no_endpoint(endpoint, region))?,
        token: answer.access.token.id,
        expires_at: parse_time(answer.access.token.expires.as_deref()),
    })
}

/// Reads an answer of version 3; the error says what is missing.
pub(super) fn granted_v3(
    headers: &HeaderMap,
    body: &[u8],
    endpoint: SwiftEndpoint,
    region: Option<&str>,
) -> Result<Granted, String> {
    let answer: AnswerV3 = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let token = headers.get(SUBJECT_TOKEN).and_then(|token| token.to_str().ok());
    let services = answer.token.catalog.into_iter().filter(|service| service.kind == OBJECT_STORE);
    let is_wanted = |known: &EndpointV3| {
        let names = [&known.region, &known.region_id];
        known.interface == interface(endpoint)
            && region.is_none_or(|region| names.into_iter().any(|name| name.as_deref() == Some(region)))
    };
    let found = services.flat_map(|service| service.endpoints).find(is_wanted);
    Ok(Granted {
        storage_url: found.ok_or_else(|| no_endpoint(endpoint, region))?.url,
        token: token.ok_or_else(|| format!("it has no header `{SUBJECT_TOKEN}`"))?.to_owned(),
        expires_at: parse_time(answer.token.expires_at.as_deref()),
    })
}

fn interface(endpoint: SwiftEndpoint) -> &'static str {
    match endpoint {
        SwiftEndpoint::Public => "public",
        SwiftEndpoint::Internal => "internal",
        SwiftEndpoint::Admin => "admin",
    }
}

fn no_endpoint(endpoint: SwiftEndpoint, region: Option<&str>) -> String {
    let region = region.map_or_else(|| "any region".to_owned(), |region| format!("region `{region}`"));
    let interface = interface(endpoint);
    format!(
        "its catalog has no {interface} address of an object store in {region}; check `region`, `endpointtype` and the \
         project (`tenant`)"
    )
}

fn parse_time(text: Option<&str>) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text?, &Rfc3339).ok()
}

#[derive(Deserialize)]
struct AnswerV2 {
    access: Access,
}

#[derive(Deserialize)]
struct Access {
    token: TokenV2,
    #[serde(default, rename = "serviceCatalog")]
    service_catalog: Vec<Service<EndpointV2>>,
}

#[derive(Deserialize)]
struct TokenV2 {
    id: String,
    expires: Option<String>,
}

#[derive(Deserialize)]
struct Service<E> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default = "Vec::new")]
    endpoints: Vec<E>,
}

#[derive(Deserialize)]
struct EndpointV2 {
    region: Option<String>,
    #[serde(rename = "publicURL")]
    public_url: Option<String>,
    #[serde(rename = "internalURL")]
    internal_url: Option<String>,
    #[serde(rename = "adminURL")]
    admin_url: Option<String>,
}

#[derive(Deserialize)]
struct AnswerV3 {
    token: TokenV3,
}

#[derive(Deserialize)]
struct TokenV3 {
    expires_at: Option<String>,
    #[serde(default)]
    catalog: Vec<Service<EndpointV3>>,
}

#[derive(Deserialize)]
struct EndpointV3 {
    interface: String,
    region: Option<String>,
    region_id: Option<String>,
    url: String,
}

#[cfg(test)]
mod tests {
    use super::super::config::SwiftAuthVersion;
    use super::*;

    fn login(user_domain: Option<SwiftName>, scope: Option<SwiftScope>) -> SwiftLogin {
        let version = SwiftAuthVersion::V3;
        SwiftLogin { url: String::new(), version, username: "u".into(), password: "p".into(), user_domain, scope }
    }

    fn project(project: SwiftName, domain: Option<SwiftName>) -> Option<SwiftScope> {
        Some(SwiftScope::Project { project, domain })
    }

    fn id(text: &str) -> SwiftName {
        SwiftName::Id(text.into())
    }

    fn name(text: &str) -> SwiftName {
        SwiftName::Name(text.into())
    }

    #[test]
    fn tokens_are_below_the_version() {
        for url in ["http://h/v3", "http://h/v3/", "http://h/v3/auth", "http://h/v3/auth/tokens"] {
            assert_eq!(tokens_url(url, "auth/tokens"), "http://h/v3/auth/tokens", "{url}");
        }
        for url in ["http://h/v2.0", "http://h/v2.0/tokens"] {
            assert_eq!(tokens_url(url, "tokens"), "http://h/v2.0/tokens", "{url}");
        }
    }

    #[test]
    fn version_2_names_the_tenant() {
        let credentials = json!({ "username": "u", "password": "p" });
        for (scope, key) in [(project(id("t"), None), "tenantId"), (project(name("t"), None), "tenantName")] {
            let asked = ask_v2(&login(None, scope));
            assert_eq!(asked, json!({ "auth": { "passwordCredentials": credentials, key: "t" } }));
        }
    }

    #[test]
    fn version_3_names_domains_and_a_scope() {
        let default = json!({ "id": "default" });
        for (user_domain, scope, domain, expected) in [
            (None, project(id("t"), None), &default, json!({ "project": { "id": "t" } })),
            (None, project(name("t"), None), &default, json!({ "project": { "name": "t", "domain": default } })),
            (
                Some(name("d")),
                project(name("t"), Some(id("e"))),
                &json!({ "name": "d" }),
                json!({ "project": { "name": "t", "domain": { "id": "e" } } }),
            ),
            (None, Some(SwiftScope::Trust("t".into())), &default, json!({ "OS-TRUST:trust": { "id": "t" } })),
            (None, None, &default, Value::Null),
        ] {
            let asked = ask_v3(&login(user_domain, scope));
            assert_eq!(asked["auth"]["identity"]["methods"], json!(["password"]));
            let user = &asked["auth"]["identity"]["password"]["user"];
            assert_eq!(*user, json!({ "name": "u", "password": "p", "domain": domain }));
            assert_eq!(asked["auth"]["scope"], expected);
        }
    }

    #[test]
    fn an_address_is_found_in_a_catalog() {
        let v2 = json!({ "access": {
            "token": { "id": "T2", "expires": "2026-01-02T03:04:05Z" },
            "serviceCatalog": [
                { "type": "compute", "endpoints": [{ "region": "one", "publicURL": "http://no" }] },
                { "type": "object-store", "endpoints": [
                    { "region": "one", "publicURL": "http://one/public", "internalURL": "http://one/internal" },
                    { "region": "two", "publicURL": "http://two/public" },
                ] },
            ],
        } });
        let endpoint = |interface: &str, region: &str| {
            let url = format!("http://{region}/{interface}");
            json!({ "interface": interface, "region_id": region, "region": region, "url": url })
        };
        let v3 = json!({ "token": { "expires_at": "2026-01-02T03:04:05.000000Z", "catalog": [
            { "type": "identity", "endpoints": [endpoint("public", "no")] },
            { "type": "object-store", "endpoints": [
                endpoint("internal", "one"), endpoint("public", "one"), endpoint("public", "two"),
            ] },
        ] } });
        let (v2, v3) = (v2.to_string(), v3.to_string());
        let headers = HeaderMap::from_iter([(SUBJECT_TOKEN.parse().unwrap(), "T3".parse().unwrap())]);
        for (endpoint, region, url) in [
            (SwiftEndpoint::Public, None, Some("http://one/public")),
            (SwiftEndpoint::Internal, None, Some("http://one/internal")),
            (SwiftEndpoint::Public, Some("two"), Some("http://two/public")),
            (SwiftEndpoint::Internal, Some("two"), None),
            (SwiftEndpoint::Admin, None, None),
            (SwiftEndpoint::Public, Some("three"), None),
        ] {
            let answers = [
                ("T2", granted_v2(v2.as_bytes(), endpoint, region)),
                ("T3", granted_v3(&headers, v3.as_bytes(), endpoint, region)),
            ];
            for (token, granted) in answers {
                match (granted, url) {
                    (Ok(granted), Some(url)) => {
                        assert_eq!((granted.token.as_str(), granted.storage_url.as_str()), (token, url));
                        assert_eq!(granted.expires_at.unwrap().unix_timestamp(), 1_767_323_045);
                    }
                    (Err(why), None) => assert!(why.contains("check `region`"), "{why}"),
                    (granted, _) => panic!("{region:?} {}", granted.is_ok()),
                }
            }
        }
    }

    #[test]
    fn an_answer_without_a_token_is_refused() {
        let v3 =
            br#"{"token":{"catalog":[{"type":"object-store","endpoints":[{"interface":"public","url":"http://h"}]}]}}"#;
        let why = granted_v3(&HeaderMap::new(), v3, SwiftEndpoint::Public, None).err().unwrap();
        assert!(why.contains(SUBJECT_TOKEN), "{why}");
        assert!(granted_v2(b"{}", SwiftEndpoint::Public, None).is_err());
    }
}
