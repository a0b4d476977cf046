//! Random scenarios, by families: each family looks at one part of what a supervisor does.
//!
//! What is left out, and why:
//! - A supervisor that is killed: what was below it dies in no order, beside its successor's start.
//! - A start that fails while other ends wait in the mailbox, where few restarts are borne: OTP
//!   counts a further try when it makes it, ours when it decides on it; see the machine's promises.
//! - Instances of a template that ignore a restart: OTP keeps a child without a process for ever.

use std::fmt::Write as _;

use orkestra_runtime::chance::Chance;

/// How many families there are; scenario `n` is of family `n % FAMILIES`.
pub const FAMILIES: u64 = 10;

const STRATEGIES: [&str; 3] = ["one_for_one", "one_for_all", "rest_for_one"];
const RESTARTS: [&str; 4] = ["permanent", "permanent", "transient", "temporary"];
const STAYING: [&str; 2] = ["permanent", "transient"];
const ENDS: [&str; 6] = ["boom", "boom", "normal", "kill", "shutdown", "shutdown_why"];
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// The text of a scenario: the same for the same seed and number.
pub fn scenario(seed: u64, number: u64) -> String {
    let chance = Chance::from_seed(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut script = Script { chance, text: format!("scenario {number}\n") };
    match number % FAMILIES {
        0 => script.ends(),
        1 => script.shutdowns(),
        2 => script.windows(),
        3 => script.nested(false),
        4 => script.overlaps(),
        5 => script.early_ends(),
        6 => script.gaps(),
        7 => script.significance(),
        8 => script.instances(),
        _ => script.nested(true),
    }
    script.text
}

struct Script {
    chance: Chance,
    text: String,
}

impl Script {
    fn pick<T: Copy + Default>(&mut self, from: &[T]) -> T {
        self.chance.pick(from).copied().unwrap_or_default()
    }

    fn up_to(&mut self, most: u64) -> u64 {
        self.chance.below(most + 1)
    }

    fn line(&mut self, words: impl AsRef<str>) {
        self.text.push_str(words.as_ref().trim_end());
        self.text.push('\n');
    }

    fn root(&mut self, strategy: &str, intensities: &[u64]) {
        let intensity = self.pick(intensities);
        self.line(format!("sup top - {strategy} {intensity} 60 never"));
    }

    fn child(&mut self, name: &str, parent: &str, rules: (&str, &str), habits: &str) {
        let (restart, shutdown) = rules;
        self.line(format!("child {name} {parent} {restart} {shutdown} {habits}"));
    }

    fn some_names(&mut self, least: u64) -> &'static [&'static str] {
        let count = least + self.up_to(4 - least.min(4));
        &NAMES[..usize::try_from(count).unwrap_or(NAMES.len()).min(NAMES.len())]
    }

    /// Which starts from the `first` on fail, are refused by a panic, or come to nothing.
    fn bad_starts(&mut self, first: u32, per_mille: u64) -> String {
        let mut habits = String::new();
        for n in first..=6 {
            if self.chance.per_mille(per_mille) {
                let does = self.pick(&["fail", "fail", "crash", "ignore"]);
                let _ = write!(habits, " {n}:{does}");
            }
        }
        habits.trim_start().to_owned()
    }

    fn die(&mut self, names: &[&str]) {
        let (name, how) = (self.pick(names), self.pick(&ENDS));
        self.line(format!("do die {name} {how}"));
    }

    fn administer(&mut self, names: &[&str]) {
        self.administer_by(names, 10);
    }

    /// While somebody is held nothing is counted: OTP would look who is alive, and not only at what
    /// it was told.
    fn administer_held(&mut self, names: &[&str]) {
        self.administer_by(names, 9);
    }

    fn administer_by(&mut self, names: &[&str], ways: u64) {
        let name = self.pick(names);
        match self.chance.below(ways) {
            0..3 => self.line(format!("do terminate top {name}")),
            3..5 => self.line(format!("do restart top {name}")),
            5..7 => self.line(format!("do delete top {name}")),
            7 => self.line("do which top"),
            8 => self.line(format!("do add top {name}")),
            _ => self.line("do count top"),
        }
    }

    fn close(&mut self, supervisors: &[&str]) {
        for name in supervisors {
            self.line(format!("do which {name}"));
        }
        self.line("do stop");
    }

    /// Ends, failing starts and questions under each strategy.
    fn ends(&mut self) {
        let strategy = self.pick(&STRATEGIES);
        self.root(strategy, &[0, 1, 2, 3, 5, 9]);
        let names = self.some_names(1);
        for name in names {
            let starts = self.bad_starts(2, 200);
            // A first start that comes to nothing is rare, since a failed one ends the scenario.
            let first = self.chance.per_mille(120).then(|| self.pick(&["1:fail ", "1:ignore "]));
            let starts = first.unwrap_or_default().to_owned() + &starts;
            let later = if self.chance.per_mille(150) { "later " } else { "" };
            let restart = self.pick(&RESTARTS);
            self.child(name, "top", (restart, "1000"), &format!("{later}{starts}"));
        }
        for _ in 0..7 {
            if self.chance.per_mille(600) { self.die(names) } else { self.administer(names) }
        }
        self.close(&["top"]);
    }

    /// All ways to be stopped.
    fn shutdowns(&mut self) {
        let strategy = self.pick(&STRATEGIES);
        self.root(strategy, &[1, 3, 9]);
        let names = self.some_names(2);
        for name in names {
            let restart = self.pick(&RESTARTS);
            let (shutdown, habit) = self.pick(&[
                ("1000", ""),
                ("brutal", ""),
                ("brutal", "slow=5000"),
                ("infinity", ""),
                ("infinity", "slow=20"),
                ("1000", "slow=10"),
                ("40", "slow=5000"),
                ("1000", "notrap"),
                ("infinity", "notrap"),
            ]);
            self.child(name, "top", (restart, shutdown), habit);
        }
        for _ in 0..6 {
            if self.chance.per_mille(500) { self.die(names) } else { self.administer(names) }
        }
        self.close(&["top"]);
    }

    /// Restarts within and across the period, and at its very end.
    fn windows(&mut self) {
        let (strategy, intensity) = (self.pick(&STRATEGIES), 1 + self.up_to(2));
        let period = 1 + self.up_to(2);
        self.line(format!("sup top - {strategy} {intensity} {period} never"));
        let names = self.some_names(1);
        for name in names {
            let (restart, starts) = (self.pick(&RESTARTS), self.bad_starts(2, 60));
            self.child(name, "top", (restart, "1000"), &starts);
        }
        for _ in 0..4 {
            for _ in 0..=self.up_to(2) {
                let name = self.pick(names);
                self.line(format!("do die {name} boom"));
            }
            let wait = self.pick(&[1, period, period, period + 1]);
            self.line(format!("do sleep {wait}"));
        }
        self.die(names);
        self.close(&["top"]);
    }

    /// A supervisor below another: what gives up below is judged above. With `deep` also a third
    /// floor, and a pool of instances.
    fn nested(&mut self, deep: bool) {
        let (above, below) = (self.pick(&STRATEGIES), self.pick(&STRATEGIES));
        self.root(above, &[0, 1, 2, 4]);
        let (restart, intensity) = (self.pick(&RESTARTS), self.up_to(2));
        let first = self.pick(&RESTARTS);
        self.child("a", "top", (first, "1000"), "");
        self.line(format!("sup in top {below} {intensity} 60 never {restart}"));
        for name in ["b", "c"] {
            let first = if self.chance.per_mille(150) { 1 } else { 2 };
            let (restart, starts) = (self.pick(&RESTARTS), self.bad_starts(first, 120));
            let shutdown = self.pick(&["1000", "brutal", "infinity"]);
            self.child(name, "in", (restart, shutdown), &starts);
        }
        let (mut names, mut supers) = (vec!["a", "b", "c", "b", "c", "d"], vec!["top", "in"]);
        if deep {
            let (strategy, restart) = (self.pick(&STRATEGIES), self.pick(&RESTARTS));
            self.line(format!("sup deep in {strategy} 1 60 never {restart}"));
            for name in ["e", "f"] {
                let restart = self.pick(&RESTARTS);
                self.child(name, "deep", (restart, "1000"), "");
            }
            names.extend(["e", "f", "e", "f"]);
            supers.push("deep");
            let (restart, intensity) = (self.pick(&RESTARTS), self.up_to(2));
            self.line(format!("sup pool top simple_one_for_one {intensity} 60 never {restart}"));
            let restart = self.pick(&RESTARTS);
            self.child("p", "pool", (restart, "1000"), "");
            names.extend(["pa", "pb"]);
            supers.push("pool");
        }
        let last = self.pick(&RESTARTS);
        self.child("d", "top", (last, "1000"), "");
        if deep {
            self.line("do add pool pa");
            self.line("do add pool pb");
        }
        for _ in 0..7 {
            self.nested_step(&names, &supers);
        }
        self.close(&supers);
    }

    fn nested_step(&mut self, names: &[&str], supers: &[&str]) {
        let (name, end) = (self.pick(names), self.pick(&["boom", "normal", "shutdown"]));
        let (inner, what) =
            (self.pick(&["b", "c", "deep"]), self.pick(&["terminate", "restart", "delete"]));
        let supervisor = self.pick(supers);
        match self.up_to(11) {
            0..7 => self.die(&[name]),
            7 => self.line(format!("do die in {end}")),
            8 => self.line(format!("do {what} in {inner}")),
            9 => self.line(format!("do {what} top in")),
            10 => self.line(format!("do count {supervisor}")),
            _ => self.line(format!("do which {supervisor}")),
        }
    }

    /// Ends and questions while the supervisor waits for a child that takes its time to stop.
    fn overlaps(&mut self) {
        let strategy = self.pick(&STRATEGIES);
        self.root(strategy, &[0, 1, 2, 3, 5, 9]);
        let names = self.some_names(3);
        for name in names {
            let restart = self.pick(&RESTARTS);
            self.child(name, "top", (restart, "infinity"), "");
        }
        for _ in 0..2 {
            let held = self.pick(names);
            self.line(format!("do arm {held} stop"));
            match self.up_to(3) {
                0 => self.line(format!("do terminate top {held}")),
                _ => self.die(names),
            }
            for _ in 0..=self.up_to(2) {
                if self.chance.per_mille(700) {
                    self.die(names);
                } else {
                    self.administer_held(names);
                }
            }
            self.line(format!("do open {held}"));
        }
        let held = self.pick(names);
        self.line(format!("do arm {held} stop"));
        self.line("do stop");
        self.die(names);
        self.line(format!("do open {held}"));
    }

    /// Children that are dead before their siblings have been started.
    fn early_ends(&mut self) {
        let strategy = self.pick(&STRATEGIES);
        self.root(strategy, &[0, 1, 2, 3, 5, 9]);
        let names = self.some_names(2);
        for name in names {
            let mut habits = String::new();
            for n in 1..=5 {
                if self.chance.per_mille(220) {
                    let _ = write!(habits, " {n}:dead");
                }
            }
            let restart = self.pick(&RESTARTS);
            self.child(name, "top", (restart, "1000"), habits.trim_start());
        }
        for _ in 0..5 {
            if self.chance.per_mille(700) { self.die(names) } else { self.administer(names) }
        }
        self.close(&["top"]);
    }

    /// Questions between a start that failed and the next try.
    fn gaps(&mut self) {
        self.root("one_for_one", &[30]);
        let names = self.some_names(2);
        for name in names {
            let (restart, starts) = (self.pick(&STAYING), self.bad_starts(2, 450));
            self.child(name, "top", (restart, "1000"), &starts);
        }
        for _ in 0..3 {
            let held = self.pick(names);
            self.line(format!("do arm {held} start"));
            self.line(format!("do die {held} boom"));
            for _ in 0..=self.up_to(2) {
                let of = [held, held, self.pick(names)];
                if self.chance.per_mille(150) { self.die(names) } else { self.administer_held(&of) }
            }
            self.line(format!("do open {held}"));
        }
        self.close(&["top"]);
    }

    /// Significant children, at the root and below.
    fn significance(&mut self) {
        let (strategy, intensity) = (self.pick(&STRATEGIES), self.pick(&[1, 2, 4]));
        let auto = self.pick(&["any_significant", "all_significant", "all_significant"]);
        let inside = self.chance.per_mille(400);
        let parent = if inside { "in" } else { "top" };
        if inside {
            let restart = self.pick(&RESTARTS);
            self.root("one_for_one", &[1, 4]);
            self.line(format!("sup in top {strategy} {intensity} 60 {auto} {restart}"));
        } else {
            self.line(format!("sup top - {strategy} {intensity} 60 {auto}"));
        }
        let names = self.some_names(2);
        for name in names {
            let restart = self.pick(&RESTARTS);
            let counts = restart != "permanent" && self.chance.per_mille(750);
            let starts = self.bad_starts(2, 100);
            let significant = if counts { "significant " } else { "" };
            self.child(name, parent, (restart, "1000"), &format!("{significant}{starts}"));
        }
        for _ in 0..6 {
            let name = self.pick(names);
            match self.up_to(9) {
                0 => self.line(format!("do terminate {parent} {name}")),
                1 => self.line(format!("do restart {parent} {name}")),
                2 => self.line(format!("do which {parent}")),
                _ => self.die(names),
            }
        }
        self.close(&[parent]);
    }

    /// Instances of a template.
    fn instances(&mut self) {
        self.root("simple_one_for_one", &[0, 1, 2, 3, 5, 9]);
        let restart = self.pick(&RESTARTS);
        let mut habits = String::new();
        for n in 1..=5 {
            if self.chance.per_mille(180) {
                let bad = if n == 1 { "ignore" } else { "dead" };
                let does = self.pick(&["fail", "crash", bad]);
                let _ = write!(habits, " {n}:{does}");
            }
        }
        let shutdown = self.pick(&["1000", "brutal", "infinity"]);
        self.child("t", "top", (restart, shutdown), habits.trim_start());
        let names = ["ta", "tb", "tc", "td"];
        for name in &names[..2] {
            self.line(format!("do add top {name}"));
        }
        let mut fresh = names[2..].iter();
        for _ in 0..7 {
            let name = self.pick(&names);
            match self.up_to(9) {
                0 => self.line(format!("do terminate top {name}")),
                1 => self.line("do count top"),
                2 => self.line("do which top"),
                3 => {
                    if let Some(name) = fresh.next() {
                        self.line(format!("do add top {name}"));
                    }
                }
                _ => self.die(&names),
            }
        }
        self.line("do count top");
        self.close(&["top"]);
    }
}
