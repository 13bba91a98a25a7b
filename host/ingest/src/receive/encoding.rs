//! `Content-Encoding` of HTTP bodies, with a bound on what comes out.

use std::io::Read;

/// Compressions of request bodies. Names are compared exactly: `GZIP`, lists and `identity` are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentEncoding {
    Plain,
    Gzip,
    /// Also what `deflate` means here, as in the Collector.
    Zlib,
    Zstd,
    Snappy,
    /// LZ4's frame format.
    Lz4,
}

/// Why a body could not be unpacked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EncodingError {
    #[error("unsupported Content-Encoding: {0}")]
    Unsupported(String),
    #[error("http: request body too large")]
    TooLarge,
    #[error("cannot decompress the request body: {0}")]
    Broken(String),
}

impl ContentEncoding {
    /// The encoding of this header value; an empty one is none.
    pub(super) fn parse(name: &[u8]) -> Result<Self, EncodingError> {
        Ok(match name {
            b"" => Self::Plain,
            b"gzip" => Self::Gzip,
            b"zlib" | b"deflate" => Self::Zlib,
            b"zstd" => Self::Zstd,
            b"snappy" => Self::Snappy,
            b"lz4" => Self::Lz4,
            other => return Err(EncodingError::Unsupported(String::from_utf8_lossy(other).into_owned())),
        })
    }

    /// Unpacks `body`, stopping at `bytes_max`: a bomb costs no more than an honest body.
    pub(super) fn unpack(self, body: &[u8], bytes_max: usize) -> Result<Vec<u8>, EncodingError> {
        match self {
            Self::Plain => bounded(body, bytes_max),
            Self::Gzip => bounded(flate2::read::MultiGzDecoder::new(body), bytes_max),
            Self::Zlib => bounded(flate2::read::ZlibDecoder::new(body), bytes_max),
            Self::Zstd => bounded(zstd::stream::read::Decoder::new(body).map_err(broken)?, bytes_max),
            Self::Lz4 => bounded(lz4_flex::frame::FrameDecoder::new(body), bytes_max),
            // Clients use both of snappy's formats under one name; the framed one has a magic.
            Self::Snappy if body.starts_with(SNAPPY_STREAM_MAGIC) => {
                bounded(snap::read::FrameDecoder::new(body), bytes_max)
            }
            Self::Snappy => {
                let bytes = snap::raw::decompress_len(body).map_err(broken)?;
                if bytes > bytes_max {
                    return Err(EncodingError::TooLarge);
                }
                snap::raw::Decoder::new().decompress_vec(body).map_err(broken)
            }
        }
    }
}

/// The stream identifier chunk that opens snappy's framing format.
const SNAPPY_STREAM_MAGIC: &[u8] = b"\xff\x06\x00\x00sNaPpY";

fn broken(error: impl std::fmt::Display) -> EncodingError {
    EncodingError::Broken(error.to_string())
}

fn bounded(reader: impl Read, bytes_max: usize) -> Result<Vec<u8>, EncodingError> {
    let mut out = Vec::new();
    // One byte more than allowed tells "exactly at the bound" from "beyond".
    reader.take(bytes_max as u64 + 1).read_to_end(&mut out).map_err(broken)?;
    if out.len() > bytes_max { Err(EncodingError::TooLarge) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pack(name: &str, body: &[u8]) -> Vec<u8> {
        match name {
            "gzip" => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(body).expect("to memory");
                out.finish().expect("to memory")
            }
            "zlib" | "deflate" => {
                let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(body).expect("to memory");
                out.finish().expect("to memory")
            }
            "zstd" => zstd::encode_all(body, 1).expect("to memory"),
            "snappy" => snap::raw::Encoder::new().compress_vec(body).expect("to memory"),
            "snappy framed" => {
                let mut out = snap::write::FrameEncoder::new(Vec::new());
                out.write_all(body).expect("to memory");
                out.into_inner().expect("to memory")
            }
            "lz4" => {
                let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
                out.write_all(body).expect("to memory");
                out.finish().expect("to memory")
            }
            _ => body.to_vec(),
        }
    }

    #[test]
    fn bodies_unpack_up_to_the_bound_and_bombs_stop_there() {
        let body = vec![b'x'; 1 << 20];
        for name in ["", "gzip", "zlib", "deflate", "zstd", "snappy", "snappy framed", "lz4"] {
            let header = name.split(' ').next().unwrap_or_default();
            let encoding = ContentEncoding::parse(header.as_bytes()).expect("known");
            let packed = pack(name, &body);
            assert_eq!(encoding.unpack(&packed, body.len()).as_deref(), Ok(&*body), "{name}");
            assert_eq!(encoding.unpack(&packed, body.len() - 1), Err(EncodingError::TooLarge), "{name}");
        }
    }

    #[test]
    fn names_are_compared_exactly() {
        for name in ["identity", "br", "x-gzip", "GZIP", "gzip, gzip", "LZ4"] {
            let found = ContentEncoding::parse(name.as_bytes());
            assert_eq!(found, Err(EncodingError::Unsupported(name.to_owned())));
        }
    }

    #[test]
    fn broken_bodies_say_so() {
        for name in ["gzip", "zlib", "zstd", "snappy", "lz4"] {
            let encoding = ContentEncoding::parse(name.as_bytes()).expect("known");
            let found = encoding.unpack(b"\xff\xff\xff\xffnot packed", 1 << 20);
            assert!(
                matches!(found, Err(EncodingError::Broken(_) | EncodingError::TooLarge)),
                "{name}: {found:?}"
            );
        }
    }
}
