//! Each kind of harm is stopped within its budget, said by its name, and over with the call.

use crate::support::{Configured, columns, configure, context, guest, runtime_with, shared, tenant};
use crate::wat::{Wat, process};
use cadenza_plugin::{Compiler, Config, Failure, Limits, LoadError, PluginOptions};
use std::time::{Duration, Instant};

/// Far above any budget: a loaded machine is no failure, a thread that does not come back is.
const WALL_MAX: Duration = Duration::from_secs(20);

/// Calls with 5 spans, which is to fail, and with 3, which is to go well, before and after.
fn check(name: &str, body: &str, expect: impl Fn(&Failure) -> bool) -> Configured {
    let body = format!("(if (i32.eq (local.get $spans) (i32.const 5)) (then {body}))");
    check_component(name, &process(&body), expect)
}

fn check_component(name: &str, component: &[u8], expect: impl Fn(&Failure) -> bool) -> Configured {
    let guest = guest(name, component);
    let (good, bad) = (guest.batch(&columns(3)), guest.batch(&columns(5)));
    for round in 0..2 {
        assert_eq!(guest.plugin.process(&context(), &good), Ok(vec![]), "{name} before, round {round}");
        let idle = guest.plugin.idle_instances();
        let started = Instant::now();
        let failure = guest.plugin.process(&context(), &bad).expect_err(name);
        assert!(started.elapsed() < WALL_MAX, "{name} took {:?}", started.elapsed());
        assert!(expect(&failure), "{name}: {failure:?}");
        assert_eq!(guest.plugin.idle_instances(), idle - 1, "{name}: its instance is gone");
        assert_eq!(guest.plugin.process(&context(), &good), Ok(vec![]), "{name} after, round {round}");
    }
    guest
}

#[test]
fn an_endless_loop_is_stopped_by_its_cpu_time() {
    check("loop", "(loop $l (br $l))", |failure| {
        // 20 ms, 100 us for each row.
        matches!(failure, Failure::Deadline { cpu_ms: 20 })
    });
}

#[test]
fn a_memory_bomb_is_stopped_at_its_limit() {
    check(
        "memory",
        "(loop $l (drop (memory.grow (i32.const 16))) (br $l))",
        |failure| matches!(failure, Failure::Memory { bytes_max } if *bytes_max == 64 << 20),
    );
}

#[test]
fn a_stack_overflow_is_the_guests_own() {
    let more = "(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))";
    let process = "(if (i32.eq (local.get $spans) (i32.const 5)) (then (drop (call $deep (i32.const 1)))))";
    check_component("stack", &Wat { process, more, ..Wat::default() }.component(), |failure| {
        matches!(failure, Failure::Stack)
    });
}

#[test]
fn a_trap_is_said_by_its_name() {
    check("trap", "unreachable", |failure| matches!(failure, Failure::Trap("unreachable")));
    check("division", "(local.set $i (i32.div_u (i32.const 1) (local.get $i)))", |failure| {
        matches!(failure, Failure::Trap("division by zero"))
    });
    check("bounds", "(i32.store (i32.const -4) (i32.const 1))", |failure| {
        matches!(failure, Failure::Trap("memory access out of bounds"))
    });
}

#[test]
fn invalid_output_is_refused() {
    // A list of edits far outside the memory.
    check(
        "pointer",
        "(i32.store (i32.const 3004) (i32.const 0x7ffffff0)) (i32.store (i32.const 3008) (i32.const 9))",
        |failure| matches!(failure, Failure::InvalidOutput(_)),
    );
    // An edit of eight rows, and two numbers.
    check(
        "short",
        "(i32.store (i32.const 3508) (i32.const 2)) (i32.store (i32.const 3512) (i32.const 8))
         (i32.store (i32.const 3004) (i32.const 3500)) (i32.store (i32.const 3008) (i32.const 1))
         (i32.store (i32.const 3012) (i32.const 3600)) (i32.store (i32.const 3016) (i32.const 2))",
        |failure| *failure == Failure::InvalidOutput("edits of more than its lists have"),
    );
    // No edit, and two numbers.
    check(
        "left-over",
        "(i32.store (i32.const 3012) (i32.const 3600)) (i32.store (i32.const 3016) (i32.const 2))",
        |failure| *failure == Failure::InvalidOutput("lists of more than its edits say"),
    );
    // A variant that is none.
    check("variant", "(i32.store8 (i32.const 3000) (i32.const 77))", |failure| {
        matches!(failure, Failure::InvalidOutput(_))
    });
    // An error text that is not UTF-8.
    check(
        "utf8",
        "(i32.store8 (i32.const 3000) (i32.const 1)) (i32.store8 (i32.const 3500) (i32.const 0xff))
         (i32.store (i32.const 3004) (i32.const 3500)) (i32.store (i32.const 3008) (i32.const 1))",
        |failure| matches!(failure, Failure::InvalidOutput(_)),
    );
}

#[test]
fn an_error_of_the_guest_is_a_failure_without_its_text() {
    check(
        "error",
        "(i32.store8 (i32.const 3000) (i32.const 1))
         (i32.store (i32.const 3004) (i32.const 16)) (i32.store (i32.const 3008) (i32.const 7))",
        |failure| *failure == Failure::Guest { bytes: 7 } && !failure.to_string().contains("hostile"),
    );
}

#[test]
fn an_output_bomb_is_stopped_before_it_is_copied() {
    let too_large =
        |failure: &Failure| matches!(failure, Failure::OutputTooLarge { bytes_max } if *bytes_max < 4 << 20);
    // Edits without end, all of them of nothing.
    let body = "
        (drop (memory.grow (i32.const 200)))
        (i32.store (i32.const 3004) (i32.const 300000))
        (i32.store (i32.const 3008) (i32.const 400000))";
    check("edits", body, too_large);
    // One list that is too long by itself.
    let body = "
        (drop (memory.grow (i32.const 200)))
        (i32.store (i32.const 3012) (i32.const 300000))
        (i32.store (i32.const 3016) (i32.const 3000000))";
    check("list", body, too_large);
}

const LOG: &str = r#"(import "cadenza:plugin/log@1.0.0" "log" (func $log (param i32 i32 i32)))"#;

#[test]
fn a_flood_of_host_calls_is_stopped_by_its_budget() {
    let process = "(if (i32.eq (local.get $spans) (i32.const 5)) (then
        (loop $l (call $log (i32.const 1) (i32.const 16) (i32.const 1)) (br $l))))";
    let wat = Wat { process, imports: LOG, ..Wat::default() };
    check_component("calls", &wat.component(), |failure| matches!(failure, Failure::HostCalls));
}

#[test]
fn a_flood_of_log_bytes_is_stopped_by_its_budget() {
    let process = "(if (i32.eq (local.get $spans) (i32.const 5)) (then
        (drop (memory.grow (i32.const 32)))
        (memory.fill (i32.const 100000) (i32.const 65) (i32.const 1000000))
        (loop $l (call $log (i32.const 3) (i32.const 100000) (i32.const 1000000)) (br $l))))";
    let wat = Wat { process, imports: LOG, ..Wat::default() };
    check_component("lines", &wat.component(), |failure| matches!(failure, Failure::HostCalls));
}

#[test]
fn a_loop_in_one_plugin_keeps_no_other_from_working() {
    let bad = guest("noisy", &process("(loop $l (br $l))"));
    let good = guest("quiet", &process(""));
    let (of_bad, of_good) = (bad.batch(&columns(5)), good.batch(&columns(5)));
    std::thread::scope(|scope| {
        let noisy =
            scope.spawn(|| (0..5).filter(|_| bad.plugin.process(&context(), &of_bad).is_err()).count());
        for _ in 0..1000 {
            assert_eq!(good.plugin.process(&context(), &of_good), Ok(vec![]));
        }
        assert_eq!(noisy.join().expect("no panic"), 5);
    });
}

const STATE: &str = r#"
    (import "cadenza:plugin/state@1.0.0" "increment"
      (func $increment (param i32 i32 i64 i32 i32 i32)))
    (import "cadenza:plugin/metrics@1.0.0" "observe" (func $observe (param i32 f64)))"#;

/// Increments a counter and shows it as a gauge; with 5 spans it traps after that.
fn counting() -> Vec<u8> {
    let process = "
        (call $increment (i32.const 48) (i32.const 4) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 4000))
        (call $observe (i32.const 0) (f64.convert_i64_s (i64.load (i32.const 4008))))
        (if (i32.eq (local.get $spans) (i32.const 5)) (then unreachable))";
    Wat { process, imports: STATE, ..Wat::default() }.component()
}

fn gauge(plugin: &str) -> f64 {
    let name = format!("cadenza_plugin_{plugin}_seen");
    let families = shared().registry.gather();
    let family = families.iter().find(|family| family.name() == name).expect("it is registered");
    family.get_metric()[0].get_gauge().get_value()
}

#[test]
fn what_a_failed_call_or_a_trial_wrote_is_forgotten_and_the_rest_outlives_instances_and_versions() {
    let first = guest("counting", &counting());
    let (good, bad) = (first.batch(&columns(3)), first.batch(&columns(5)));
    let call = |batch| first.plugin.process(&context(), batch);
    assert_eq!(call(&good), Ok(vec![]));
    assert!(call(&bad).is_err());
    assert!(call(&bad).is_err());
    assert_eq!(call(&good), Ok(vec![]));
    assert_eq!(gauge("counting"), 2.0);
    let trial = cadenza_transform::Context { is_trial: true, ..context() };
    assert_eq!(first.plugin.process(&trial, &good), Ok(vec![]));
    assert_eq!(gauge("counting"), 2.0);
    // The next version, while the first one is there.
    let second = configure(&shared().runtime, "counting", first.plugin.component(), "{}").expect("fine");
    drop(first);
    assert_eq!(second.plugin.process(&context(), &good), Ok(vec![]));
    assert_eq!(gauge("counting"), 3.0);
}

#[test]
fn edits_that_the_caller_cannot_carry_out_make_the_call_a_failure() {
    let guest = guest("counting-2", &counting());
    let good = guest.batch(&columns(3));
    assert_eq!(guest.plugin.process(&context(), &good), Ok(vec![]));
    let idle = guest.plugin.idle_instances();
    let refused = guest.plugin.process_if(&context(), &good, |_| false);
    assert!(matches!(refused, Err(Failure::InvalidOutput(_))), "{refused:?}");
    assert_eq!(guest.plugin.idle_instances(), idle - 1);
    assert_eq!(guest.plugin.process(&context(), &good), Ok(vec![]));
    assert_eq!(gauge("counting_2"), 2.0);
}

#[test]
fn worn_out_instances_are_replaced() {
    let check = |name: &str, body: &str, batches: u32, expect: &[usize]| {
        let runtime = &shared().runtime;
        let limits = Limits { batches_per_instance: batches, ..Limits::default() };
        let options = PluginOptions { limits: Some(limits), ..PluginOptions::default() };
        let loaded = runtime.load(&process(body)).expect("it loads");
        let shape = configure(runtime, name, &loaded, "{}").expect("it configures");
        let (plugin, _) = runtime.plugin(&tenant(), name, &loaded, "{}", &options).expect("it configures");
        let batch = shape.batch(&columns(3));
        let mut idle = Vec::new();
        for _ in expect {
            assert_eq!(plugin.process(&context(), &batch), Ok(vec![]));
            idle.push(plugin.idle_instances());
        }
        assert_eq!(idle, expect, "{name}");
    };
    check("worn", "", 3, &[2, 2, 1, 1, 1, 0, 1, 1, 0]);
    // A MiB more in each call: gone when it has four times what it had, and more than 4 MiB.
    check("grown", "(drop (memory.grow (i32.const 16)))", 1000, &[2, 2, 2, 2, 1]);
}

#[test]
fn configure_cannot_see_what_calls_have_left() {
    // Traps in `configure` if it could count.
    let more = "
        (func (export \"cadenza:plugin/lifecycle@1.0.0#configure\") (param i32 i32) (result i32)
          (call $increment (i32.const 48) (i32.const 4) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 4000))
          (if (i32.eqz (i32.load8_u (i32.const 4000))) (then unreachable))
          (global.set $next (i32.const 65536))
          i32.const 2048)";
    let mut wat = Wat { imports: STATE, more, ..Wat::default() };
    wat.own_configure = true;
    let guest = guest("pure", &wat.component());
    assert_eq!(guest.plugin.process(&context(), &guest.batch(&columns(3))), Ok(vec![]));
}

#[test]
fn a_machine_without_room_for_a_pool_maps_memory_on_demand() {
    let config = Config { instances_max: u32::MAX, ..Config::new(Compiler::InProcess) };
    let runtime = runtime_with(config, [0; 32]);
    let loaded = runtime.load(&process("")).expect("it loads");
    let plugin = configure(&runtime, "p", &loaded, "{}").expect("it configures");
    assert_eq!(plugin.plugin.process(&context(), &plugin.batch(&columns(3))), Ok(vec![]));
}

#[test]
fn instances_stay_under_the_cap_and_idle_ones_make_room() {
    let config = Config { instances_max: 4, ..Config::new(Compiler::InProcess) };
    let runtime = runtime_with(config, [0; 32]);
    let loaded = runtime.load(&process("")).expect("it loads");
    let plugins: Vec<_> = (0..6)
        .map(|i| configure(&runtime, &format!("p{i}"), &loaded, "{}").expect("there is room"))
        .collect();
    for _ in 0..3 {
        for plugin in &plugins {
            assert_eq!(plugin.plugin.process(&context(), &plugin.batch(&columns(3))), Ok(vec![]));
            assert!(runtime.instances() <= 4, "{}", runtime.instances());
        }
    }
}

#[test]
fn names_and_configurations_have_limits() {
    let runtime = &shared().runtime;
    let loaded = runtime.load(&process("")).expect("it loads");
    let plugin = |name: &str, config: &str| {
        let made = runtime.plugin(&tenant(), name, &loaded, config, &PluginOptions::default());
        made.expect_err("refused").to_string()
    };
    assert_eq!(plugin("Ä", "{}"), "a name has 1 to 64 lower-case letters, digits, `-` and `_`");
    let large = " ".repeat((1 << 20) + 1);
    assert_eq!(plugin("p", &large), "configuration of 1048577 bytes, where 1048576 are allowed");
}

#[test]
fn bytes_that_are_no_plugin_are_refused_with_the_reason() {
    let runtime = &shared().runtime;
    let check = |bytes: &[u8], expect: &str| {
        let error = runtime.load(bytes).expect_err(expect).to_string();
        assert!(error.starts_with(expect), "{error}");
    };
    check(b"", "not a valid component");
    check(b"\0asm", "not a valid component");
    check(b"#!/bin/sh", "not a valid component");
    check(&wat::parse_str("(module)").expect("text"), "a core module, where a component is needed");
    check(&wat::parse_str("(component)").expect("text"), "does not export cadenza:plugin/lifecycle@1.0.0");
    let imports = r#"(component
        (import "wasi:clocks/wall-clock@0.2.0" (instance))
        (import "cadenza:plugin/log@1.0.0" (instance))
        (import "wasi:filesystem/types@0.2.0" (instance)))"#;
    check(
        &wat::parse_str(imports).expect("text"),
        "imports that no plugin may have: wasi:clocks/wall-clock@0.2.0, wasi:filesystem/types@0.2.0",
    );
    let mut cut = process("");
    cut.pop();
    check(&cut, "not a valid component");
    let too_large = vec![0; (32 << 20) + 1];
    assert!(matches!(runtime.load(&too_large), Err(LoadError::TooLarge { .. })));
}

#[test]
fn imports_are_told_with_whether_they_are_allowed() {
    let wat = Wat { imports: LOG, ..Wat::default() };
    let imports = cadenza_plugin::imports(&wat.component()).expect("a component");
    let names: Vec<_> = imports.iter().map(|import| (import.name.as_str(), import.allowed)).collect();
    assert!(names.contains(&("cadenza:plugin/log@1.0.0", true)), "{names:?}");
}
