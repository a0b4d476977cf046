//! The task machine, by stories and by chance.

mod agents;
mod cancels;
mod checks;
mod credits;
mod gauges;
mod graphs;
mod heal;
mod people;
mod retries;
mod script;
mod selection;
mod shared_agents;
mod standing;
mod why;
mod world;
