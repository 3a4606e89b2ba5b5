//! Precompression at the highest level, so that the server compresses no file per request.
//!
//! Brotli for `https` and localhost; gzip too, because browsers accept nothing better over plain `http`, which is how a
//! phone on the same network reaches `cargo xtask run --lan`.

use crate::{
    error::{At, Result},
    tools,
};
use flate2::{Compression, write::GzEncoder};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// File extensions worth compressing; pictures, videos and fonts are compressed already.
const COMPRESSIBLE: [&str; 9] = ["css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest", "xml"];

/// Whether files with this extension shrink when compressed.
pub fn worthwhile(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| COMPRESSIBLE.contains(&extension))
}

/// The compressed forms of one file.
pub struct Compressed {
    /// Brotli, quality 11, window 2^22: the file beside it is named `….br`.
    pub brotli: Vec<u8>,
    /// Gzip, level 9: `….gz`.
    pub gzip: Vec<u8>,
}

/// Compresses `bytes`, or takes the result from the directory `cache`, which is keyed by a hash of the content.
///
/// # Errors
/// Where the cache cannot be written.
pub fn compress(bytes: &[u8], cache: &Path) -> Result<Compressed> {
    let stem = tools::hash(&[bytes]);
    Ok(Compressed {
        brotli: cached(cache.join(format!("{stem}.br")), || brotli(bytes))?,
        gzip: cached(cache.join(format!("{stem}.gz")), || gzip(bytes))?,
    })
}

fn cached(path: PathBuf, make: impl FnOnce() -> std::io::Result<Vec<u8>>) -> Result<Vec<u8>> {
    if let Ok(bytes) = fs::read(&path) {
        return Ok(bytes);
    }
    let bytes = make().at(&path)?;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).at(parent)?;
    }
    // Renamed into place, so that an interrupted build leaves no partial file under the final name.
    let partial = path.with_extension("partial");
    fs::write(&partial, &bytes).at(&partial)?;
    fs::rename(&partial, &path).at(&path)?;
    Ok(bytes)
}

fn brotli(mut bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn both_forms_give_the_file_back() {
        let bytes = "弹幕 bullet comments ".repeat(500).into_bytes();
        let mut unpacked = Vec::new();
        brotli::Decompressor::new(brotli(&bytes).unwrap().as_slice(), 4096).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, bytes);
        unpacked.clear();
        flate2::read::GzDecoder::new(gzip(&bytes).unwrap().as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, bytes);
    }

    #[test]
    fn films_are_left_alone() {
        assert!(worthwhile(Path::new("pkg/danmu.0123.wasm")));
        assert!(!worthwhile(Path::new("sample.mp4")));
    }
}
