//! Thresholds, milestones and incidents, with exact values.

mod incidents;
mod monitor;
mod runs;
mod thresholds;
