//! Tables.
use crate::display::{Content, escaped, show};
use serde_json::Value;
use std::fmt;

/// Rows of text below headings; HTML in a notebook, aligned columns elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new<S: Into<String>>(headings: impl IntoIterator<Item = S>) -> Self {
        Self { headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells stay empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.headings.len(), String::new());
        self.rows.push(row);
    }

    /// The rows, top down.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// Shows the table at the end of a cell.
    pub fn evcxr_display(&self) {
        show(&[
            Content { mime: "text/html", body: self.html() },
            Content { mime: "text/plain", body: self.to_string() },
        ]);
    }

    fn html(&self) -> String {
        let line = |tag: &str, cells: &[String]| {
            let cells = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let rows: String = self.rows.iter().map(|row| line("td", row)).collect();
        format!("<table>\n{}{rows}</table>", line("th", &self.headings))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.headings).chain(&self.rows);
        let width = |column: usize| lines().map(|line| line[column].chars().count()).max();
        let widths: Vec<_> = (0..self.headings.len()).map(|i| width(i).unwrap_or(0)).collect();
        for line in lines() {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A value of JSON as a cell of a table.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), rounded),
        other => other.to_string(),
    }
}

/// A number to four decimals, or in scientific notation where those would hide it.
pub(crate) fn rounded(number: f64) -> String {
    if number != 0.0 && number.abs() < 1e-3 {
        return format!("{number:.1e}");
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.705308, 500.0, 0.0, 3.5e-11].map(rounded), ["0.7053", "500", "0", "3.5e-11"]);
    }

    #[test]
    fn a_table_is_html_or_aligned_text() {
        let mut table = Table::new(["measure", "mean"]);
        table.row(["return", "9.5"]);
        table.row(["<γ>"]);
        assert_eq!(table.to_string(), "measure  mean\nreturn   9.5\n<γ>\n");
        let html = "<table>\n<tr><th>measure</th><th>mean</th></tr>\n\
                    <tr><td>return</td><td>9.5</td></tr>\n\
                    <tr><td>&lt;γ&gt;</td><td></td></tr>\n</table>";
        assert_eq!(table.html(), html);
    }
}
