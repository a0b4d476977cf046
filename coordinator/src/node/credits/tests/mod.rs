mod machine;
mod world;
