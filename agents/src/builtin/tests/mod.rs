//! Stories about the reviewers, told with scratch repositories.
//!
//! This repository is reviewed by them too: what must be found is put together at run time.

mod clean;
mod code;
mod council;
mod documents;
mod hygiene;
mod packages;
mod past;
mod scratch;
mod secret;
