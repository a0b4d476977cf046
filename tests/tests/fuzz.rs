//! Everything that reads what somebody else wrote, fed with what nobody would write.
//!
//! A target is one reader. It is given valid values, what was kept in `kept/fuzz/<target>`, and
//! both of these bent: bits flipped, ranges cut, doubled, spliced, numbers made absurd, brackets
//! nested. What must hold is said by the target: never only "it does not panic", but also that
//! what is read is written again to something that reads the same, that what is refused is refused
//! with a sentence, and that nothing claimed is believed.
//!
//! Each target runs for about a second. `BOLERO_RANDOM_TEST_TIME_MS=600000` makes that ten minutes;
//! a failure prints the seed that repeats it as `BOLERO_RANDOM_SEED`, and the input, which belongs
//! into `kept/fuzz/<target>` once the reader is mended.

#![expect(clippy::unwrap_used, reason = "a target that cannot be set up ends the test")]
#![expect(clippy::panic, reason = "a promise that does not hold ends the test")]

#[path = "fuzz/answers.rs"]
mod answers;
#[path = "fuzz/bend.rs"]
mod bend;
#[path = "fuzz/doors.rs"]
mod doors;
#[path = "fuzz/events.rs"]
mod events;
#[path = "fuzz/folders.rs"]
mod folders;
#[path = "fuzz/frames.rs"]
mod frames;
#[path = "fuzz/programs.rs"]
mod programs;
#[path = "fuzz/records.rs"]
mod records;
#[path = "fuzz/repositories.rs"]
mod repositories;
#[path = "fuzz/target.rs"]
mod target;
#[path = "fuzz/templates.rs"]
mod templates;
#[path = "fuzz/values.rs"]
mod values;
#[path = "fuzz/written.rs"]
mod written;
