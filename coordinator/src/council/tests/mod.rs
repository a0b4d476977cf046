//! Stories of councils, told with a whole shard and agents by hand.

mod committee;
mod course;
mod ends;
mod figures;
mod kept;
mod lifecycle;
mod minds;
mod properties;
mod ranking;
mod script;
