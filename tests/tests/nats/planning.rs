//! What planning and agents elsewhere say, over real servers: nothing is lost, nothing is guessed,
//! nothing waits for ever.

mod access;
mod cluster;
mod given;
mod stories;
