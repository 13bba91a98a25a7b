//! Random queries from the grammar.

use crate::data::{Dice, KEYS, NAMES, TEXTS, trace_id};
use cadenza_traceql::{Program, ast::Query, parse};

/// A query that is well typed and that the evaluator does not refuse, with its text.
pub(crate) fn query(dice: &Dice) -> (String, Query) {
    loop {
        let text = pipeline(dice, 2);
        if let Ok(query) = parse(&text)
            && Program::compile(&query).is_ok()
        {
            return (text, query);
        }
    }
}

fn pipeline(dice: &Dice, depth: u64) -> String {
    let mut text = spansets(dice, depth);
    for _ in 0..dice.below(7).saturating_sub(3) {
        text.push_str(" | ");
        text.push_str(&stage(dice, depth));
    }
    text
}

fn stage(dice: &Dice, depth: u64) -> String {
    match dice.below(9) {
        0 => format!("by({})", field(dice, false)),
        1 => format!("by({})", arithmetic(dice)),
        2 => "coalesce()".to_owned(),
        3 => format!("select({}, {})", field(dice, true), field(dice, true)),
        4 | 5 => format!("count() {} {}", comparison(dice), dice.below(4)),
        6 | 7 => {
            let function = dice.pick(&["avg", "min", "max", "sum"]);
            let of = match dice.below(5) {
                0 => "duration".to_owned(),
                1 => "event:timeSinceStart".to_owned(),
                2 => arithmetic(dice),
                _ => format!("{}{}", dice.pick(&["span.", ".", "resource."]), key(dice)),
            };
            let than = dice.pick(&["0", "1", "1.5", "-1", "1s", "200", "100ns"]);
            format!("{function}({of}) {} {than}", comparison(dice))
        }
        _ => spansets(dice, depth.saturating_sub(1)),
    }
}

fn spansets(dice: &Dice, depth: u64) -> String {
    if depth == 0 || dice.chance(60) {
        return filter(dice);
    }
    let op = dice.pick(&[
        "&&", "||", ">", "<", ">>", "<<", "~", "!>", "!<", "!>>", "!<<", "!~", "&>", "&<", "&>>", "&<<", "&~",
    ]);
    let side = |dice: &Dice| match dice.below(6) {
        0 => format!("({})", spansets(dice, depth - 1)),
        1 => format!("({})", pipeline(dice, depth - 1)),
        _ => filter(dice),
    };
    // A pipeline on one side makes pipelines of both.
    format!("({}) {op} ({})", side(dice), side(dice))
}

fn filter(dice: &Dice) -> String {
    match dice.below(12) {
        0 => "{ }".to_owned(),
        _ => format!("{{ {} }}", logic(dice, 2)),
    }
}

fn logic(dice: &Dice, depth: u64) -> String {
    if depth == 0 || dice.chance(50) {
        return condition(dice);
    }
    match dice.below(6) {
        0 => format!("!({})", logic(dice, depth - 1)),
        1 => format!("({}) || ({})", logic(dice, depth - 1), logic(dice, depth - 1)),
        2 => format!("{} || {} && {}", condition(dice), condition(dice), condition(dice)),
        _ => format!("({}) && ({})", logic(dice, depth - 1), logic(dice, depth - 1)),
    }
}

fn key(dice: &Dice) -> String {
    let key = dice.pick(&KEYS);
    if key.contains(' ') { format!("\"{key}\"") } else { key.to_owned() }
}

/// An attribute or an intrinsic; of events and links only when wanted.
fn field(dice: &Dice, items: bool) -> String {
    if dice.chance(60) {
        let scopes: &[&str] =
            &["span.", "span.", "resource.", ".", ".", "instrumentation.", "event.", "link."];
        let scopes = if items { scopes } else { &scopes[..6] };
        return format!("{}{}", dice.pick(scopes), key(dice));
    }
    let intrinsics: &[&str] = &[
        "name",
        "status",
        "kind",
        "duration",
        "statusMessage",
        "traceDuration",
        "rootName",
        "rootServiceName",
        "nestedSetLeft",
        "nestedSetRight",
        "nestedSetParent",
        "span:childCount",
        "span:parentID",
        "span:id",
        "trace:id",
        "instrumentation:name",
        "instrumentation:version",
        "event:name",
        "event:timeSinceStart",
        "link:traceID",
        "link:spanID",
    ];
    dice.pick(if items { intrinsics } else { &intrinsics[..17] }).to_owned()
}

fn comparison(dice: &Dice) -> &'static str {
    ["=", "!=", "<", "<=", ">", ">="][dice.below(6) as usize]
}

fn literal(dice: &Dice) -> String {
    match dice.below(9) {
        0..=3 => format!("\"{}\"", dice.pick(&TEXTS)),
        4 | 5 => dice.pick(&["1", "2", "200", "-3", "0"]).to_owned(),
        6 => dice.pick(&["1.0", "2.5", "200.0"]).to_owned(),
        7 => dice.pick(&["true", "false"]).to_owned(),
        _ => dice.pick(&["1s", "error", "server", "1 / 0", "1 + 1"]).to_owned(),
    }
}

fn pattern(dice: &Dice) -> &'static str {
    dice.pick(&["x", "x|y", ".*", "x.*", "[0-9]+", "(?i)X|TRUE", ".+", "", "sh.p|d."])
}

fn arithmetic(dice: &Dice) -> String {
    let left = if dice.chance(40) { "duration".to_owned() } else { field(dice, false) };
    let op = dice.pick(&["+", "-", "*", "/", "%", "^"]);
    let right = if dice.chance(70) {
        dice.pick(&["1", "2", "0", "1.5", "0.0", "1s", "-1"]).to_owned()
    } else {
        field(dice, false)
    };
    if dice.chance(15) { format!("-({left} {op} {right})") } else { format!("({left} {op} {right})") }
}

fn condition(dice: &Dice) -> String {
    let scopes = ["span.", "resource.", ".", "instrumentation.", "event.", "link."];
    let attribute = |dice: &Dice| format!("{}{}", dice.pick(&scopes), key(dice));
    match dice.below(20) {
        0..=4 => format!("{} {} {}", attribute(dice), comparison(dice), literal(dice)),
        5 => format!("{} {} {}", literal(dice), comparison(dice), attribute(dice)),
        6 | 7 => format!("{} {} `{}`", field(dice, true), dice.pick(&["=~", "!~"]), pattern(dice)),
        8 => format!("{} {} nil", attribute(dice), dice.pick(&["=", "!="])),
        9 => format!("{}{}", dice.pick(&["span.", "resource.", ".", "!span.", "!."]), key(dice)),
        10 => format!("{} {} {}", arithmetic(dice), comparison(dice), literal(dice)),
        11 => format!("{} {} {}", field(dice, false), comparison(dice), field(dice, false)),
        12 => format!("{} {} nil", field(dice, true), dice.pick(&["=", "!="])),
        _ => intrinsic(dice),
    }
}

fn intrinsic(dice: &Dice) -> String {
    let equal = dice.pick(&["=", "!="]);
    let any = comparison(dice);
    match dice.below(13) {
        0 => format!("name {any} \"{}\"", dice.pick(&NAMES)),
        1 => format!("status {equal} {}", dice.pick(&["error", "ok", "unset"])),
        2 => format!(
            "kind {equal} {}",
            dice.pick(&["server", "client", "internal", "unspecified", "consumer"])
        ),
        3 => format!("duration {any} {}", dice.pick(&["0s", "100ns", "500ms", "1s", "0.5", "100"])),
        4 => format!(
            "{} {any} \"{}\"",
            dice.pick(&["rootName", "statusMessage", "event:name"]),
            dice.pick(&NAMES)
        ),
        5 => format!("rootServiceName {any} \"{}\"", dice.pick(&["shop", "db", ""])),
        6 => format!("traceDuration {any} {}", dice.pick(&["0s", "1s", "2s", "3s"])),
        7 => format!(
            "{} {any} {}",
            dice.pick(&["nestedSetLeft", "nestedSetRight", "nestedSetParent", "span:childCount"]),
            dice.pick(&["0", "1", "2", "-1", "3"])
        ),
        8 => {
            let id = (1 + dice.below(9)) << if dice.chance(50) { 56 } else { 0 };
            format!("{} {equal} \"{id:x}\"", dice.pick(&["span:id", "span:parentID", "link:spanID"]))
        }
        9 => {
            let id: String = trace_id(dice.below(8)).iter().map(|byte| format!("{byte:02X}")).collect();
            format!("{} {equal} \"{id}\"", dice.pick(&["trace:id", "link:traceID"]))
        }
        10 => format!(
            "{} {any} \"{}\"",
            dice.pick(&["instrumentation:name", "instrumentation:version"]),
            dice.pick(&["x", "1", "lib"])
        ),
        11 => format!("event:timeSinceStart {any} {}", dice.pick(&["0s", "10ns", "20"])),
        _ => format!("resource.service.name {any} \"{}\"", dice.pick(&["shop", "db", "", "x"])),
    }
}
