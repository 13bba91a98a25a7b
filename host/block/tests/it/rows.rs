//! Rows as Tempo's format has them, built the slow and obvious way.

use cadenza_block::meta::{DedicatedColumn, DedicatedScope, DedicatedType};
use cadenza_block::schema::Version;
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Columns, SpanId, TraceId, ValueRef, tree};
use std::collections::BTreeMap;

/// A value of a leaf; doubles by their bits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Int(i64),
    Double(u64),
    Bool(bool),
}

/// A row as the schema nests it.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Group(Vec<(&'static str, Node)>),
    List(Vec<Node>),
    Leaf(Option<Value>),
}

fn text(text: impl AsRef<[u8]>) -> Node {
    Node::Leaf(Some(Value::Bytes(text.as_ref().to_vec())))
}

fn int(number: i64) -> Node {
    Node::Leaf(Some(Value::Int(number)))
}

fn dropped(count: u32) -> Node {
    int(i64::from(count as i32))
}

/// The seven fields of a generic attribute.
fn attribute(columns: &Columns, attrs: &Attrs, i: usize) -> Node {
    let value = columns.value(attrs, i);
    let mut lists: [Vec<Node>; 4] = Default::default();
    let mut unsupported = None;
    let list_of = |value: &ValueRef<'_>| match *value {
        ValueRef::Str(s) => Some((0, text(s))),
        ValueRef::Int(n) => Some((1, int(n))),
        ValueRef::Double(n) => Some((2, Node::Leaf(Some(Value::Double(n.to_bits()))))),
        ValueRef::Bool(set) => Some((3, Node::Leaf(Some(Value::Bool(set))))),
        _ => None,
    };
    let mut is_array = false;
    if let ValueRef::Array(encoded) = value {
        let elements: Vec<_> = any_value::array_elements(encoded).map(|e| list_of(&e)).collect();
        let first = elements.first().and_then(|e| e.as_ref()).map(|e| e.0);
        is_array = elements.iter().all(|e| e.as_ref().is_some_and(|e| Some(e.0) == first));
        if is_array {
            elements.into_iter().flatten().for_each(|(list, node)| lists[list].push(node));
        }
    } else if let Some((list, node)) = list_of(&value) {
        lists[list].push(node);
    }
    if !is_array && lists.iter().all(Vec::is_empty) {
        unsupported = Some(Value::Bytes(any_value::to_json(value).into_bytes()));
    }
    let [strings, ints, doubles, bools] = lists.map(Node::List);
    Node::Group(vec![
        ("Key", text(columns.key(attrs, i))),
        ("IsArray", Node::Leaf(Some(Value::Bool(is_array)))),
        ("Value", strings),
        ("ValueInt", ints),
        ("ValueDouble", doubles),
        ("ValueBool", bools),
        ("ValueUnsupported", Node::Leaf(unsupported)),
    ])
}

/// Names of the spares in the file.
const STRING_NAMES: [&str; 20] = [
    "String01", "String02", "String03", "String04", "String05", "String06", "String07", "String08",
    "String09", "String10", "String11", "String12", "String13", "String14", "String15", "String16",
    "String17", "String18", "String19", "String20",
];
const INT_NAMES: [&str; 5] = ["Int01", "Int02", "Int03", "Int04", "Int05"];

/// What of a row depends on the version and the dedicated columns.
pub(crate) struct Layout<'a> {
    pub(crate) version: Version,
    pub(crate) dedicated: &'a [DedicatedColumn],
}

impl Layout<'_> {
    /// (field, key, type) of the spares of a scope that hold something.
    pub(crate) fn spares(&self, scope: DedicatedScope) -> Vec<(&'static str, &str, DedicatedType)> {
        let strings = if self.version == Version::V5 { 20 } else { 10 };
        let (mut strings, mut ints) = (STRING_NAMES[..strings].iter(), INT_NAMES.iter());
        let mut out = Vec::new();
        for column in self.dedicated.iter().filter(|column| column.scope == scope) {
            let name = match column.ty {
                DedicatedType::String => strings.next(),
                DedicatedType::Int => ints.next(),
            };
            out.extend(name.map(|name| (*name, &*column.name, column.ty)));
        }
        out
    }
}

pub(crate) const RESOURCE_FIELDS: [(&str, &str); 8] = [
    ("Cluster", "cluster"),
    ("Namespace", "namespace"),
    ("Pod", "pod"),
    ("Container", "container"),
    ("K8sClusterName", "k8s.cluster.name"),
    ("K8sNamespaceName", "k8s.namespace.name"),
    ("K8sPodName", "k8s.pod.name"),
    ("K8sContainerName", "k8s.container.name"),
];

/// Takes out of `attrs` those of this key and type; the last one counts.
pub(crate) fn take(
    columns: &Columns,
    from: &Attrs,
    attrs: &mut Vec<usize>,
    key: &str,
    ty: AttrType,
) -> Option<usize> {
    let mut found = None;
    attrs.retain(|&i| {
        let hit = columns.key(from, i) == key && from.ty[i] == ty;
        if hit {
            found = Some(i);
        }
        !hit
    });
    found
}

fn spare_group(
    columns: &Columns,
    from: &Attrs,
    attrs: &mut Vec<usize>,
    layout: &Layout<'_>,
    scope: DedicatedScope,
) -> Node {
    let mut group = Vec::new();
    if layout.version == Version::V5 {
        for (field, key, ty) in layout.spares(scope) {
            let leaf = |value: ValueRef<'_>| match value {
                ValueRef::Int(number) => int(number),
                ValueRef::Str(held) => text(held),
                other => panic!("{other:?} in a spare"),
            };
            let values = take_list(columns, from, attrs, key, ty);
            group.push((field, Node::List(values.into_iter().map(leaf).collect())));
        }
        return Node::Group(group);
    }
    let names = layout.spares(scope);
    for field in &STRING_NAMES[..10] {
        let name = names.iter().find(|spare| spare.0 == *field);
        let held = name.and_then(|&(_, key, _)| take(columns, from, attrs, key, AttrType::Str));
        group.push((*field, held_text(columns, from, held)));
    }
    Node::Group(group)
}

/// Takes out of `attrs` what a spare that is a list can hold of this key; the last one counts.
pub(crate) fn take_list<'c>(
    columns: &'c Columns,
    from: &Attrs,
    attrs: &mut Vec<usize>,
    key: &str,
    ty: DedicatedType,
) -> Vec<ValueRef<'c>> {
    let fits = |value: &ValueRef<'_>| match ty {
        DedicatedType::String => matches!(value, ValueRef::Str(_)),
        DedicatedType::Int => matches!(value, ValueRef::Int(_)),
    };
    let mut found = Vec::new();
    attrs.retain(|&i| {
        let values: Vec<_> = match columns.value(from, i) {
            ValueRef::Array(encoded) => any_value::array_elements(encoded).collect(),
            value => vec![value],
        };
        if columns.key(from, i) != key || !values.iter().all(fits) {
            return true;
        }
        found = values;
        false
    });
    found
}

fn held_text(columns: &Columns, from: &Attrs, held: Option<usize>) -> Node {
    Node::Leaf(held.map(|i| Value::Bytes(columns.values.get(from.val[i] as u32).to_vec())))
}

fn resource(columns: &Columns, row: usize, layout: &Layout<'_>) -> Node {
    let from = &columns.resource_attrs;
    let mut attrs: Vec<usize> = from.of(row).collect();
    let service = take(columns, from, &mut attrs, "service.name", AttrType::Str);
    let service = service.map_or(&b""[..], |i| columns.values.get(from.val[i] as u32)).to_vec();
    let mut group = vec![("ServiceName", text(service))];
    let fixed = if layout.version == Version::V5 { &[][..] } else { &RESOURCE_FIELDS };
    for &(field, key) in fixed {
        let held = take(columns, from, &mut attrs, key, AttrType::Str);
        group.push((field, held_text(columns, from, held)));
    }
    group.push((
        "DedicatedAttributes",
        spare_group(columns, from, &mut attrs, layout, DedicatedScope::Resource),
    ));
    attrs.sort_by_key(|&i| columns.key(from, i).to_owned());
    group.push(("Attrs", Node::List(attrs.iter().map(|&i| attribute(columns, from, i)).collect())));
    Node::Group(group)
}

fn scope(columns: &Columns, row: usize) -> Node {
    let from = &columns.scope_attrs;
    let mut attrs: Vec<usize> = from.of(row).collect();
    attrs.sort_by_key(|&i| columns.key(from, i).to_owned());
    Node::Group(vec![
        ("Name", text(columns.names.get(columns.scopes.name[row]))),
        ("Version", text(columns.names.get(columns.scopes.version[row]))),
        ("Attrs", Node::List(attrs.iter().map(|&i| attribute(columns, from, i)).collect())),
    ])
}

fn with_dropped(node: Node, count: u32) -> Node {
    let Node::Group(mut group) = node else { panic!("not a group") };
    group.push(("DroppedAttributesCount", dropped(count)));
    Node::Group(group)
}

fn list(columns: &Columns, from: &Attrs, row: usize) -> Node {
    Node::List(from.of(row).map(|i| attribute(columns, from, i)).collect())
}

fn events(columns: &Columns, row: usize, layout: &Layout<'_>) -> Node {
    let event = |id: usize| {
        let from = &columns.event_attrs;
        let mut attrs: Vec<usize> = from.of(id).collect();
        let spare = spare_group(columns, from, &mut attrs, layout, DedicatedScope::Event);
        let since = columns.events.time_ns[id].wrapping_sub(columns.spans.start_ns[row]);
        Node::Group(vec![
            ("TimeSinceStartNano", int(since as i64)),
            ("Name", text(columns.names.get(columns.events.name[id]))),
            ("DedicatedAttributes", spare),
            ("Attrs", Node::List(attrs.iter().map(|&i| attribute(columns, from, i)).collect())),
            ("DroppedAttributesCount", dropped(columns.events.dropped_attributes[id])),
        ])
    };
    Node::List(columns.spans.events(row).map(event).collect())
}

fn links(columns: &Columns, row: usize) -> Node {
    let links = &columns.links;
    let link = |id: usize| {
        let odd = links.odd_ids.iter().find(|odd| odd.0 as usize == id);
        let or_nothing = |bytes: &[u8]| if bytes.iter().all(|&b| b == 0) { vec![] } else { bytes.to_vec() };
        let trace = odd.map_or(or_nothing(&links.trace_id[id].0), |odd| columns.raw.get(odd.1).to_vec());
        let span = odd.map_or(or_nothing(&links.span_id[id].bytes()), |odd| columns.raw.get(odd.2).to_vec());
        Node::Group(vec![
            ("TraceID", text(trace)),
            ("SpanID", text(span)),
            ("TraceState", text(columns.values.get(links.trace_state[id]))),
            ("Attrs", list(columns, &columns.link_attrs, id)),
            ("DroppedAttributesCount", dropped(links.dropped_attributes[id])),
        ])
    };
    Node::List(columns.spans.links(row).map(link).collect())
}

fn span(columns: &Columns, row: usize, numbers: [i32; 4], layout: &Layout<'_>) -> Node {
    let (spans, from) = (&columns.spans, &columns.span_attrs);
    let mut attrs: Vec<usize> = from.of(row).collect();
    let mut fixed = |key, ty| match layout.version {
        Version::V5 => None,
        _ => take(columns, from, &mut attrs, key, ty),
    };
    let method = fixed("http.method", AttrType::Str);
    let url = fixed("http.url", AttrType::Str);
    let status = fixed("http.status_code", AttrType::Int);
    let spare = spare_group(columns, from, &mut attrs, layout, DedicatedScope::Span);
    let start = spans.start_ns[row];
    let rounded = |width_s: u64| {
        let (whole, rest) = (start / (width_s * 1_000_000_000), start % (width_s * 1_000_000_000));
        int(if start > 0 && rest == 0 { whole as i64 - 1 } else { whole as i64 })
    };
    let odd = spans.odd_parents.iter().find(|odd| odd.0 as usize == row);
    let parent = match (spans.parent_id[row], odd) {
        (_, Some(odd)) => columns.raw.get(odd.1).to_vec(),
        (SpanId::NONE, None) => vec![],
        (parent, None) => parent.bytes().to_vec(),
    };
    Node::Group(vec![
        ("SpanID", text(spans.span_id[row].bytes())),
        ("ParentSpanID", text(parent)),
        ("ParentID", int(numbers[2].into())),
        ("NestedSetLeft", int(numbers[0].into())),
        ("NestedSetRight", int(numbers[1].into())),
        ("ChildCount", int(numbers[3].into())),
        ("StartTimeRounded15", rounded(15)),
        ("StartTimeRounded60", rounded(60)),
        ("StartTimeRounded300", rounded(300)),
        ("StartTimeRounded3600", rounded(3600)),
        ("Name", text(columns.names.get(spans.name[row]))),
        ("Kind", int(spans.kind[row].into())),
        ("TraceState", text(columns.values.get(spans.trace_state[row]))),
        ("StartTimeUnixNano", int(spans.start_ns[row] as i64)),
        ("DurationNano", int(spans.end_ns[row].wrapping_sub(spans.start_ns[row]) as i64)),
        ("StatusCode", int(spans.status[row].into())),
        ("StatusMessage", text(columns.values.get(spans.message[row]))),
        ("Attrs", Node::List(attrs.iter().map(|&i| attribute(columns, from, i)).collect())),
        ("DroppedAttributesCount", dropped(spans.dropped_attributes[row])),
        ("Events", events(columns, row, layout)),
        ("DroppedEventsCount", dropped(spans.dropped_events[row])),
        ("Links", links(columns, row)),
        ("DroppedLinksCount", dropped(spans.dropped_links[row])),
        ("HttpMethod", held_text(columns, from, method)),
        ("HttpUrl", held_text(columns, from, url)),
        ("HttpStatusCode", Node::Leaf(status.map(|i| Value::Int(from.val[i] as i64)))),
        ("DedicatedAttributes", spare),
    ])
}

/// (content, first row, things inside)
type Grouped<T> = Vec<(String, usize, T)>;

/// The row of trace `id`, whose spans are `rows`.
pub(crate) fn row_of(columns: &Columns, id: TraceId, mut rows: Vec<usize>, layout: &Layout<'_>) -> Node {
    let spans = &columns.spans;
    rows.sort_by_key(|&row| (spans.start_ns[row], spans.span_id[row], row));
    let mut groups: Grouped<Grouped<Vec<usize>>> = Vec::new();
    for &row in &rows {
        let scope_row = spans.scope[row] as usize;
        let resource_row = columns.scopes.resource[scope_row] as usize;
        let content = format!("{:?}", resource(columns, resource_row, layout));
        let at = groups.iter().position(|group| group.0 == content).unwrap_or_else(|| {
            groups.push((content, resource_row, Vec::new()));
            groups.len() - 1
        });
        let content = format!("{:?}", scope(columns, scope_row));
        let inner = &mut groups[at].2;
        let at = inner.iter().position(|group| group.0 == content).unwrap_or_else(|| {
            inner.push((content, scope_row, Vec::new()));
            inner.len() - 1
        });
        inner[at].2.push(row);
    }
    let ordered: Vec<u32> =
        groups.iter().flat_map(|r| r.2.iter().flat_map(|s| s.2.iter().map(|&row| row as u32))).collect();
    let numbers = tree::assemble(columns, &ordered);
    let mut service_of = BTreeMap::new();
    let mut stats = BTreeMap::<Vec<u8>, (i64, i64)>::new();
    let mut position = 0;
    let mut resources = Vec::new();
    for (_, resource_row, inner) in &groups {
        let node = resource(columns, *resource_row, layout);
        let Node::Group(fields) = &node else { panic!("not a group") };
        let Node::Leaf(Some(Value::Bytes(service))) = fields[0].1.clone() else { panic!("no service") };
        let mut scopes = Vec::new();
        for (_, scope_row, rows) in inner {
            let mut list = Vec::new();
            for &row in rows {
                let stat = stats.entry(service.clone()).or_default();
                stat.0 += 1;
                stat.1 += i64::from(spans.status[row] == 2);
                service_of.insert(position, service.clone());
                let set = [&numbers.left, &numbers.right, &numbers.parent_left, &numbers.child_count];
                list.push(span(columns, row, set.map(|of| of[position]), layout));
                position += 1;
            }
            // Dropped counts don't make scopes different: the first one in the batch counts.
            let first = first_like(columns.scopes.name.len(), *scope_row, |row| {
                let outer = columns.scopes.resource[row] as usize;
                format!("{:?}{:?}", scope(columns, row), resource(columns, outer, layout))
            });
            let count = columns.scopes.dropped_attributes[first];
            let scope = with_dropped(scope(columns, *scope_row), count);
            let count = int(list.len() as i64);
            scopes.push(Node::Group(vec![
                ("Scope", scope),
                ("Spans", Node::List(list)),
                ("SpanCount", count),
            ]));
        }
        let first = first_like(columns.resources.schema_url.len(), *resource_row, |row| {
            format!("{:?}", resource(columns, row, layout))
        });
        let node = with_dropped(node, columns.resources.dropped_attributes[first]);
        resources.push(Node::Group(vec![("Resource", node), ("ss", Node::List(scopes))]));
    }
    let start = rows.iter().map(|&row| spans.start_ns[row]).filter(|&ns| ns > 0).min().unwrap_or(0);
    let end = rows.iter().map(|&row| spans.end_ns[row]).max().unwrap_or(0);
    let root = numbers.root.map(|root| (ordered[root] as usize, service_of[&root].clone()));
    let (root_name, root_service) = root
        .map_or((vec![], vec![]), |(row, service)| (columns.names.get(spans.name[row]).to_vec(), service));
    let stat = |(key, (spans, errors)): (Vec<u8>, (i64, i64))| {
        if layout.version == Version::V5 {
            return Node::Group(vec![
                ("ServiceName", text(key)),
                ("SpanCount", int(spans)),
                ("ErrorCount", int(errors)),
            ]);
        }
        let value = Node::Group(vec![("SpanCount", int(spans)), ("ErrorCount", int(errors))]);
        Node::Group(vec![("key", text(key)), ("value", value)])
    };
    Node::Group(vec![
        ("TraceID", text(id.0)),
        ("TraceIDText", text(id.short_hex())),
        ("StartTimeUnixNano", int(start as i64)),
        ("EndTimeUnixNano", int(end as i64)),
        ("DurationNano", int(end.wrapping_sub(start) as i64)),
        ("RootServiceName", text(root_service)),
        ("RootSpanName", text(root_name)),
        ("ServiceStats", Node::List(stats.into_iter().map(stat).collect())),
        ("rs", Node::List(resources)),
    ])
}

/// The first of `count` rows whose content is that of `row`.
fn first_like(count: usize, row: usize, content: impl Fn(usize) -> String) -> usize {
    (0..count).find(|&other| content(other) == content(row)).unwrap_or(row)
}
