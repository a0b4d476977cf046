//! Killed without a warning, two hundred times.

use orkestra_tests::command::LIMIT;

use crate::{
    Told, chance, desk,
    history::{Asked, check, exported},
    lives::{Moment, RUN, first_life, live, needs_of, scenario},
};

const KILLS: usize = 200;
/// So many more than the kills let end that a slow machine does not come to the end before them.
const TASKS: usize = 4_000;
/// How many kills must have hit a run in the middle, or the history proves little.
const AMIDST_MIN: usize = 100;
/// And how many must have hit a start.
const EARLY_MIN: usize = 10;
/// After how many kills the record is kept, to be compared with a later one.
const KEEP_EVERY: usize = 40;
/// At every how many kills somebody else wants to work in the same folder.
const RIVAL_EVERY: usize = 25;

fn needs(task: &str) -> Vec<String> {
    needs_of(task, TASKS)
}

#[expect(clippy::print_stderr, reason = "the figures are for whoever reads the test's output")]
#[tokio::test]
async fn two_hundred_kills_lose_nothing_that_was_said_and_record_nothing_twice() {
    let mut chance = chance();
    let (desk, mut told) =
        (desk().env("ORKESTRA_JOURNAL__SNAPSHOT_EVERY_RECORDS", "250"), Told::default());
    desk.write("killed.toml", &scenario(TASKS));
    let start_takes = first_life(&desk, &mut told);
    let (mut amidst, mut kept) = (0, Vec::new());
    for kill in 1..KILLS {
        let moment = Moment::draw(&mut chance, start_takes);
        amidst += usize::from(live(&desk, &moment, &mut told, kill % RIVAL_EVERY == 0) > 0);
        if kill % KEEP_EVERY == 0 {
            kept.push(exported(&desk));
        }
    }
    let said_before = told.states.len();

    let mut last = desk.start(&RUN);
    last.hear(LIMIT, |line| line.contains("run_ended"));
    let said = last.end().expect(0).says(&["run killed-1 goes on where it was: ", "of 4000 tasks"]);
    told.listen(&said);
    let ended = said.lines().pop().unwrap();
    assert_eq!((&ended["event"], &ended["run"]), (&"run_ended".into(), &"killed-1".into()));
    assert_eq!(ended["counts"]["completed"], TASKS);

    let figures = check(&desk, &told, &Asked { tasks: TASKS, needs }).await;
    let export = exported(&desk);
    for (index, kept) in kept.iter().enumerate() {
        assert!(export.starts_with(kept.as_str()), "the record of keep {index} was changed");
    }
    assert!(amidst >= AMIDST_MIN, "only {amidst} kills hit a run in the middle");
    assert!(KILLS - 1 - amidst >= EARLY_MIN, "only {} kills hit a start", KILLS - 1 - amidst);
    assert!(figures.executed_again > 0, "no kill ever hit between doing and recording");
    assert!(figures.reigns > amidst, "fewer reigns than lives that got somewhere: {figures}");
    assert!(figures.large >= TASKS / 100, "only {} results were large", figures.large);
    eprintln!(
        "{KILLS} kills, {amidst} amidst; {said_before} endings told before the last; {figures}"
    );
}
