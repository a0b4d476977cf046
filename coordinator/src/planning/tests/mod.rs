mod briefs;
mod derivations;
mod desks;
mod events;
mod jobs;
mod stage;
