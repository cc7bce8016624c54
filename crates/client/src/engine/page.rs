//! What the scripts have in common that page through the buckets of a namespace.

use super::batch::BUCKET;
use super::flat::{Malformed, Reader, Writer};

/// Fields that one page looks at. Redis is busy with a page for about as long as with a batch of acquires.
const LOOKED: u64 = 250;

/// The argument of such a script: from a cursor on, the fields that begin so, all or those of a limit. Names of limits
/// have no character that means something in a pattern.
pub(super) fn page_from(cursor: &str, kind: &str, limit: Option<&str>) -> Vec<u8> {
    let mut args = Writer::new();
    args.text(cursor);
    args.integer(LOOKED);
    match limit {
        Some(limit) => args.joined(kind, &format!("{limit}[:/]*")),
        None => args.joined(kind, "*"),
    }
    args.finish()
}

/// The name of the bucket, `limit:key`, that comes next in a reply as its field.
pub(super) fn bucket_name<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Malformed> {
    reader.text()?.strip_prefix(BUCKET).ok_or(Malformed("a field that is no bucket"))
}
