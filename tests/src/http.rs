//! A small HTTP client: status, headers, body, nothing followed or retried, every request with a deadline.

use reqwest::{Client, Method, redirect};
use serde_json::Value;

/// A client of one base URL.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    base: String,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When the status is not 200 or the body is not JSON.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A client that follows and retries nothing.
pub fn client() -> Client {
    cadenza_objects::http::tls::install_provider();
    let client = Client::builder().redirect(redirect::Policy::none()).timeout(crate::wait::DEADLINE);
    client.build().expect("an HTTP client")
}

impl Http {
    pub fn new(base: String) -> Self {
        Self { client: client(), base }
    }

    pub async fn get(&self, path: &str) -> reqwest::Result<Answer> {
        self.request("GET", path, &[], Vec::new()).await
    }

    /// GET that must answer 200 with JSON.
    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.expect("an answer").json()
    }

    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> reqwest::Result<Answer> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// Percent-encodes everything, so that no query needs care.
    pub fn encode(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    /// A search over the whole of `start..end` seconds.
    pub async fn search(&self, query: &str, start: u64, end: u64, limit: usize) -> Value {
        let query = Self::encode(query);
        self.json(&format!("/api/search?q={query}&start={start}&end={end}&limit={limit}&spss=100")).await
    }
}
