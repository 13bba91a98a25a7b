//! Credentials in files that other programs keep: Amazon's shared file, MinIO's client file.
//!
//! Whoever rotates them replaces the file, so it is read again from time to time.

use crate::ObjectsError;
use async_trait::async_trait;
use cadenza_env::{Clock, Disk, Env};
use object_store::CredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A file is read again after this time: soon enough for a rotation, which leaves both keys valid for a
/// while.
const READ_AGAIN: Duration = Duration::from_secs(60);
/// More is no file of credentials.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// `~/.aws/credentials`: sections of `key = value`.
    Amazon { path: PathBuf, profile: String },
    /// `~/.mc/config.json`.
    Minio { path: PathBuf, alias: String },
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Amazon { path, .. } | Self::Minio { path, .. } => path,
        }
    }

    fn parse(&self, text: &str) -> Option<AwsCredential> {
        match self {
            Self::Amazon { profile, .. } => amazon(text, profile),
            Self::Minio { alias, .. } => minio(text, alias),
        }
    }

    /// `None` when the file is not there or has nothing for us.
    fn read(&self, disk: &dyn Disk) -> Result<Option<AwsCredential>, ObjectsError> {
        match disk.read_whole(self.path(), FILE_BYTES_MAX) {
            Ok(bytes) => Ok(self.parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ObjectsError::file(self.path(), error)),
        }
    }
}

fn credential(key_id: Option<&str>, secret_key: Option<&str>, token: Option<&str>) -> Option<AwsCredential> {
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Some(AwsCredential { key_id: owned(key_id)?, secret_key: owned(secret_key)?, token: owned(token) })
}

fn amazon(text: &str, profile: &str) -> Option<AwsCredential> {
    let mut values = BTreeMap::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.trim() == profile;
        } else if inside
            && !line.starts_with(['#', ';'])
            && let Some((key, value)) = line.split_once('=')
        {
            values.insert(key.trim(), value.trim());
        }
    }
    let get = |key: &str| values.get(key).copied();
    credential(get("aws_access_key_id"), get("aws_secret_access_key"), get("aws_session_token"))
}

fn minio(text: &str, alias: &str) -> Option<AwsCredential> {
    #[derive(Deserialize)]
    struct File {
        #[serde(alias = "hosts")]
        aliases: BTreeMap<String, Alias>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Alias {
        access_key: String,
        secret_key: String,
    }
    let file: File = serde_json::from_str(text).ok()?;
    let alias = file.aliases.get(alias)?;
    credential(Some(&alias.access_key), Some(&alias.secret_key), None)
}

/// A provider over the file; `None` when it has no credentials for us.
pub(super) fn watched(env: &Env, source: Source) -> Result<Option<AwsCredentialProvider>, ObjectsError> {
    let Some(credential) = source.read(env.disk.as_ref())? else { return Ok(None) };
    let last = (env.clock.monotonic(), Arc::new(credential));
    Ok(Some(Arc::new(Watched {
        source,
        disk: Arc::clone(&env.disk),
        clock: Arc::clone(&env.clock),
        last: Mutex::new(last),
    })))
}

struct Watched {
    source: Source,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    last: Mutex<(Duration, Arc<AwsCredential>)>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watched({})", self.source.path().display())
    }
}

#[async_trait]
impl CredentialProvider for Watched {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock();
        let now = self.clock.monotonic();
        if now - last.0 >= READ_AGAIN {
            last.0 = now;
            // A few hundred bytes once a minute: not worth a thread.
            match self.source.read(self.disk.as_ref()) {
                Ok(Some(credential)) => last.1 = Arc::new(credential),
                Ok(None) => {
                    tracing::warn!(path = %self.source.path().display(), "the credentials are gone from their file; the old ones are used on")
                }
                Err(error) => {
                    tracing::warn!(%error, "the credentials cannot be read; the old ones are used on")
                }
            }
        }
        Ok(Arc::clone(&last.1))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "other programs rotate these files")]
mod tests {
    use super::*;
    use cadenza_env::{ManualClock, RealDisk, SeededRandom, TokioSpawn};

    #[test]
    fn a_profile_is_found_among_others() {
        let text = "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[other]\n aws_access_key_id=C\naws_secret_access_key=D\naws_session_token = T\n;x=y\n[half]\naws_access_key_id=E\n";
        let check = |profile: &str, expect: Option<(&str, &str, Option<&str>)>| {
            let found = amazon(text, profile);
            assert_eq!(found.as_ref().map(|c| (&*c.key_id, &*c.secret_key, c.token.as_deref())), expect);
        };
        check("default", Some(("A", "B", None)));
        check("other", Some(("C", "D", Some("T"))));
        check("half", None);
        check("none", None);
    }

    #[test]
    fn an_alias_of_minios_client_is_found() {
        let text = r#"{"version":"10","aliases":{"s3":{"url":"https://x","accessKey":"A","secretKey":"B"}}}"#;
        assert_eq!(minio(text, "s3").expect("found").key_id, "A");
        assert!(minio(text, "play").is_none());
        assert!(minio("not JSON", "s3").is_none());
    }

    #[tokio::test]
    async fn a_rotated_file_is_used_after_a_minute_and_a_lost_one_not_missed() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let write = |key: &str| {
            std::fs::write(
                file.path(),
                format!("[default]\naws_access_key_id={key}\naws_secret_access_key=x\n"),
            )
            .expect("written");
        };
        let clock = ManualClock::default();
        let env = Env {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(1)),
            disk: Arc::new(RealDisk),
            spawn: Arc::new(TokioSpawn::new(tokio::runtime::Handle::current())),
        };
        write("first");
        let source = Source::Amazon { path: file.path().to_owned(), profile: "default".to_owned() };
        let provider = watched(&env, source).expect("readable").expect("has credentials");
        let key = || async { provider.get_credential().await.expect("credentials").key_id.clone() };
        write("second");
        assert_eq!(key().await, "first");
        clock.advance(READ_AGAIN);
        assert_eq!(key().await, "second");
        std::fs::remove_file(file.path()).expect("removed");
        clock.advance(READ_AGAIN);
        assert_eq!(key().await, "second");
    }
}
