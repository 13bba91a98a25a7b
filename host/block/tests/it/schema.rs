//! The schema is Tempo's, leaf by leaf.

use crate::{V4_BLOCK, V5_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::meta::BlockMeta;
use parquet::file::reader::{FileReader, SerializedFileReader};

fn check(path: &str, leaves: usize) {
    let file = Bytes::from(fixture(&format!("{path}/data.parquet")));
    let meta = BlockMeta::parse(&fixture(&format!("{path}/meta.json"))).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let tempo = reader.metadata().file_metadata().schema_descr();
    let ours = meta.schema().unwrap();
    assert_eq!(tempo.num_columns(), leaves);
    assert_eq!(ours.leaves().len(), tempo.num_columns());
    for (leaf, expect) in ours.leaves().iter().zip(tempo.columns()) {
        let actual = ours.descriptor().column(leaf.index);
        assert_eq!(&actual, expect, "leaf {}", leaf.index);
        assert_eq!(&leaf.path, expect.path());
        assert_eq!(leaf.physical, expect.physical_type(), "{}", leaf.path);
        assert_eq!(i16::from(leaf.def_max), expect.max_def_level(), "{}", leaf.path);
        assert_eq!(i16::from(leaf.rep_max), expect.max_rep_level(), "{}", leaf.path);
        assert_eq!(ours.leaf(leaf.column).unwrap().index, leaf.index);
    }
    assert_eq!(ours.descriptor().root_schema(), tempo.root_schema());
}

#[test]
fn v4_equals_tempos() {
    check(V4_BLOCK, 103);
}

#[test]
fn v5_with_tempos_default_columns_equals_tempos() {
    check(V5_BLOCK, 92);
}
