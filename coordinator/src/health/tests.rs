//! Thresholds, milestones and incidents, with exact values.

mod incidents;
mod runs;
mod thresholds;
