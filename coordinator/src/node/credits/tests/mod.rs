mod counter;
mod machine;
mod world;
