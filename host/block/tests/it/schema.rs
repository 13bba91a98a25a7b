//! The schema is Tempo's, leaf by leaf.

use crate::{V4_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::schema::Schema;
use parquet::file::reader::{FileReader, SerializedFileReader};

#[test]
fn v4_equals_tempos() {
    let file = Bytes::from(fixture(&format!("{V4_BLOCK}/data.parquet")));
    let reader = SerializedFileReader::new(file).unwrap();
    let tempo = reader.metadata().file_metadata().schema_descr();
    let ours = Schema::v4();
    assert_eq!(tempo.num_columns(), 103);
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
