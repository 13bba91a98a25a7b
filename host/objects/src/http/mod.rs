//! The HTTP client of all remote stores.
//!
//! From the inside out: the connection, what measures each attempt, what gives up on one that takes too
//! long, what sends a slow read a second time, what limits how many failures are tried again. The retries
//! themselves are `object_store`'s, outside of all this.

mod budget;
mod deadline;
mod hedge;
mod measure;
pub mod tls;

use crate::{Metrics, ObjectsError};
use budget::{Budget, Budgeted};
use cadenza_env::Clock;
use deadline::Deadline;
use hedge::Hedged;
use measure::Measured;
use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// Idle connections that are kept, per host. Tempo's.
const IDLE_CONNECTIONS_MAX: usize = 100;
/// Until a connection stands, with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Credentials in a signed request last five minutes; a request that was retried for longer is hopeless.
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);

/// Settings of the client.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Whom to trust and who we are.
    pub tls: tls::Config,
    /// Plain HTTP is allowed.
    pub insecure: bool,
    /// A read without an answer for so long is sent again; `None` for never.
    pub hedge_at: Option<Duration>,
    /// Most requests of one read that are under way at once, the first included.
    pub hedge_requests_max: usize,
    /// Attempts of a request, the first included.
    pub attempts_max: usize,
    /// Between the first two attempts; doubled from there on.
    pub backoff_initial: Duration,
    /// Most time between two attempts.
    pub backoff_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tls: tls::Config::default(),
            insecure: false,
            hedge_at: None,
            hedge_requests_max: 2,
            attempts_max: 10,
            backoff_initial: Duration::from_millis(200),
            backoff_max: Duration::from_secs(1),
        }
    }
}

impl Config {
    pub(crate) fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: self.backoff_initial,
                max_backoff: self.backoff_max,
                base: 2.0,
            },
            max_retries: self.attempts_max.saturating_sub(1),
            retry_timeout: RETRY_TIMEOUT,
        }
    }

    pub(crate) fn client_options(&self) -> ClientOptions {
        ClientOptions::new().with_allow_http(self.insecure)
    }
}

/// Makes the clients of one store; they share the budget of retries.
#[derive(Clone)]
pub struct Connector {
    client: reqwest::Client,
    budget: Arc<Budget>,
    hedge: Option<(Duration, usize)>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl Connector {
    /// # Errors
    /// When a certificate or key cannot be used.
    pub fn new(config: &Config, clock: Arc<dyn Clock>, metrics: Metrics) -> Result<Self, ObjectsError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("cadenza/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls::client(&config.tls)?)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|error| ObjectsError::setting("(HTTP client)", error.to_string()))?;
        let hedge = config.hedge_at.filter(|at| !at.is_zero()).map(|at| (at, config.hedge_requests_max));
        let budget = Arc::new(Budget::new(metrics.clone()));
        Ok(Self { client, budget, hedge, clock, metrics })
    }

    fn client(&self) -> HttpClient {
        let connection = HttpClient::new(self.client.clone());
        let measured = Measured::new(connection, self.metrics.clone(), Arc::clone(&self.clock));
        let timed = HttpClient::new(Deadline::new(HttpClient::new(measured), Arc::clone(&self.clock)));
        let hedged = match self.hedge {
            Some((at, max)) => HttpClient::new(Hedged::new(
                timed,
                at,
                max,
                self.metrics.hedged_roundtrips.clone(),
                Arc::clone(&self.clock),
            )),
            None => timed,
        };
        HttpClient::new(Budgeted::new(hedged, Arc::clone(&self.budget)))
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.client())
    }
}
