//! The command line.

use cadenza_config::{Args, ArgsError, Backend, Command, Config, LoadOptions, parse_args};
use expect_test::expect;

fn parse(line: &str) -> Result<Args, ArgsError> {
    parse_args(line.split_whitespace())
}

fn ok(line: &str) -> Args {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn load(line: &str, text: &str) -> Config {
    let args = ok(line);
    let options =
        LoadOptions { settings: &args.settings, port_base: args.port_base, ..LoadOptions::default() };
    Config::load(Some(text), &options).unwrap_or_else(|error| panic!("{line}: {error}")).config
}

#[test]
fn one_dash_two_dashes_and_both_value_forms_are_the_same() {
    for line in [
        "-config.file=/etc/tempo.yaml -target all",
        "--config.file /etc/tempo.yaml --target=all",
        "-config.file /etc/tempo.yaml -target=all",
    ] {
        let args = ok(line);
        assert_eq!(args.config_file.as_deref(), Some("/etc/tempo.yaml".as_ref()), "{line}");
        assert_eq!(args.settings[0].value, "all");
    }
    assert!(ok("-config.expand-env").expand_env && ok("-config.expand-env=true").expand_env);
    assert!(!ok("-config.expand-env=false").expand_env);
    assert!(ok("-config.verify -config.file=x").verify);
    assert!(ok("-version").version && ok("--health").health && ok("-h").help);
    assert_eq!(ok("-health").health_url, "http://localhost:3200/ready");
    assert_eq!(ok("-health --port-base 10").health_url, "http://localhost:3210/ready");
    assert_eq!(ok("-health.url=http://x/ready").health_url, "http://x/ready");
    assert_eq!(ok("demo --port-base 100").command, Command::Demo);
    assert_eq!(ok("").command, Command::Serve);
}

#[test]
fn the_charts_flags_are_accepted() {
    let args = ok("-config.file=/conf/tempo.yaml -mem-ballast-size-mbs=1024");
    assert_eq!(args.warnings, ["flag `-mem-ballast-size-mbs` is accepted without effect"]);
    for line in [
        "-target=all -config.file=/conf/tempo.yaml -live-store.instance-availability-zone=a",
        "-target=all -ingester.availability-zone=zone-a -shutdown-delay=10s",
        "-generator.instance-availability-zone=z -memberlist.host-port=a:7946 -memberlist.host-port=b:7946",
        "-storage.trace.s3.access_key=x -storage.trace.pool.max_workers=5 -storage.trace.blocklist_poll=1m",
        "-distributor.log-received-spans.enabled -distributor.log-received-spans.include-attributes=true",
        "-ingest.kafka.address=k:9092 -block-builder.consume-cycle-duration=1m -reporting.enabled=false",
        "-auth.enabled -enable-go-runtime-metrics -span-profiling -mutex-profile-fraction=1",
    ] {
        ok(line);
    }
}

#[test]
fn flags_win_over_the_file() {
    let text = "server: {http_listen_port: 1, log_level: info}\noverrides: {defaults: {ingestion_rate_limit_bytes: 5}}\n";
    let config = load(
        "-server.http-listen-port=3333 -log.level=debug -distributor.ingestion-rate-limit-bytes=7 \
         -ingester.max-traces-per-user=9 -multitenancy.enabled -storage.trace.local.path=/x -http-api-prefix=/t",
        text,
    );
    assert_eq!(config.server.http.port, 3333);
    assert_eq!(config.server.log_level.as_str(), "debug");
    assert_eq!(config.overrides.defaults.rate_limit_bytes, 7);
    assert_eq!(config.overrides.defaults.max_traces_per_user, 9);
    assert!(config.multitenancy_enabled);
    assert_eq!(config.storage.backend, Backend::Local("/x".into()));
    assert_eq!(config.http_api_prefix, "/t");
    assert_eq!(load("-server.http-listen-port=3334", "").server.http.port, 3334);
    assert_eq!(
        load("-distributor.ingestion-rate-limit-bytes=7", "overrides: {ingestion_rate_limit_bytes: 5}")
            .overrides
            .defaults
            .rate_limit_bytes,
        7
    );
}

#[test]
fn errors_name_the_flag_and_the_nearest_one() {
    let mut out = String::new();
    for line in [
        "-config.fil=x",
        "--prot-base 5",
        "-config.file",
        "-server.http-listen-port=many",
        "-port-base=70000",
        "-config.verify=maybe",
        "-shutdown-delay=5",
        "-log.format=json",
        "demoo",
        "demo demo",
        "-",
        "-qqqqqqqqqqqqqqqqqqqqqqqqqqq",
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.exit_code(), 64);
        out += &format!("{line}: {error}\n");
    }
    expect![[r#"
        -config.fil=x: unknown flag `-config.fil` (did you mean `-config.file`?)
        --prot-base 5: unknown flag `-prot-base` (did you mean `-port-base`?)
        -config.file: flag `-config.file` needs a value
        -server.http-listen-port=many: flag `-server.http-listen-port`: `many` is not a port (0 to 65535)
        -port-base=70000: flag `-port-base`: `70000` is not a port (0 to 65535)
        -config.verify=maybe: flag `-config.verify`: `maybe` is not true or false
        -shutdown-delay=5: flag `-shutdown-delay`: duration `5` has no unit (write `5s`, for example)
        -log.format=json: unknown flag `-log.format`
        demoo: unknown argument `demoo` (the only command is `demo`; flags begin with `-`)
        demo demo: unknown argument `demo` (the only command is `demo`; flags begin with `-`)
        -: unknown argument `-` (the only command is `demo`; flags begin with `-`)
        -qqqqqqqqqqqqqqqqqqqqqqqqqqq: unknown flag `-qqqqqqqqqqqqqqqqqqqqqqqqqqq`
    "#]]
    .assert_eq(&out);
}

#[test]
fn help_lists_every_flag() {
    let help = cadenza_config::help();
    for flag in [
        "-config.file\n",
        "-port-base\n",
        "-target\n",
        "-storage.trace.backend\n",
        "-mem-ballast-size-mbs\n",
        "demo",
    ] {
        assert!(help.contains(flag), "{flag} in\n{help}");
    }
}
