//! One reader under attack: where its seeds are, how long it is tried, and what a failure says.

use std::{
    fmt::Write as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::PathBuf,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use orkestra_runtime::time::{Clock as _, SystemClock};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::bend::{Plan, Stock, bent};

/// How long a target is tried, unless the environment says otherwise.
pub(crate) const TIME: Duration = Duration::from_secs(1);
/// How long one input may take, on a machine that has other things to do.
const ONE_MAX: Duration = Duration::from_secs(20);
/// How much address space there is: who believes a claimed length ends here.
const SPACE_BYTES_MAX: u64 = 4 << 30;
/// How often a target must have been tried, or its run proves little.
const TRIES_MIN: u64 = 4;
/// No refusal is longer: what was refused is not repeated in full.
const REFUSAL_BYTES_MAX: usize = 2_000;

/// What a reader said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It read the input, and all that must hold then does.
    Read,
    /// It refused the input, as it should.
    Refused,
}

/// A reader's name, its seeds, and what happened so far.
pub(crate) struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    /// How many of them, from the first, were written by a version of this program.
    valid: usize,
    words: &'static [&'static str],
    clock: Arc<SystemClock>,
    read: AtomicU64,
    refused: AtomicU64,
}

impl Target {
    /// A target with the values that were kept for it, and these.
    pub(crate) fn of(name: &'static str, fresh: impl IntoIterator<Item = Vec<u8>>) -> Self {
        static LIMITED: Once = Once::new();
        LIMITED.call_once(|| {
            let limit = Rlimit { current: Some(SPACE_BYTES_MAX), maximum: Some(SPACE_BYTES_MAX) };
            setrlimit(Resource::As, limit).unwrap();
        });
        let folder = kept(name);
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        files.sort();
        assert!(!files.is_empty(), "no seed is kept in {}", folder.display());
        let is_valid = |file: &PathBuf| file.to_string_lossy().contains("/valid-");
        files.sort_by_key(|file| !is_valid(file));
        let valid = files.iter().filter(|file| is_valid(file)).count();
        let mut seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        seeds.extend(fresh);
        let (read, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { name, seeds, valid, words: &[], clock: SystemClock::start(), read, refused }
    }

    /// The same with words that mean something to the reader.
    pub(crate) fn knowing(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    /// Tries the seeds as they are; what a version of this program wrote is read for ever.
    pub(crate) fn hold_seeds(&self, check: &impl Fn(&[u8]) -> Said) {
        for (index, seed) in self.seeds.iter().enumerate() {
            let said = self.hold(check, seed);
            let must = index < self.valid;
            assert!(
                !must || said == Said::Read,
                "refused, and was written once: {}",
                self.told(seed)
            );
        }
    }

    /// What a plan makes of the seeds.
    pub(crate) fn bent(&self, plan: &Plan) -> Vec<u8> {
        bent(plan, &Stock { seeds: &self.seeds, words: self.words })
    }

    /// Tries one input; a promise that is broken is told with the input.
    pub(crate) fn hold(&self, check: &impl Fn(&[u8]) -> Said, input: &[u8]) -> Said {
        let began = self.clock.now().moment;
        let said = catch_unwind(AssertUnwindSafe(|| check(input)));
        let took = self.clock.now().moment.since(began);
        let said = match said {
            Ok(said) => said,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
                let Some(text) = text else { resume_unwind(panic) };
                panic!("{text}\n{}", self.told(input));
            }
        };
        assert!(took < ONE_MAX, "it took {took:?}\n{}", self.told(input));
        let count = if said == Said::Read { &self.read } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
        said
    }

    fn told(&self, input: &[u8]) -> String {
        let mut hex = String::new();
        for byte in input.iter().take(16 * 1024) {
            write!(hex, "{byte:02x}").unwrap();
        }
        let text = String::from_utf8_lossy(input);
        format!(
            "input of {} bytes for target {}:\n{}\nin hex, to be kept in {}:\n{hex}",
            input.len(),
            self.name,
            text.chars().take(4_000).collect::<String>(),
            kept(self.name).display()
        )
    }

    /// Something was read, something was refused, and not by a hair.
    pub(crate) fn was_not_idle(&self) {
        let (read, refused) =
            (self.read.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        assert!(read + refused >= TRIES_MIN, "only {} tries", read + refused);
        assert!(read > 0 && refused > 0, "{read} were read and {refused} refused");
    }
}

fn kept(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "kept", "fuzz", name].iter().collect()
}

/// A refusal is one sentence or a list of them: it says something, and not too much.
pub(crate) fn refused(why: &impl ToString) -> Said {
    let why = why.to_string();
    assert!(why.chars().any(char::is_alphabetic), "a refusal says nothing: {why:?}");
    assert!(why.len() <= REFUSAL_BYTES_MAX, "a refusal has {} bytes: {why:.400}", why.len());
    Said::Refused
}

/// Tries a target: first the seeds as they are, then bent for as long as it is meant to be.
macro_rules! attack {
    ($target:expr, $check:expr) => {{
        let (target, check) = ($target, $check);
        target.hold_seeds(&check);
        let check = std::panic::AssertUnwindSafe(check);
        let target = std::panic::AssertUnwindSafe(target);
        bolero::check!()
            .with_generator($crate::bend::plans())
            .with_test_time($crate::target::TIME)
            .for_each(|plan| {
                let (target, check) = (&target, &check);
                target.hold(&|input: &[u8]| (check.0)(input), &target.bent(plan));
            });
        target.was_not_idle();
    }};
}
pub(crate) use attack;
