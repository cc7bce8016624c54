//! The acquire script without what counts the grants, to see what that costs.

use tollgate::engine::Script;

/// What counts, each with what stands in its place where nothing is counted.
const COUNTING: [(&str, &str); 6] = [
    (
        "      if calls_at == costs_at then bucket.calls = bucket.calls + cost else count(bucket, args[calls_at + b], cost) end\n",
        "",
    ),
    (
        "local schema, epoch, debt, calls, at, old_refill, old_credit, minute, queue, extra, held, pace = read(record)",
        "local schema, epoch, debt, at, old_refill, old_credit, queue, extra, held, pace = read(record)",
    ),
    (
        "  if minute == head.minute and not extra then\n    bucket.calls = calls\n  else\n    read_counts(bucket, minute, calls, extra, head)\n  end\n",
        "",
    ),
    ("pack(bucket.debt, bucket.calls)", "pack(bucket.debt)"),
    (
        "terms.refill, terms.credit, head.minute)\n  end\n  local record",
        "terms.refill, terms.credit)\n  end\n  local record",
    ),
    ("debt = 0, calls = 0, kept = false}", "debt = 0, kept = false}"),
];

/// Its source.
pub(crate) fn source() -> String {
    let mut source = Script::ACQUIRE.source().to_owned();
    for (counting, instead) in COUNTING {
        assert_eq!(source.matches(counting).count(), 1, "{counting:?} is in the script once");
        source = source.replace(counting, instead);
    }
    source
}
