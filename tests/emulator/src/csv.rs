//! CSV as the bulk doors speak it.

/// The rows of a text, fields unquoted. Lenient: a stray quote is kept as it is.
pub(crate) fn parse(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            _ if quoted => field.push(letter),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            _ if letter == delimiter => row.push(std::mem::take(&mut field)),
            _ => field.push(letter),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|field| !field.is_empty()));
    rows
}

/// One line, every field quoted, without its end.
pub(crate) fn line<'a>(fields: impl Iterator<Item = &'a str>, delimiter: char) -> String {
    let mut line = String::new();
    for (place, field) in fields.enumerate() {
        if place > 0 {
            line.push(delimiter);
        }
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    }
    line
}

/// The character that a job's `columnDelimiter` names.
pub(crate) fn delimiter(name: &str) -> Option<char> {
    Some(match name {
        "COMMA" => ',',
        "TAB" => '\t',
        "SEMICOLON" => ';',
        "PIPE" => '|',
        "CARET" => '^',
        "BACKQUOTE" => '`',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{line, parse};

    #[test]
    fn what_is_written_is_read_again() {
        let fields = ["plain", "with, comma", "with \"quote\"", "two\nlines", ""];
        let text = format!("{}\n", line(fields.iter().copied(), ','));
        assert_eq!(parse(&text, ','), [fields.map(str::to_owned).to_vec()]);
    }

    #[test]
    fn a_byte_order_mark_and_crlf_do_not_matter() {
        assert_eq!(parse("\u{feff}A;B\r\n1;2\r\n", ';'), [["A", "B"], ["1", "2"]]);
    }
}
