//! Every leaf decodes to the levels and values that the stock column readers see.

use super::support;
use crate::read::BlockReader;
use crate::read::file::FileIndex;
use crate::read::page::{Dictionary, Physical, Planes, Values};
use crate::read::source::LeafReader;
use crate::schema::Leaf;
use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::file::reader::{FileReader, SerializedFileReader};

#[derive(Debug, PartialEq)]
struct Decoded {
    rep: Vec<u8>,
    def: Vec<u8>,
    values: Vec<String>,
}

fn ours(block: &BlockReader, index: &FileIndex, row_group: usize, leaf: &Leaf) -> Decoded {
    let mut reader = LeafReader::open(&block.source, index, row_group, leaf, true).unwrap();
    let mut out = Decoded { rep: vec![], def: vec![], values: vec![] };
    let (mut rep, mut def) = (Planes::default(), Planes::default());
    let dictionary = reader.dictionary.clone();
    for i in 0..reader.pages.len() {
        let (len, physical) = (reader.dictionary_len(), reader.physical);
        let page = reader.page(i, |_| true).unwrap();
        rep.decode(page.rep, leaf.rep_max, page.entries).unwrap();
        def.decode(page.def, leaf.def_max, page.entries).unwrap();
        out.rep.extend((0..page.entries).map(|i| rep.get(i)));
        out.def.extend((0..page.entries).map(|i| def.get(i)));
        let present = (0..page.entries).filter(|&i| def.get(i) == leaf.def_max).count();
        let values = page.decode(physical, len, Some(present), &mut Vec::new()).unwrap();
        match (values, dictionary.as_deref()) {
            (Values::Ints(v), _) => out.values.extend(v.iter().map(|v| number(*v, physical))),
            (Values::Doubles(v), _) => out.values.extend(v.iter().map(|v| v.to_bits().to_string())),
            (Values::Bools(v), _) => out.values.extend(v.iter().map(bool::to_string)),
            (Values::Bytes(v), _) => out.values.extend(v.iter().map(|v| format!("{v:?}"))),
            (Values::Codes(v), Some(Dictionary::Ints(d))) => {
                out.values.extend(v.iter().map(|c| number(d[*c as usize], physical)));
            }
            (Values::Codes(v), Some(Dictionary::Doubles(d))) => {
                out.values.extend(v.iter().map(|c| d[*c as usize].to_bits().to_string()));
            }
            (Values::Codes(v), Some(Dictionary::Bytes(d))) => {
                out.values.extend(v.iter().map(|c| format!("{:?}", d.get(*c as usize).unwrap())));
            }
            (Values::Codes(_), None) => panic!("codes without a dictionary"),
        }
        out.values.truncate(out.def.iter().filter(|d| **d == leaf.def_max).count());
    }
    out
}

fn number(v: i64, physical: Physical) -> String {
    match physical {
        Physical::Int32 => (v as i32).to_string(),
        _ => v.to_string(),
    }
}

fn typed<T: DataType>(mut reader: ColumnReaderImpl<T>, show: impl Fn(&T::T) -> String) -> Decoded {
    let (mut rep, mut def, mut values) = (vec![], vec![], vec![]);
    loop {
        let (rows, _, levels) =
            reader.read_records(1 << 20, Some(&mut def), Some(&mut rep), &mut values).unwrap();
        if rows == 0 && levels == 0 {
            break;
        }
    }
    let small = |levels: &Vec<i16>| levels.iter().map(|l| *l as u8).collect();
    Decoded { rep: small(&rep), def: small(&def), values: values.iter().map(show).collect() }
}

fn stock(reader: ColumnReader) -> Decoded {
    match reader {
        ColumnReader::BoolColumnReader(r) => typed(r, bool::to_string),
        ColumnReader::Int32ColumnReader(r) => typed(r, i32::to_string),
        ColumnReader::Int64ColumnReader(r) => typed(r, i64::to_string),
        ColumnReader::DoubleColumnReader(r) => typed(r, |v| v.to_bits().to_string()),
        ColumnReader::ByteArrayColumnReader(r) => typed(r, |v| format!("{:?}", v.data())),
        _ => panic!("a type that no leaf has"),
    }
}

/// Compares all leaves of all row groups.
pub(super) fn check_against_stock(block: &BlockReader, data: &Bytes) {
    let index = block.source.index().unwrap();
    let file = SerializedFileReader::new(data.clone()).unwrap();
    for row_group in 0..file.num_row_groups() {
        let group = file.get_row_group(row_group).unwrap();
        for leaf in block.source.schema.leaves() {
            let mut want = stock(group.get_column_reader(leaf.index).unwrap());
            let got = ours(block, &index, row_group, leaf);
            // The stock reader leaves out levels that are always zero.
            if leaf.rep_max == 0 {
                want.rep = vec![0; got.rep.len()];
            }
            if leaf.def_max == 0 {
                want.def = vec![0; got.def.len()];
            }
            assert!(want == got, "leaf {} differs: {want:?} {got:?}", leaf.path.string());
        }
    }
}

#[test]
fn all_leaves_of_every_version_equal_the_stock_readers() {
    for (meta, data) in support::blocks() {
        check_against_stock(&support::open(&meta, &data), &data);
    }
}
