//! Lines of a text, by the bytes at which they begin.

/// Where the lines of a text begin.
pub(super) struct Lines {
    breaks: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self { breaks: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// The line in which a byte stands, from 1.
    pub(super) fn at(&self, byte: usize) -> usize {
        self.breaks.partition_point(|it| *it < byte) + 1
    }
}
