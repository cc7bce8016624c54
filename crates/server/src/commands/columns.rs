//! Lines in columns.

use std::fmt::Write as _;

/// Each column is as wide as what stands in it, but the last, which is free.
pub(super) fn columns<L: AsRef<[String]>>(lines: &[L]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for line in lines {
        for (column, cell) in line.as_ref().iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        let Some((last, cells)) = line.as_ref().split_last() else { continue };
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "{cell:width$}  ");
        }
        let _ = writeln!(text, "{last}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let lines = [["A", "B", "C"], ["äöü", "", "c"]].map(|line| line.map(str::to_owned));
        assert_eq!(columns(&lines), "A    B  C\näöü     c\n");
    }
}
