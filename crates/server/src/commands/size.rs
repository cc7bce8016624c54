//! Sizes of memory for people.

/// A kibibyte: units go up by it.
const UNIT: u64 = 1_024;

/// In the largest unit of which there is one, to a tenth.
pub(super) fn shown(bytes: u64) -> String {
    if bytes < UNIT {
        return if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    }
    let (mut unit, mut name) = (UNIT, "KiB");
    for larger in ["MiB", "GiB", "TiB"] {
        // What would be written as 1024 of a unit is one of the next.
        if tenths(bytes, unit) < UNIT * 10 {
            break;
        }
        (unit, name) = (unit * UNIT, larger);
    }
    let tenths = tenths(bytes, unit);
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        part => format!("{}.{part} {name}", tenths / 10),
    }
}

/// How many tenths of a unit, to the nearest.
fn tenths(bytes: u64, unit: u64) -> u64 {
    (bytes / unit) * 10 + ((bytes % unit) * 10 + unit / 2) / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_in_the_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_023, "1023 bytes"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1 MiB"),
            (1_342_177, "1.3 MiB"),
            (100 << 20, "100 MiB"),
            (6_442_450_944, "6 GiB"),
            (3 << 40, "3 TiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }
}
