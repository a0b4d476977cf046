//! Stories of locks, and random histories against a simple model of them.

mod alone;
mod bounds;
mod crowds;
mod deadlocks;
mod histories;
mod holding;
mod kept;
mod model;
mod model_ends;
mod referee;
mod script;
mod sessions;
mod stealing;
mod tasks;
mod views;
