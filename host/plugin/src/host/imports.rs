//! The functions that guests may call.

use super::{Host, OBSERVATIONS_MAX};
use crate::bindings::cadenza::plugin::{helpers, log, metrics, state};
use crate::error::Failure;
use crate::state::{Quota, TTL_NONE};
use wasmtime::Result;

/// What an increment of a counter's key is charged with besides the key.
const NUMBER_BYTES: usize = 8;

impl log::Host for Host {
    fn log(&mut self, level: log::Level, message: String) -> Result<()> {
        self.charge(message.len())?;
        let identity = &self.identity;
        let now = identity.clock.monotonic();
        identity.log.write(&identity.tenant, &identity.plugin, level, &message, now);
        Ok(())
    }
}

impl metrics::Host for Host {
    fn observe(&mut self, metric: u32, value: f64) -> Result<()> {
        self.charge(0)?;
        let full = self.effects.metrics.len() >= OBSERVATIONS_MAX;
        if metric as usize >= self.identity.metrics || full {
            self.exceeded = Some(if full {
                Failure::HostCalls
            } else {
                Failure::InvalidOutput("a metric that is not declared")
            });
            return Err(wasmtime::Error::msg("observation refused"));
        }
        self.effects.metrics.push((metric, value));
        Ok(())
    }
}

fn refused(quota: Quota) -> state::Error {
    match quota {
        Quota::Exceeded => state::Error::QuotaExceeded,
        Quota::TooLarge => state::Error::TooLarge,
    }
}

impl Host {
    fn expiry(&self, ttl_ms: Option<u32>) -> u64 {
        ttl_ms.map_or(TTL_NONE, |ttl| self.now_unix_ns.saturating_add(u64::from(ttl) * 1_000_000))
    }
}

impl state::Host for Host {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        self.charge(key.len())?;
        if self.is_configuring {
            return Ok(None);
        }
        let value = self.identity.state.get(&self.effects.state, &key, self.now_unix_ns);
        self.charge(value.as_ref().map_or(0, Vec::len))?;
        Ok(value)
    }

    fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: Option<u32>,
    ) -> Result<std::result::Result<(), state::Error>> {
        self.charge(key.len() + value.len())?;
        if self.is_configuring {
            return Ok(Err(state::Error::QuotaExceeded));
        }
        let expiry = self.expiry(ttl_ms);
        Ok(self.identity.state.set(&mut self.effects.state, key, value, expiry).map_err(refused))
    }

    fn delete(&mut self, key: String) -> Result<()> {
        self.charge(key.len())?;
        self.effects.state.delete(key);
        Ok(())
    }

    fn increment(
        &mut self,
        key: String,
        delta: i64,
        ttl_ms: Option<u32>,
    ) -> Result<std::result::Result<i64, state::Error>> {
        self.charge(key.len() + NUMBER_BYTES)?;
        if self.is_configuring {
            return Ok(Err(state::Error::QuotaExceeded));
        }
        let (expiry, now) = (self.expiry(ttl_ms), self.now_unix_ns);
        let result = self.identity.state.increment(&mut self.effects.state, key, delta, expiry, now);
        Ok(result.map_err(refused))
    }
}

impl helpers::Host for Host {
    fn keyed_hash(&mut self, values: helpers::Packed) -> Result<Vec<u8>> {
        self.charge(values.data.len() + 4 * values.ends.len())?;
        let mut out = Vec::with_capacity(16 * values.ends.len());
        let mut start = 0;
        for &end in &values.ends {
            let Some(value) = values.data.get(start..end as usize) else {
                self.exceeded = Some(Failure::InvalidOutput("ends of strings do not fit their data"));
                return Err(wasmtime::Error::msg("ends of strings do not fit their data"));
            };
            out.extend_from_slice(&cadenza_transform::keyed64(&self.identity.secret, value));
            start = end as usize;
        }
        Ok(out)
    }
}
