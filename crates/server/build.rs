//! Cuts the script and the style of the page at `/docs` out of the archive of Swagger UI, as they lie in it:
//! compressed.
//!
//! A zip archive deflates each file by itself, and what HTTP calls gzip is the same stream between a head and a
//! checksum that the archive has too. So nothing is unpacked, and no crate for archives is built.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

/// No flags, no time, nothing of the system it was made on.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

const DEFLATED: usize = 8;

/// Where and how a file lies in the archive.
#[derive(Debug)]
struct Entry<'a> {
    path: &'a str,
    method: usize,
    /// Checksum and size as gzip wants them at the end; both formats have them little endian.
    checksum: &'a [u8],
    size: &'a [u8],
    packed_bytes: usize,
    offset: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = env::var("OUT_DIR")?;
    let entries = entries().ok_or("the archive of Swagger UI can't be read")?;
    for file in FILES {
        let place = format!("/dist/{file}");
        let entry = entries.iter().find(|entry| entry.path.ends_with(&place) && entry.method == DEFLATED);
        let gzip = entry.and_then(gzip).ok_or_else(|| format!("the archive of Swagger UI has no {place}"))?;
        fs::write(Path::new(&folder).join(format!("{file}.gz")), gzip)?;
    }
    Ok(())
}

/// The directory of the archive, which stands at its end.
fn entries() -> Option<Vec<Entry<'static>>> {
    let end = ARCHIVE.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let (count, mut at) = (number(end + 10, 2)?, number(end + 16, 4)?);
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let name_bytes = number(at + 28, 2)?;
        entries.push(Entry {
            path: std::str::from_utf8(ARCHIVE.get(at + 46..at + 46 + name_bytes)?).ok()?,
            method: number(at + 10, 2)?,
            checksum: ARCHIVE.get(at + 16..at + 20)?,
            size: ARCHIVE.get(at + 24..at + 28)?,
            packed_bytes: number(at + 20, 4)?,
            offset: number(at + 42, 4)?,
        });
        at += 46 + name_bytes + number(at + 30, 2)? + number(at + 32, 2)?;
    }
    Some(entries)
}

fn gzip(entry: &Entry<'_>) -> Option<Vec<u8>> {
    let begins = entry.offset + 30 + number(entry.offset + 26, 2)? + number(entry.offset + 28, 2)?;
    let packed = ARCHIVE.get(begins..begins + entry.packed_bytes)?;
    Some([&GZIP_HEAD, packed, entry.checksum, entry.size].concat())
}

fn number(at: usize, bytes: usize) -> Option<usize> {
    let bytes = ARCHIVE.get(at..at + bytes)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
}
