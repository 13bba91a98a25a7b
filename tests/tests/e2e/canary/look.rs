//! Everything a server keeps and says, searched.

use cadenza_tests::Server;
use cadenza_tests::http::Http;
use cadenza_tests::leaks::{Canaries, Found, files, parquet, wal};
use serde_json::Value as Json;
use std::collections::BTreeSet;

const PAGES: [&str; 13] = [
    "/metrics",
    "/status",
    "/status/version",
    "/status/services",
    "/status/endpoints",
    "/status/runtime_config",
    "/status/config",
    "/status/overrides",
    "/status/plugins",
    "/status/usage-stats",
    "/status/nothing-of-this-name",
    "/api/status/buildinfo",
    "/",
];

const INTRINSICS: [&str; 9] = [
    "name",
    "statusMessage",
    "rootName",
    "rootServiceName",
    "event:name",
    "instrumentation:name",
    "instrumentation:version",
    "resource.service.name",
    ".service.name",
];

/// Addresses have a longest length: tags that are longer are looked at one by one.
const TAG_CHARS_MAX: usize = 200;
const TAGS_PER_QUERY: usize = 10;

/// What a search of the data folder went through.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) wal: Found,
    pub(super) blocks: Found,
    pub(super) raw: Found,
    pub(super) log: wal::Searched,
    pub(super) parquet: parquet::Searched,
}

/// Decodes the log and all blocks, and searches the bytes of every file.
pub(super) fn kept(server: &Server, canaries: &Canaries) -> Kept {
    let mut kept = Kept::default();
    let data = server.data();
    kept.log = wal::search(&data.join("wal"), canaries, &mut kept.wal);
    kept.parquet = parquet::search(&data.join("blocks"), canaries, &mut kept.blocks);
    files::search(&data, canaries, &mut kept.raw);
    kept
}

impl Kept {
    pub(super) fn assert_nothing(&self, when: &str) {
        self.wal.assert_nothing(&format!("the log, {when}"));
        self.blocks.assert_nothing(&format!("blocks, {when}"));
        self.raw.assert_nothing(&format!("files, {when}"));
    }
}

/// Files of blocks so far.
pub(super) fn block_count(server: &Server) -> usize {
    let files = files::all(&server.data().join("blocks"));
    files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).count()
}

/// Pages, metrics, and all output so far.
pub(super) async fn said(server: &Server, canaries: &Canaries) -> Found {
    let mut found = Found::default();
    let http = server.http();
    for page in PAGES {
        get(&http, page, "", canaries, &mut found).await;
    }
    canaries.search("output", server.log_text().as_bytes(), &mut found);
    found
}

async fn get(http: &Http, path: &str, accept: &str, canaries: &Canaries, found: &mut Found) -> Vec<u8> {
    let answer = http.request("GET", path, &[("accept", accept)], Vec::new()).await.expect("an answer");
    canaries.search(&format!("{path} {accept}"), &answer.body, found);
    canaries.search(&format!("headers of {path}"), format!("{:?}", answer.headers).as_bytes(), found);
    answer.body
}

/// Traces by id, searches with everything selected, tags, and the values of each tag there is.
pub(super) async fn answers(server: &Server, ids: &[[u8; 16]], canaries: &Canaries) -> Found {
    let (http, mut found) = (server.http(), Found::default());
    for id in ids {
        let id = format!("{:032x}", u128::from_be_bytes(*id));
        for accept in ["application/json", "application/protobuf"] {
            for version in ["/api", "/api/v2"] {
                get(&http, &format!("{version}/traces/{id}"), accept, canaries, &mut found).await;
            }
        }
    }
    let mut tags: BTreeSet<String> = INTRINSICS.iter().map(|&tag| tag.to_owned()).collect();
    let v1 = get(&http, "/api/search/tags", "application/json", canaries, &mut found).await;
    let v2 = get(&http, "/api/v2/search/tags?limit=100000", "application/json", canaries, &mut found).await;
    let v1: Json = serde_json::from_slice(&v1).expect("JSON");
    let v2: Json = serde_json::from_slice(&v2).expect("JSON");
    let names = |list: &Json| -> Vec<String> {
        let names = list.as_array().into_iter().flatten().filter_map(Json::as_str);
        names.map(str::to_owned).collect()
    };
    for name in names(&v1["tagNames"]) {
        get(&http, &format!("/api/search/tag/{}/values", Http::encode(&name)), "", canaries, &mut found)
            .await;
    }
    for scope in v2["scopes"].as_array().into_iter().flatten() {
        let scope_name = scope["name"].as_str().unwrap_or_default();
        tags.extend(names(&scope["tags"]).iter().map(|tag| match scope_name {
            "intrinsic" => tag.clone(),
            _ => format!("{scope_name}.\"{tag}\""),
        }));
    }
    for tag in &tags {
        let path = format!("/api/v2/search/tag/{}/values", Http::encode(tag));
        get(&http, &path, "application/json", canaries, &mut found).await;
    }
    let mut queries: Vec<String> =
        ["{ }", "{ name != nil }", "{ statusMessage != nil }"].map(str::to_owned).to_vec();
    let selected: Vec<&str> =
        tags.iter().map(String::as_str).filter(|tag| tag.len() < TAG_CHARS_MAX).collect();
    let select = |tags: &[&str]| format!("{{ }} | select({})", tags.join(", "));
    queries.extend(selected.chunks(TAGS_PER_QUERY).map(select));
    for query in queries {
        let path = format!("/api/search?limit=1000&spss=100&q={}", Http::encode(&query));
        get(&http, &path, "application/json", canaries, &mut found).await;
    }
    found
}
