//! Hashes of values, plain and keyed.

use crate::plan::HashKind;
use cadenza_model::ValueRef;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use sha3::Sha3_256;
use siphasher::sip::SipHasher24;
use std::hash::Hasher as _;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Where a plan's keys come from. None of it ever reaches a guest.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    /// The host's secret for this tenant and plugin.
    pub host: &'a [u8; 32],
    /// The operator's secret of a name, if the configuration grants it.
    pub named: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl std::fmt::Debug for Secrets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// Hashes with the keys of one plan.
#[derive(Clone)]
pub(crate) struct Keyed {
    sip: SipHasher24,
    sha256: Hmac<Sha256>,
    sha512: Hmac<Sha512>,
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed")
    }
}

fn sip(host: &[u8; 32]) -> SipHasher24 {
    let mut key = [0; 16];
    key.copy_from_slice(&host[..16]);
    SipHasher24::new_with_key(&key)
}

/// The pseudonym of `value` under the host's secret: what `keyed64` and the guest's `keyed-hash` give.
pub fn keyed64(host: &[u8; 32], value: &[u8]) -> [u8; 16] {
    keyed64_with(sip(host), value)
}

fn keyed64_with(mut sip: SipHasher24, value: &[u8]) -> [u8; 16] {
    sip.write(value);
    let mut out = [0; 16];
    for (pair, byte) in out.chunks_exact_mut(2).zip(sip.finish().to_be_bytes()) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    out
}

impl Keyed {
    /// `hmac` is the operator's secret, if the plan names one.
    pub(crate) fn new(host: &[u8; 32], hmac: Option<&[u8]>) -> Self {
        let key = hmac.unwrap_or(host);
        // A key of any length will do.
        let sha256 = <Hmac<Sha256> as Mac>::new_from_slice(key);
        let sha512 = <Hmac<Sha512> as Mac>::new_from_slice(key);
        Self {
            sip: sip(host),
            sha256: sha256.expect("hmac takes keys of any length"),
            sha512: sha512.expect("hmac takes keys of any length"),
        }
    }

    /// Appends the hex digits of the hash of `bytes`.
    pub(crate) fn put(&self, out: &mut Vec<u8>, kind: HashKind, bytes: &[u8]) {
        match kind {
            HashKind::Md5 => put_hex(out, &Md5::digest(bytes)),
            HashKind::Sha1 => put_hex(out, &Sha1::digest(bytes)),
            HashKind::Sha256 => put_hex(out, &Sha256::digest(bytes)),
            HashKind::Sha3 => put_hex(out, &Sha3_256::digest(bytes)),
            HashKind::HmacSha256 => {
                put_hex(out, &self.sha256.clone().chain_update(bytes).finalize().into_bytes());
            }
            HashKind::HmacSha512 => {
                put_hex(out, &self.sha512.clone().chain_update(bytes).finalize().into_bytes());
            }
            HashKind::Keyed64 => out.extend_from_slice(&keyed64_with(self.sip, bytes)),
        }
    }

    /// As [`Keyed::put`] for a whole value. What has no one form that could be hashed gives nothing, as in
    /// the Collector.
    pub(crate) fn put_value(&self, out: &mut Vec<u8>, kind: HashKind, value: ValueRef<'_>) {
        match value {
            ValueRef::Str(text) => self.put(out, kind, text.as_bytes()),
            ValueRef::Bool(set) => self.put(out, kind, &[u8::from(set)]),
            ValueRef::Int(number) => self.put(out, kind, &number.to_le_bytes()),
            ValueRef::Double(number) => self.put(out, kind, &number.to_bits().to_le_bytes()),
            ValueRef::Absent
            | ValueRef::Empty
            | ValueRef::Array(_)
            | ValueRef::Map(_)
            | ValueRef::Bytes(_) => {}
        }
    }
}

fn put_hex(out: &mut Vec<u8>, digest: &[u8]) {
    for &byte in digest {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standards() {
        let keyed = Keyed::new(&[7; 32], Some(b"key"));
        let check = |kind, text: &str, expect: &str| {
            let mut out = Vec::new();
            keyed.put_value(&mut out, kind, ValueRef::Str(text));
            assert_eq!(String::from_utf8(out).expect("hex"), expect);
        };
        check(HashKind::Md5, "abc", "900150983cd24fb0d6963f7d28e17f72");
        check(HashKind::Sha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check(HashKind::Sha256, "u-1", "a24a7f55f278dd49fb1f99c5507800cb198a5bfe10fe2126cd0b25672152b0da");
        check(
            HashKind::Sha3,
            "user@example.com",
            "02b701531e690961b9d02612c74367bf4e32abfd4a22d4cd86827d517e02cc72",
        );
        check(
            HashKind::HmacSha256,
            "The quick brown fox jumps over the lazy dog",
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
        );
        check(HashKind::Sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let mut out = Vec::new();
        keyed.put(&mut out, HashKind::Keyed64, b"x");
        assert_eq!(out, keyed64(&[7; 32], b"x"));
    }
}
