//! What is said about storages that are not valid.

use crate::support::problems;

/// Returns the only problem of a driver with these keys, without its place.
fn storage_problem(driver: &str, keys: &str) -> String {
    let problem = problems(&format!("version: 0.1\nstorage:\n  {driver}: {{{keys}}}\n"), &[]);
    problem.strip_prefix("config.yml:3: ").unwrap_or(&problem).to_owned()
}

#[test]
fn what_a_bucket_lacks_is_said() {
    for (keys, expected) in [
        ("bucket: b", "missing key `storage.s3.region`; expected a name such as `eu-central-1`"),
        ("region: r", "missing key `storage.s3.bucket`; expected a name such as `my-images`"),
        ("bucket: b, region: r, accesskey: a", "missing key `storage.s3.secretkey`; expected both keys, or neither"),
        ("bucket: b, region: r, v4auth: false", "not supported: storage.s3.v4auth: false"),
        (
            "bucket: b, region: r, chunksize: 5",
            "`storage.s3.chunksize`: expected 5242880 to 5368709120 bytes, found `5`",
        ),
        ("bucket: a/b, region: r", "`storage.s3.bucket`: expected a name such as `my-images`, found `a/b`"),
        ("bucket: b, region: r, keyid: 'a b'", "`storage.s3.keyid`: expected a word of ASCII characters, found `a b`"),
    ] {
        assert_eq!(storage_problem("s3", keys), expected);
    }
}

#[test]
fn what_a_bucket_at_google_lacks_is_said() {
    for (keys, expected) in [
        ("rootdirectory: /a", "missing key `storage.gcs.bucket`; expected a name such as `my-images`"),
        ("bucket: a/b", "`storage.gcs.bucket`: expected a name such as `my-images`, found `a/b`"),
        (
            "bucket: b, keyfile: /k, credentials: {type: service_account}",
            "`storage.gcs.credentials`: expected `keyfile` or `credentials`, found both",
        ),
        (
            "bucket: b, credentials: {private_key: hidden}",
            "`storage.gcs.credentials`: expected a credential as Google writes it, with `type`",
        ),
        (
            "bucket: b, chunksize: 262145",
            "`storage.gcs.chunksize`: expected a multiple of 262144 up to 5368709120 bytes, found `262145`",
        ),
    ] {
        assert_eq!(storage_problem("gcs", keys), expected);
    }
}

#[test]
fn what_a_container_of_azure_lacks_is_said() {
    for (keys, expected) in [
        ("accountname: a", "missing key `storage.azure.container`; expected a name such as `registry`"),
        ("container: c", "missing key `storage.azure.accountname`; expected a name such as `myimages`"),
        (
            "accountname: a, container: c/d",
            "`storage.azure.container`: expected a name such as `registry`, found `c/d`",
        ),
        ("accountname: a, container: c, accountkey: 'a b'", "`storage.azure.accountkey`: expected a key in base64"),
        (
            "accountname: a, container: c, accountkey: YQ==, sastoken: 'sv=1&sig=2'",
            "`storage.azure.sastoken`: expected `accountkey` or `sastoken`, found both",
        ),
        (
            "accountname: a, container: c, sastoken: 'https://a/c?sv=1'",
            "`storage.azure.sastoken`: expected the query of an address, such as `sv=...&sig=...`",
        ),
        (
            "accountname: a, container: c, credentials: {type: shared_key}",
            "missing key `storage.azure.accountkey`; expected one of the account's keys",
        ),
        (
            "accountname: a, container: c, credentials: {type: client_secret, clientid: i, tenantid: t}",
            "missing key `storage.azure.credentials.secret`; `client_secret` needs it",
        ),
        (
            "accountname: a, container: c, chunksize: 5",
            "`storage.azure.chunksize`: expected 1048576 to 4194304000 bytes, found `5`",
        ),
    ] {
        assert_eq!(storage_problem("azure", keys), expected);
    }
}

#[test]
fn what_a_container_of_swift_lacks_is_said() {
    let all = "authurl: https://h/v3, username: u, password: p, container: c";
    for (keys, expected) in [
        (
            "username: u, password: p, container: c".to_owned(),
            "missing key `storage.swift.authurl`; expected a URL such as `https://keystone.example.com:5000/v3`",
        ),
        (all.replace("username: u, ", ""), "missing key `storage.swift.username`; expected the name of a user"),
        (all.replace("password: p, ", ""), "missing key `storage.swift.password`; expected the user's password"),
        (
            all.replace(", container: c", ""),
            "missing key `storage.swift.container`; expected a name such as `my-images`",
        ),
        (
            all.replace("https://h/v3", "h/v3"),
            "`storage.swift.authurl`: expected a URL such as `https://keystone.example.com:5000/v3`, found `h/v3`",
        ),
        (
            all.replace("/v3", ""),
            "missing key `storage.swift.authversion`; expected 1, 2 or 3, since `authurl` names no version",
        ),
        (format!("{all}, authversion: 4"), "`storage.swift.authversion`: expected 1, 2 or 3, found `4`"),
        (
            format!("{all}, tenant: t, tenantid: i"),
            "`storage.swift.tenantid`: expected `tenant` or `tenantid`, found both",
        ),
        (
            all.replace("container: c", "container: c/d"),
            "`storage.swift.container`: expected a name such as `my-images` of at most 240 bytes, found `c/d`",
        ),
        (format!("{all}, chunksize: 5"), "`storage.swift.chunksize`: expected 1048576 to 5368709120 bytes, found `5`"),
    ] {
        assert_eq!(storage_problem("swift", &keys), expected);
    }
}

#[test]
fn what_a_bucket_of_another_vendor_lacks_is_said() {
    for (driver, keys, expected) in [
        ("oss", "bucket: b", "missing key `storage.oss.region`; expected a name such as `cn-hangzhou`"),
        ("oss", "region: r", "missing key `storage.oss.bucket`; expected a name such as `my-images`"),
        (
            "oss",
            "bucket: b, region: r, accesskeyid: a",
            "missing key `storage.oss.accesskeysecret`; expected both keys, or neither",
        ),
        (
            "oss",
            "bucket: b, region: r, chunksize: 5",
            "`storage.oss.chunksize`: expected 102400 to 5368709120 bytes, found `5`",
        ),
        ("cos", "region: r", "missing key `storage.cos.bucket`; expected a name such as `my-images-1250000000`"),
        (
            "cos",
            "bucket: b, region: r, secretkey: a",
            "missing key `storage.cos.secretid`; expected both keys, or neither",
        ),
        (
            "cos",
            "bucket: b, region: r, storageclass: 'a b'",
            "`storage.cos.storageclass`: expected a word of ASCII characters, found `a b`",
        ),
        (
            "bos",
            "bucket: b, accesskey: a, secretkey: s",
            "missing key `storage.bos.region`; expected a name such as `bj`",
        ),
        (
            "bos",
            "bucket: b, region: r, accesskey: a",
            "missing key `storage.bos.secretkey`; expected a key of the vendor's",
        ),
        (
            "bos",
            "bucket: b, region: r, accesskey: 'a b', secretkey: s",
            "`storage.bos.accesskey`: expected a word of ASCII characters",
        ),
        ("kodo", "bucket: b, secretkey: s", "missing key `storage.kodo.accesskey`; expected a key of the vendor's"),
        (
            "kodo",
            "bucket: b, accesskey: a, secretkey: s, protocol: s3",
            "missing key `storage.kodo.region`; expected a name such as `cn-east-1`",
        ),
        (
            "kodo",
            "bucket: b, accesskey: a, secretkey: s, region: z0",
            "`storage.kodo.region`: expected only with `protocol: s3`",
        ),
        (
            "kodo",
            "bucket: b, accesskey: a, secretkey: s, chunksize: 5",
            "`storage.kodo.chunksize`: expected 1048576 to 1073741824 bytes, found `5`",
        ),
        (
            "scs",
            "region: bjcnc, accesskey: a, secretkey: s",
            "missing key `storage.scs.bucket`; expected a name such as `my-images`",
        ),
        (
            "scs",
            "region: bjcnc, bucket: b, accesskey: a",
            "missing key `storage.scs.secretkey`; expected the key that the store gave out",
        ),
        (
            "scs",
            "bucket: b, accesskey: a, secretkey: s",
            "missing key `storage.scs.region`; expected one of `bjcnc`, `bjctc`, `shctc`, `gzctc`, or `storage.scs.endpoint`",
        ),
        (
            "scs",
            "region: us-east-1, bucket: b, accesskey: a, secretkey: s",
            "`storage.scs.region`: expected one of `bjcnc`, `bjctc`, `shctc`, `gzctc`, or `storage.scs.endpoint`, found \
             `us-east-1`",
        ),
        (
            "scs",
            "region: bjcnc-internal, bucket: b, accesskey: a, secretkey: s, chunksize: 5",
            "`storage.scs.chunksize`: expected 5242880 to 5368709120 bytes, found `5`",
        ),
        (
            "ufile",
            "ufile_public_key: a, ufile_private_key: s",
            "missing key `storage.ufile.ufile_baseurl`; expected the URL of a bucket, such as \
             `http://my-images.cn-bj.ufileos.com`",
        ),
        (
            "ufile",
            "ufile_baseurl: 'http://b.h', ufile_private_key: s",
            "missing key `storage.ufile.ufile_public_key`; expected the key that the store gave out",
        ),
        (
            "ufile",
            "ufile_baseurl: 'http://b.h', ufile_public_key: a",
            "missing key `storage.ufile.ufile_private_key`; expected the key that the store gave out",
        ),
        (
            "ufile",
            "ufile_baseurl: b.h, ufile_public_key: a, ufile_private_key: s",
            "`storage.ufile.ufile_baseurl`: expected the URL of a bucket, such as `http://my-images.cn-bj.ufileos.com`, \
             found `b.h`",
        ),
        (
            "ufile",
            "ufile_baseurl: 'http://b.h', ufile_public_key: a, ufile_private_key: s, ufile_retries: 0",
            "`storage.ufile.ufile_retries`: expected at least 1, found `0`",
        ),
    ] {
        assert_eq!(storage_problem(driver, keys), expected);
    }
}

#[test]
fn what_a_second_store_lacks_is_said() {
    let filesystem = "filesystem: {rootdirectory: /a}";
    for (first, replicate, expected) in [
        (filesystem, "{}", "config.yml:4: no second store; expected a driver such as `storage.replicate.filesystem`"),
        (
            filesystem,
            "{s3: {bucket: b}}",
            "config.yml:4: missing key `storage.replicate.s3.region`; expected a name such as `eu-central-1`",
        ),
        (
            filesystem,
            "\n    filesystem: {}\n    s3: {bucket: b, region: r}",
            "config.yml:6: multiple storage drivers: `filesystem`, `s3`; expected exactly one",
        ),
        (
            filesystem,
            "\n    s3: {region: r, bukket: b}",
            "config.yml:5: unknown key `storage.replicate.s3.bukket`; did you mean `storage.replicate.s3.bucket`?",
        ),
        (
            filesystem,
            "{filesystem: {}, parallelism: 0}",
            "config.yml:4: `storage.replicate.parallelism`: expected at least 1, found `0`",
        ),
        (
            filesystem,
            "{filesystem: {}, rate: 65535}",
            "config.yml:4: `storage.replicate.rate`: expected 0, or at least 65536, found `65535`",
        ),
        (
            "inmemory: {}",
            "{filesystem: {}}",
            "config.yml:4: `storage.replicate` needs a storage and a database that outlive the process",
        ),
    ] {
        let text = format!("version: 0.1\nstorage:\n  {first}\n  replicate: {replicate}\n");
        let problems = problems(&text, &[]);
        assert_eq!(problems.lines().next(), Some(expected), "{replicate}");
    }
}

#[test]
fn a_scrub_needs_an_interval_and_a_rate() {
    let text = "version: 0.1\nstorage: {inmemory: {}, maintenance: {scrub: {interval: 0, rate: 65535}}}\n";
    let expected = "\
config.yml:2: `storage.maintenance.scrub.interval`: expected a duration above zero
config.yml:2: `storage.maintenance.scrub.rate`: expected at least 65536, found `65535`";
    assert_eq!(problems(text, &[]), expected);
}
