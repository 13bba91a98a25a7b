//! The life of a server: build, bind, say what listens where, serve, drain.

use crate::doors::{Door, Doors};
use crate::wire::{App, real_env};
use crate::{demo, logging, serve, settings, shutdown, upkeep};
use anyhow::{Context, Result};
use cadenza_config::{Config, Loaded, LogFormat};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Start waits this long for the first listing of the bucket.
const FIRST_POLL_WAIT_MAX: Duration = Duration::from_secs(5);

/// Serves until a signal, then drains.
///
/// # Errors
/// When the server cannot start.
pub(crate) async fn run(mut loaded: Loaded, with_demo: bool) -> Result<()> {
    let env = real_env();
    let demo_chain = if with_demo { demo::prepare(env.disk.as_ref(), &mut loaded.config)? } else { None };
    let config = loaded.config.clone();
    let _logging = logging::install(&logging::Config {
        // The demo talks to a person; the log's good news would be in the way.
        level: if with_demo { "warn".into() } else { config.server.log_level.as_str().into() },
        json: config.server.log_format == LogFormat::Json,
        otlp_endpoint: settings::own_otlp_endpoint(),
    })?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if !loaded.ignored.is_empty() {
        tracing::warn!(keys = loaded.ignored.join(", "), "configuration keys accepted without effect");
    }
    let stop = shutdown::on_signal(&env.spawn).context("installing signal handlers")?;
    let listeners = Listeners::bind(&config).await?;
    let app = App::build(env, loaded, stop.clone())?;
    let serving = TaskTracker::new();
    let doors = Doors::new(app.status.registry()).context("registering the connection metrics")?;
    let ports = listeners.serve(&app, &doors, &serving, &stop);
    // Queries should know the blocks from the first one on; an unreachable bucket must not stop ingest.
    tokio::select! {
        _ = upkeep::poll(&app.store, &app.status) => {}
        () = app.env.clock.sleep(FIRST_POLL_WAIT_MAX) => tracing::warn!("the bucket is slow; its blocks are missing for now"),
    }
    spawn_background(&app, &stop);
    app.status.set_listening();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    if with_demo {
        let demo = demo::run(&app.env, ports, demo_chain, stop.clone()).await;
        stop.cancel();
        drain(&app, &config, &serving).await;
        return demo;
    }
    stop.cancelled().await;
    app.env.clock.sleep(config.shutdown_delay).await;
    drain(&app, &config, &serving).await;
    Ok(())
}

/// All sockets, bound before the log is touched: a busy port must not cost a replay.
struct Listeners {
    http: TcpListener,
    grpc: TcpListener,
    otlp_grpc: Vec<TcpListener>,
    otlp_http: Vec<TcpListener>,
    plugin_admin: Option<TcpListener>,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self> {
        let mut listeners = Self {
            http: serve::bind("the HTTP API", &config.server.http.to_string()).await?,
            grpc: serve::bind("internal gRPC", &config.server.grpc.to_string()).await?,
            otlp_grpc: Vec::new(),
            otlp_http: Vec::new(),
            plugin_admin: None,
        };
        if let Some(admin) = &config.plugins.admin {
            let listener = serve::bind("the plugin admin API", &admin.listen.to_string()).await?;
            listeners.plugin_admin = Some(listener);
        }
        for receiver in &config.distributor.otlp {
            if let Some(grpc) = &receiver.grpc {
                let what = format!("OTLP/gRPC ({})", receiver.name);
                listeners.otlp_grpc.push(serve::bind(&what, &grpc.listen.to_string()).await?);
            }
            if let Some(http) = &receiver.http {
                let what = format!("OTLP/HTTP ({})", receiver.name);
                listeners.otlp_http.push(serve::bind(&what, &http.listen.to_string()).await?);
            }
        }
        Ok(listeners)
    }

    /// Starts serving on every socket; returns the ports for the demo.
    fn serve(self, app: &App, doors: &Doors, serving: &TaskTracker, stop: &CancellationToken) -> demo::Ports {
        let port = |listener: &TcpListener| listener.local_addr().map_or(0, |address| address.port());
        let ports = demo::Ports {
            otlp_grpc: self.otlp_grpc.first().map_or(0, port),
            otlp_http: self.otlp_http.first().map_or(0, port),
            http: port(&self.http),
        };
        let start = |what: &str, listener: TcpListener, router: axum::Router, door: Door| {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "{what} listening");
            }
            let (spawn, clock) = (Arc::clone(&app.env.spawn), Arc::clone(&app.env.clock));
            let task = serve::http(listener, router, door, spawn, clock, stop.clone());
            app.env.spawn.spawn("listener", Box::pin(serving.track_future(task)));
        };
        let server = &app.loaded.config.server;
        let http = doors.door("http", server.http_connections_max);
        start("HTTP API", self.http, app.api.clone(), http);
        let grpc = doors.door("grpc", server.grpc_connections_max);
        start("internal gRPC", self.grpc, health_router(), grpc);
        let otlp_grpc =
            tonic::service::Routes::new(cadenza_ingest::receive::grpc_service(app.ingester.clone()));
        let otlp_grpc = otlp_grpc.into_axum_router();
        for listener in self.otlp_grpc {
            start("OTLP/gRPC", listener, otlp_grpc.clone(), Door::open());
        }
        let otlp_http = cadenza_ingest::receive::http_router(app.ingester.clone());
        for listener in self.otlp_http {
            start("OTLP/HTTP", listener, otlp_http.clone(), Door::open());
        }
        let plugins = &app.loaded.config.plugins;
        if let (Some(listener), Some(admin)) = (self.plugin_admin, &plugins.admin) {
            let bytes_max = usize::try_from(plugins.component_bytes_max).unwrap_or(usize::MAX);
            let spawn = Arc::clone(&app.env.spawn);
            let router = crate::plugins::admin::router(app.chains.clone(), spawn, &admin.token, bytes_max);
            start("plugin admin API", listener, router, Door::open());
        }
        serving.close();
        ports
    }
}

/// The standard health service: what Tempo's internal port answers to probes.
fn health_router() -> axum::Router {
    let (_reporter, service) = tonic_health::server::health_reporter();
    tonic::service::Routes::new(service).into_axum_router()
}

/// The loops that live as long as the server.
fn spawn_background(app: &App, stop: &CancellationToken) {
    upkeep::spawn(app, stop);
    let (chains, token) = (app.chains.clone(), stop.clone());
    let looking_after = async move {
        tokio::select! {
            () = token.cancelled() => {}
            () = chains.run() => {}
        }
    };
    app.env.spawn.spawn("plugins", Box::pin(looking_after));

    let Some(path) = app.loaded.config.overrides.per_tenant_file.clone() else { return };
    let period = app.loaded.config.overrides.per_tenant_period.max(Duration::from_secs(1));
    let (overrides, status, clock, token) =
        (Arc::clone(&app.overrides), Arc::clone(&app.status), Arc::clone(&app.env.clock), stop.clone());
    let reloading = async move {
        loop {
            tokio::select! {
                () = token.cancelled() => return,
                () = clock.sleep(period) => {}
            }
            match settings::reload(&overrides, &path) {
                Ok(_) => status.overrides_changed(),
                Err(error) => tracing::error!(error = format!("{error:#}"), "the old limits stay in force"),
            }
        }
    };
    app.env.spawn.spawn("overrides-reload", Box::pin(reloading));
}

/// Lets requests end, writes what is live as blocks as far as the grace allows, closes the log. What does
/// not get into a block in time stays in the log and is there at the next start; a server that leaves for good
/// has no such start, and waits.
async fn drain(app: &App, config: &Config, serving: &TaskTracker) {
    let grace = config.server.graceful_shutdown_timeout;
    let orderly = async {
        app.ingester.stop_taking().await;
        // Nothing can be stored there; waiting for it would only use up the grace.
        if !config.storage.read_only {
            app.ingester.flush_all().await;
        }
        serving.wait().await;
    };
    if app.status.must_leave_nothing() && !config.storage.read_only {
        tracing::info!("all there is will be stored before this server stops");
        orderly.await;
    } else {
        tokio::select! {
            () = orderly => {}
            () = app.env.clock.sleep(grace) => {
                tracing::warn!(?grace, "the grace is over; the log keeps what is left");
            }
        }
    }
    app.wal.close().await;
    tracing::info!("stopped");
}
