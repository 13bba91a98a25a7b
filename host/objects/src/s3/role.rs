//! Acting as a role: `iam_role`.

use crate::ObjectsError;
use crate::http::Connector;
use async_trait::async_trait;
use cadenza_env::Clock;
use http_body_util::BodyExt;
use object_store::aws::{AwsAuthorizer, AwsCredential, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, HttpRequest};
use object_store::{ClientOptions, CredentialProvider};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Credentials are asked for that last so long, the most that a role allows by default.
const LIFETIME: Duration = Duration::from_secs(3600);
/// They are renewed when they are valid for less than this.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// After a failed renewal the old ones are used on, and this much later it is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(10);
/// What the role's sessions are called in Amazon's log.
const SESSION_NAME: &str = "cadenza";

/// Credentials of a role, asked for with those of somebody who may assume it.
pub(super) struct AssumedRole {
    role: String,
    endpoint: String,
    region: String,
    base: AwsCredentialProvider,
    client: HttpClient,
    clock: Arc<dyn Clock>,
    session: Mutex<Option<Session>>,
}

struct Session {
    credential: Arc<AwsCredential>,
    expires_s: u64,
    renew_s: u64,
}

impl AssumedRole {
    pub(super) fn new(
        role: String,
        endpoint: String,
        region: String,
        base: AwsCredentialProvider,
        connector: &Connector,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ObjectsError> {
        if !role.starts_with("arn:") || !role.contains(":role/") {
            let reason = format!("`{role}` is no role (arn:aws:iam::ACCOUNT:role/NAME)");
            return Err(ObjectsError::setting("s3.iam_role", reason));
        }
        let client = connector.connect(&ClientOptions::new())?;
        Ok(Self { role, endpoint, region, base, client, clock, session: Mutex::new(None) })
    }

    async fn assume(&self) -> Result<Session, String> {
        let base = self.base.get_credential().await.map_err(|error| error.to_string())?;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &self.role)
            .append_pair("RoleSessionName", SESSION_NAME)
            .append_pair("DurationSeconds", &LIFETIME.as_secs().to_string())
            .finish();
        let mut request: HttpRequest =
            http::Request::post(format!("{}/", self.endpoint.trim_end_matches('/')))
                .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.into())
                .map_err(|error| error.to_string())?;
        AwsAuthorizer::new(&base, "sts", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| error.to_string())?;
        let answer = self.client.execute(request).await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        let body = String::from_utf8_lossy(&body);
        if !status.is_success() {
            return Err(format!("{} answers {status}: {}", self.endpoint, body.trim()));
        }
        self.session(&body)
    }

    fn session(&self, body: &str) -> Result<Session, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Response {
            assume_role_result: Outcome,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Outcome {
            credentials: Credentials,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Credentials {
            access_key_id: String,
            secret_access_key: String,
            session_token: String,
            expiration: String,
        }
        let parsed: Response = quick_xml::de::from_str(body).map_err(|error| error.to_string())?;
        let parsed = parsed.assume_role_result.credentials;
        let expires = chrono::DateTime::parse_from_rfc3339(&parsed.expiration)
            .map_err(|error| format!("expiration {}: {error}", parsed.expiration))?;
        let expires_s = u64::try_from(expires.timestamp()).unwrap_or(0);
        Ok(Session {
            credential: Arc::new(AwsCredential {
                key_id: parsed.access_key_id,
                secret_key: parsed.secret_access_key,
                token: Some(parsed.session_token),
            }),
            expires_s,
            renew_s: expires_s.saturating_sub(RENEW_BEFORE.as_secs()),
        })
    }
}

impl std::fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AssumedRole({})", self.role)
    }
}

#[async_trait]
impl CredentialProvider for AssumedRole {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut session = self.session.lock().await;
        let now_s = self.clock.unix_seconds();
        if let Some(session) = &*session
            && now_s < session.renew_s
        {
            return Ok(Arc::clone(&session.credential));
        }
        match (self.assume().await, &mut *session) {
            (Ok(new), slot) => Ok(Arc::clone(&slot.insert(new).credential)),
            (Err(reason), Some(old)) if now_s < old.expires_s => {
                tracing::warn!(role = %self.role, %reason, "a role could not be assumed anew; the old session is used on");
                old.renew_s = now_s + RENEW_AGAIN.as_secs();
                Ok(Arc::clone(&old.credential))
            }
            (Err(reason), _) => Err(object_store::Error::Unauthenticated {
                path: self.role.clone(),
                source: format!("the role could not be assumed: {reason}").into(),
            }),
        }
    }
}
