//! What a node of a cluster does for the others.

pub mod credits;
