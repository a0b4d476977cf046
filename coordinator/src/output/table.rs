//! Tables without borders.

use comfy_table::TableStyle;

/// Rows under a header, as wide as they need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns and no row.
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { header: header.map(str::to_uppercase).to_vec(), rows: Vec::new() }
    }

    /// The same with as many columns as there are names, as they are spelled.
    pub const fn of(header: Vec<String>) -> Self {
        Self { header, rows: Vec::new() }
    }

    /// Adds a row: a cell for each column; none is shown as `-`, and lines are joined.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) -> &mut Self {
        let cells = cells.into_iter().map(|cell| {
            let cell: String = cell.into();
            if cell.is_empty() { "-".to_owned() } else { cell.replace(['\n', '\t', '\r'], " ") }
        });
        self.rows.push(cells.take(self.header.len()).collect());
        self
    }

    /// Whether it has no row.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, each line ended.
    pub fn render(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new());
        table.set_header(self.header.clone());
        table.add_rows(self.rows.clone());
        let columns = table.column_count();
        for column in table.column_iter_mut() {
            let right = if column.index + 1 == columns { 0 } else { 3 };
            column.set_padding((0, right));
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_columns_and_nothing_else() {
        let mut table = Table::new(["task", "state"]);
        table.row(["inventory", "completed"]).row(["x", ""]);
        assert_eq!(table.render(), "TASK        STATE\ninventory   completed\nx           -\n");
        assert!(Table::new(["a"]).is_empty());
    }
}
