mod briefs;
mod calls;
mod derivations;
mod desks;
mod events;
mod jobs;
mod stage;
