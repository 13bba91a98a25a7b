//! Bloom objects equal Tempo's bit for bit.

use crate::{V4_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::bloom::{
    BloomError, Builder, FALSE_POSITIVE_DEFAULT, SHARD_BYTES_DEFAULT, Shard, Sizing, shard_of,
};
use cadenza_model::TraceId;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

fn fixture_ids() -> Vec<TraceId> {
    let file = Bytes::from(fixture(&format!("{V4_BLOCK}/data.parquet")));
    let reader = SerializedFileReader::new(file).unwrap();
    let id = |row: parquet::record::Row| TraceId(row.get_bytes(0).unwrap().data().try_into().unwrap());
    reader.get_row_iter(None).unwrap().map(|row| id(row.unwrap())).collect()
}

#[test]
fn fixture_is_rebuilt_bit_for_bit() {
    let ids = fixture_ids();
    assert_eq!(ids.len(), 14);
    let mut builder =
        Builder::new(Sizing::new(ids.len(), FALSE_POSITIVE_DEFAULT, SHARD_BYTES_DEFAULT).unwrap());
    ids.iter().for_each(|id| builder.add(id));
    let objects = builder.finish();
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0], fixture(&format!("{V4_BLOCK}/bloom-0")));
    let shard = Shard::parse(objects[0].clone()).unwrap();
    assert!(ids.iter().all(|id| shard.may_contain(id)));
    assert!(!shard.may_contain(&TraceId([7; 16])));
}

#[test]
fn many_traces_get_more_shards_and_keep_the_rate() {
    let sizing = Sizing::new(200_000, 0.01, SHARD_BYTES_DEFAULT).unwrap();
    assert_eq!(sizing, Sizing { shards: 3, bits: 819_200, hashes: 7 });
    let id = |n: u64| {
        TraceId((u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes())
    };
    let mut builder = Builder::new(sizing);
    (0..200_000).for_each(|n| builder.add(&id(n)));
    let shards: Vec<_> = builder.finish().into_iter().map(|o| Shard::parse(o).unwrap()).collect();
    let asked = |n| shards[shard_of(&id(n), 3) as usize].may_contain(&id(n));
    assert!((0..200_000).all(asked));
    let wrong = (1_000_000..1_100_000).filter(|&n| asked(n)).count();
    assert!(wrong < 1_500, "{wrong} of 100000");
}

#[test]
fn sizes_have_bounds() {
    assert_eq!(Sizing::new(0, 0.01, 1024).unwrap().shards, 1);
    assert_eq!(Sizing::new(usize::MAX, 0.01, 1024).unwrap().shards, 1000);
    assert_eq!(Sizing::new(1, 0.0, 1024), Err(BloomError::Rate { rate: 0.0 }));
    assert_eq!(Sizing::new(1, 1.0, 1024), Err(BloomError::Rate { rate: 1.0 }));
    assert!(Sizing::new(1, f64::NAN, 1024).is_err());
    assert_eq!(Sizing::new(1, 0.01, 0), Err(BloomError::NoBytes));
}

#[test]
fn broken_objects_are_refused() {
    let object = fixture(&format!("{V4_BLOCK}/bloom-0"));
    let check = |object: Vec<u8>| Shard::parse(Bytes::from(object)).unwrap_err();
    assert!(matches!(check(vec![]), BloomError::Short { actual: 0, expected: 24 }));
    assert!(matches!(check(object[..1000].to_vec()), BloomError::Short { actual: 1000, .. }));
    for (at, what) in [(0, u64::MAX), (0, 0), (8, 0), (8, u64::MAX), (16, 0)] {
        let mut object = object.clone();
        object[at..at + 8].copy_from_slice(&what.to_be_bytes());
        assert!(matches!(check(object), BloomError::Header { .. }), "{at} {what}");
    }
    let mut object = object;
    object[16..24].copy_from_slice(&u64::MAX.to_be_bytes());
    assert!(matches!(check(object), BloomError::Short { .. }));
}

#[test]
fn no_shard_count_means_ten() {
    assert!((0..100_u8).all(|b| shard_of(&TraceId([b; 16]), 0) == shard_of(&TraceId([b; 16]), 10)));
}
