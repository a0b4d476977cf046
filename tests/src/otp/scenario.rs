//! What a scenario says, read from its text.

use std::{sync::Arc, time::Duration};

use orkestra_runtime::{
    restart::{Intensity, Restart},
    supervise::rules::{AutoShutdown, Plan, Rules, Shutdown, Strategy},
};

/// How many instances a template may have: more than any scenario starts.
const INSTANCES_MAX: usize = 1_000;

/// One scenario: who there is, and what is done.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// Its number.
    pub number: String,
    /// Supervisors and children, in the order in which they are written; that of their start.
    pub members: Vec<Member>,
    /// What is done, as words without the leading `do`.
    pub steps: Vec<Vec<String>>,
}

/// A scenario, and what happened: a line for the start and one for each step.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// What was played.
    pub scenario: Scenario,
    /// What was told of it.
    pub told: Vec<String>,
}

/// A supervisor or a child.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name, unique in the scenario.
    pub name: String,
    /// Its supervisor; none of the root.
    pub parent: Option<String>,
    /// What holds for it as a child.
    pub rules: Rules,
    /// What holds for it as a supervisor, without its children.
    pub plan: Option<Plan>,
    /// How it behaves, word by word.
    pub habits: Vec<String>,
}

impl Member {
    /// Whether it does this.
    pub fn has(&self, habit: &str) -> bool {
        self.habits.iter().any(|word| word == habit)
    }

    /// What its n-th start does, if it is said.
    pub fn nth_start(&self, n: u32) -> Option<&str> {
        self.habits.iter().find_map(|word| word.strip_prefix(&format!("{n}:")))
    }

    /// How long it takes to stop.
    pub fn slow_ms(&self) -> Option<u64> {
        self.habits.iter().find_map(|word| word.strip_prefix("slow=")?.parse().ok())
    }
}

impl Scenario {
    /// The member of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// What a supervisor begins with: its flags and its children.
    pub fn plan(&self, name: &str) -> Option<Plan> {
        let mut plan = self.member(name)?.plan.clone()?;
        let below = self.members.iter().filter(|member| member.parent.as_deref() == Some(name));
        plan.children = below
            .filter(|member| !member.has("later"))
            .map(|member| (member.name.as_str().into(), Arc::new(member.rules.clone())))
            .collect();
        Some(plan)
    }
}

/// Reads scenarios with what was told of them, if it was.
pub fn read(text: &str) -> Result<Vec<Played>, String> {
    let mut all: Vec<Played> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["scenario", number] = words[..] {
            let scenario = Scenario { number: number.to_owned(), ..Scenario::default() };
            all.push(Played { scenario, told: Vec::new() });
            continue;
        }
        let fault = || format!("line {}: cannot read {line:?}", n + 1);
        match (words.first(), all.last_mut()) {
            (None, _) => {}
            (Some(word), _) if word.starts_with('#') => {}
            (_, None) => return Err(fault()),
            (Some(&"="), Some(played)) => {
                played.told.push(canonical(&played.scenario, &words[1..]));
            }
            (Some(&"do"), Some(played)) => {
                played.scenario.steps.push(words[1..].iter().map(ToString::to_string).collect());
            }
            (Some(_), Some(played)) => {
                played.scenario.members.push(member(&words).ok_or_else(fault)?);
            }
        }
    }
    Ok(all)
}

/// What is told, as one line. Instances of a template are stopped together and in no order, so
/// those that are told of in a row are sorted.
pub(super) fn canonical(scenario: &Scenario, words: &[&str]) -> String {
    let is_instance =
        |word: &&str| word.strip_prefix('-').is_some_and(|name| scenario.member(name).is_none());
    let mut words = words.to_vec();
    for run in words.chunk_by_mut(|one, next| is_instance(one) && is_instance(next)) {
        if run.len() > 1 {
            run.sort_unstable();
        }
    }
    words.join(" ")
}

fn member(words: &[&str]) -> Option<Member> {
    match words {
        ["sup", name, parent, strategy, intensity, period, auto, rest @ ..] => {
            let restarts = intensity.parse().ok()?;
            let period = Duration::from_secs(period.parse().ok()?);
            let plan = Plan {
                strategy: strategy_of(strategy)?,
                intensity: Intensity { restarts, period },
                auto_shutdown: match *auto {
                    "never" => AutoShutdown::Never,
                    "any_significant" => AutoShutdown::AnySignificant,
                    "all_significant" => AutoShutdown::AllSignificant,
                    _ => return None,
                },
                children: Vec::new(),
            };
            let rules = match rest.first() {
                Some(restart) => Rules { restart: restart_of(restart)?, ..Rules::supervisor() },
                None => Rules::supervisor(),
            };
            let habits = rest.iter().skip(1);
            Some(finish((name, parent), rules, Some(plan), habits))
        }
        ["child", name, parent, restart, shutdown, habits @ ..] => {
            let shutdown = match *shutdown {
                "brutal" => Shutdown::Brutal,
                "infinity" => Shutdown::Infinite,
                ms => Shutdown::Within(Duration::from_millis(ms.parse().ok()?)),
            };
            let rules = Rules { restart: restart_of(restart)?, shutdown, ..Rules::worker() };
            Some(finish((name, parent), rules, None, habits.iter()))
        }
        _ => None,
    }
}

fn finish<'a>(
    (name, parent): (&str, &str),
    mut rules: Rules,
    plan: Option<Plan>,
    habits: impl Iterator<Item = &'a &'a str>,
) -> Member {
    let habits: Vec<String> = habits.map(ToString::to_string).collect();
    rules.significant = habits.iter().any(|habit| habit == "significant");
    let parent = (parent != "-").then(|| parent.to_owned());
    Member { name: name.to_owned(), parent, rules, plan, habits }
}

fn strategy_of(word: &str) -> Option<Strategy> {
    match word {
        "one_for_one" => Some(Strategy::OneForOne),
        "one_for_all" => Some(Strategy::OneForAll),
        "rest_for_one" => Some(Strategy::RestForOne),
        "simple_one_for_one" => Some(Strategy::Dynamic { children_max: INSTANCES_MAX }),
        _ => None,
    }
}

fn restart_of(word: &str) -> Option<Restart> {
    match word {
        "permanent" => Some(Restart::Permanent),
        "transient" => Some(Restart::Transient),
        "temporary" => Some(Restart::Temporary),
        _ => None,
    }
}
