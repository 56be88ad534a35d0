//! Tables for people.

/// Rows in columns as wide as they need to be. What would move the cursor is shown as `?`: names of clients are theirs.
pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let line = line.join("  ");
        text.extend(line.trim_end().chars().map(|letter| if letter.is_control() { '?' } else { letter }));
        text.push('\n');
    }
    text
}
