//! How councils behave, and their bounds.

/// How many councils a shard may have.
pub const COUNCILS_MAX: usize = 256;
/// How many seats a council may have.
pub const SEATS_MAX: usize = 64;
/// How many seats take part in one deliberation.
pub const SEATS_PER_DELIBERATION_MAX: usize = 16;
/// How many deliberations may go on at a time.
pub const OPEN_MAX: usize = 1_000;
/// How many rounds of critique there may be.
pub const ROUNDS_MAX: u32 = 5;
/// How many bytes the brief may take as JSON: what is to be done, by what it is judged, what is
/// required, and what else is known.
pub const BRIEF_BYTES_MAX: usize = 16 * 1024;
/// How many bytes the settings and the metadata of a council, or of a seat, may take.
pub const CONFIG_BYTES_MAX: usize = 16 * 1024;
/// How many bytes of its own whoever asks may leave with a deliberation.
pub const NOTES_BYTES_MAX: usize = 16 * 1024;
/// How long the name of a deliberation may be.
pub const ID_BYTES_MAX: usize = 100;
/// How long the name of a role may be.
pub const ROLE_BYTES_MAX: usize = 64;
/// How long the name of a namespace may be.
pub const NAMESPACE_BYTES_MAX: usize = 64;
/// How many bytes of why something is out, or was cancelled, are kept.
pub const WHY_BYTES_MAX: usize = 500;
/// How many seats a council has where nothing is said, and how many deliberate.
pub const SEATS_DEFAULT: u32 = 3;
/// How often a step is tried at most where nothing is said.
pub const ITERATIONS_DEFAULT: u32 = 10;
/// How long a deliberation may take where nothing is said.
pub const TIMEOUT_MS_DEFAULT: u64 = 300_000;
/// How long a deliberation may take at most: a week.
pub const TIMEOUT_MS_MAX: u64 = 7 * 24 * 3_600 * 1_000;
/// How much a check may weigh.
pub const WEIGHT_MAX: u32 = 1_000;
/// How many bytes of what critics and revisers said are kept of one step in minutes.
pub const LINE_BYTES_MAX: usize = 400;
/// How many of the last deliberations are known with their durations.
pub const RECENT_MAX: usize = 1_000;
/// How many roles are counted apart; the rest is counted together.
pub const ROLES_COUNTED_MAX: usize = 1_000;
