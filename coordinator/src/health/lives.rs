//! Where one life of a node ends in a log, and the next begins.

use orkestra_runtime::supervise::{event::What, log::Record};

/// Numbers the lives of a node in a log that holds several.
///
/// A root that ends in order says so. One that was killed says nothing; then the next life shows
/// by its first child, which is a first incarnation once more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lives {
    count: u32,
    has_child: bool,
    is_over: bool,
}

impl Lives {
    /// The life that this record belongs to, from 1. Records are given in their order.
    pub(crate) fn of(&mut self, record: &Record) -> u32 {
        let depth = record.who.matches('/').count();
        let is_first = depth == 1
            && record.incarnation.0 == 1
            && matches!(record.what, What::Started | What::Ignored | What::StartFailed);
        let is_after_end = self.is_over && record.what != What::LinesLost;
        if self.count == 0 || is_after_end || (is_first && self.has_child) {
            *self = Self { count: self.count + 1, has_child: false, is_over: false };
        }
        self.has_child |= depth == 1;
        self.is_over |=
            depth == 0 && matches!(record.what, What::Stopped | What::GaveUp | What::StartFailed);
        self.count
    }
}
