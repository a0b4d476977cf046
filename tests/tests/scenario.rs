//! Stories of a whole node in one process: real supervision, real shard, real workers, and a
//! journal that fails when it is told to. Time is paused where a story has to wait for it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must end")]
#![expect(
    clippy::disallowed_methods,
    reason = "each story awaits what it spawns, and measures time that is paused"
)]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use orkestra_agents::{
    Context, DynAgent, Work, kinds::function::FunctionAgent, worker::AgentFactory,
};
use orkestra_coordinator::{
    inspect::Inspection,
    system::{Member, System, SystemSpec},
    task::{Answer, Query, RunOpening, view::TaskView},
};
use orkestra_runtime::{
    ErrorKind,
    fabric::{Fabric, Sequence, embedded::Embedded},
    id::{AgentId, RunId, ShardId, TaskId},
    journal::{Journal, Position},
    protocol::{
        payload::Json,
        task::{Dependency, DependencyKind, Failure, TaskSpec},
    },
};
use orkestra_tests::faulty::{Fate, Faulty};
use tokio::sync::watch;

/// What the agents of a story do: a task `held…` ends when its gate is opened, `panics…` panics at
/// its first attempt, any other ends at once.
#[derive(Clone)]
struct Play {
    begun: watch::Sender<Vec<String>>,
    open: watch::Sender<BTreeSet<String>>,
}

impl Play {
    fn new() -> Self {
        Self { begun: watch::Sender::default(), open: watch::Sender::default() }
    }

    /// Lets a held task end.
    fn open(&self, name: &str) {
        self.open.send_modify(|open| {
            open.insert(name.to_owned());
        });
    }

    /// Waits until an attempt has begun: `name#attempt`.
    async fn begun(&self, attempt: &str) {
        let mut begun = self.begun.subscribe();
        begun.wait_for(|begun| begun.iter().any(|one| one == attempt)).await.unwrap();
    }

    /// All attempts that have begun, in the order of their names.
    fn all_begun(&self) -> Vec<String> {
        let mut begun = self.begun.borrow().clone();
        begun.sort();
        begun
    }

    async fn work(self, work: Work, _: Context) -> Result<Json, Failure> {
        let name = work.id.to_string();
        self.begun.send_modify(|begun| begun.push(format!("{name}#{}", work.attempt)));
        if name.starts_with("held") {
            let mut open = self.open.subscribe();
            let _ = open.wait_for(|open| open.contains(&name)).await;
        }
        assert!(!(name.starts_with("panics") && work.attempt.0 == 1), "as the story goes");
        Ok(Json::null())
    }

    fn member(&self, name: &str, capacity: u32) -> Member {
        let play = self.clone();
        let agent: Arc<dyn DynAgent> =
            Arc::new(FunctionAgent::new(move |work, context| play.clone().work(work, context)));
        let factory: AgentFactory = Arc::new(move || Arc::clone(&agent));
        Member::new(AgentId::new(name).unwrap(), "function", capacity, factory)
    }
}

/// A node over a fabric, with one agent.
async fn node(fabric: &Faulty, play: &Play, capacity: u32) -> System {
    let mut spec = SystemSpec::new(Arc::new(fabric.clone()), std::env::temp_dir()).unwrap();
    spec.members = vec![play.member("ann", capacity)];
    System::start(spec).await.unwrap()
}

fn memory() -> Faulty {
    Faulty::over(Arc::new(Embedded::memory()))
}

fn run() -> RunId {
    RunId::new("run").unwrap()
}

fn id(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

fn task(name: &str, needs: &[&str]) -> Arc<TaskSpec> {
    let mut spec = TaskSpec::new(id(name));
    let need = |on: &&str| Dependency { on: id(on), kind: DependencyKind::Hard };
    spec.dependencies = needs.iter().map(need).collect();
    Arc::new(spec)
}

async fn begin(system: &System, tasks: Vec<Arc<TaskSpec>>) {
    let count = tasks.len() as u64;
    system.tasks().open(&run(), RunOpening::default()).await.unwrap();
    system.tasks().submit(&run(), tasks).await.unwrap();
    system.tasks().seal(&run(), count).await.unwrap();
}

async fn view(system: &System, name: &str) -> TaskView {
    let answer = system.tasks().query(Query::Task(run(), id(name))).await.unwrap();
    let Answer::Task(Some(view)) = answer else { panic!("no task {name}") };
    *view
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stops_gives_its_agents_nothing_new_and_sets_nothing_aside() {
    let (fabric, play) = (memory(), Play::new());
    let system = node(&fabric, &play, 2).await;
    begin(&system, vec![task("held-1", &[]), task("held-2", &[]), task("later", &[])]).await;
    play.begun("held-1#1").await;
    play.begun("held-2#1").await;
    let tasks = system.tasks().clone();
    let stopping = tokio::spawn(system.stop());
    let drained = async {
        play.open("held-1");
        for _ in 0..400 {
            tokio::task::yield_now().await;
            let answer = tasks.query(Query::Task(run(), id("later"))).await.unwrap();
            let Answer::Task(Some(view)) = answer else { panic!("no task") };
            assert!(view.attempt.0 <= 1, "given out again and again: {view:?}");
        }
        play.open("held-2");
    };
    drained.await;
    stopping.await.unwrap().unwrap();
    assert_eq!(play.all_begun(), ["held-1#1", "held-2#1"]);

    let system = node(&fabric, &play, 2).await;
    let summary = system.tasks().wait(&run()).await.unwrap();
    assert_eq!(summary.counts.completed, 3);
    system.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_what_was_held_begins_again_at_once_and_nobody_is_blamed() {
    let (store, play): (Arc<dyn Fabric>, _) = (Arc::new(Embedded::memory()), Play::new());
    let (first, second) = (Faulty::over(Arc::clone(&store)), Faulty::over(store));
    let dead = node(&first, &play, 1).await;
    begin(&dead, vec![task("held", &[])]).await;
    play.begun("held#1").await;
    first.always(Fate::Dead);

    let began = tokio::time::Instant::now();
    let system = node(&second, &play, 1).await;
    play.begun("held#2").await;
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    assert_eq!(view(&system, "held").await.failures, 0);
    play.open("held");
    assert_eq!(system.tasks().wait(&run()).await.unwrap().counts.completed, 1);
    system.stop().await.unwrap();
    // What is left of the dead must not outlive the story.
    first.always(Fate::Lost);
    drop(dead.stop().await);
}

#[tokio::test(start_paused = true)]
async fn a_lost_word_of_the_journal_in_mid_run_costs_nobody_anything() {
    for fate in [Fate::Lost, Fate::Unheard] {
        let (fabric, play) = (memory(), Play::new());
        let system = node(&fabric, &play, 4).await;
        let names: Vec<String> = (0..20).map(|n| format!("t{n:02}")).collect();
        let mut tasks = vec![task("held", &[])];
        tasks.extend(names.iter().map(|name| task(name, &["held"])));
        begin(&system, tasks).await;
        play.begun("held#1").await;
        let waiting = tokio::spawn({
            let tasks = system.tasks().clone();
            async move { tasks.wait(&run()).await }
        });
        tokio::task::yield_now().await;
        fabric.next([fate, Fate::Made, Fate::Made, fate, Fate::Made, Fate::Made, fate]);
        play.open("held");
        let summary = waiting.await.unwrap().unwrap();
        assert_eq!((fabric.left(), summary.counts.completed), (0, 21), "{fate:?}");
        let begun = play.all_begun();
        let each_once: BTreeSet<&str> =
            begun.iter().filter_map(|one| one.split('#').next()).collect();
        assert_eq!(each_once.len(), begun.len(), "begun twice: {begun:?}");
        system.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_run_sees_every_ending_or_the_end_of_his_stream() {
    let (fabric, play) = (memory(), Play::new());
    let system = node(&fabric, &play, 1).await;
    begin(&system, vec![task("held", &[])]).await;
    play.begun("held#1").await;
    let mut following = system.tasks().follow(&run()).await.unwrap();
    fabric.next([Fate::Lost]);
    play.open("held");
    system.tasks().wait(&run()).await.unwrap();
    let next = tokio::time::timeout(Duration::from_mins(5), following.next());
    assert!(next.await.is_ok(), "followed a reign that is over, and was not told");
    system.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_run_that_is_not_there_is_not_kept_waiting() {
    let system = node(&memory(), &Play::new(), 1).await;
    let followed = async {
        let mut following = system.tasks().follow(&run()).await.ok()?;
        following.next().await
    };
    let followed = tokio::time::timeout(Duration::from_mins(5), followed);
    assert_eq!(followed.await.ok(), Some(None));
    system.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_writing_and_not_the_run() {
    let (fabric, play) = (memory(), Play::new());
    let system = node(&fabric, &play, 2).await;
    begin(&system, vec![task("held-1", &[]), task("held-2", &[]), task("after", &["held-2"])])
        .await;
    play.begun("held-1#1").await;
    play.begun("held-2#1").await;
    fabric.always(Fate::Full);
    play.open("held-1");
    play.open("held-2");
    let mut others = (0..).map(|n| RunId::new(format!("other-{n}")).unwrap());
    let refused = loop {
        let other = others.next().unwrap();
        let opened = system.tasks().open(&other, RunOpening::default());
        match tokio::time::timeout(Duration::from_secs(1), opened).await {
            Ok(opened) => break opened.unwrap_err().to_string(),
            Err(_) => assert_eq!(view(&system, "after").await.state, "waiting"),
        }
    };
    assert!(refused.contains("the journal is full"), "{refused}");
    tokio::time::sleep(Duration::from_mins(2)).await;
    fabric.always(Fate::Made);
    assert_eq!(system.tasks().wait(&run()).await.unwrap().counts.completed, 3);
    assert_eq!(play.all_begun(), ["after#1", "held-1#1", "held-2#1"]);
    system.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_first_came_while_the_disk_was_full_is_given_work_afterwards() {
    let (fabric, play) = (memory(), Play::new());
    let system = node(&fabric, &play, 1).await;
    system.tasks().open(&run(), RunOpening::default()).await.unwrap();
    system.stop().await.unwrap();
    // The reign's own record fits; the first word of the new agent does not.
    fabric.next([Fate::Made]);
    fabric.always(Fate::Full);
    let mut spec = SystemSpec::new(Arc::new(fabric.clone()), std::env::temp_dir()).unwrap();
    spec.members = vec![play.member("bob", 1), play.member("cid", 1)];
    let system = System::start(spec).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    fabric.always(Fate::Made);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let tasks: Vec<_> = ["bob", "cid"]
        .map(|name| {
            let mut spec = TaskSpec::new(id(name));
            spec.agents = vec![AgentId::new(name).unwrap()];
            Arc::new(spec)
        })
        .into();
    begin(&system, tasks).await;
    let ended = tokio::time::timeout(Duration::from_mins(5), system.tasks().wait(&run())).await;
    assert_eq!(ended.expect("nobody works on them").unwrap().counts.completed, 2);
    system.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_panics_is_started_anew_and_its_other_work_is_not_blamed() {
    let (fabric, play) = (memory(), Play::new());
    let system = node(&fabric, &play, 2).await;
    begin(&system, vec![task("held", &[]), task("panics", &["t"]), task("t", &[])]).await;
    play.begun("panics#2").await;
    play.open("held");
    let summary = system.tasks().wait(&run()).await.unwrap();
    assert_eq!(summary.counts.completed, 3);
    assert_eq!(view(&system, "held").await.failures, 0);
    assert_eq!(view(&system, "panics").await.failures, 1);
    system.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_folder_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let play = Play::new();
    let start = |member: Member| async {
        let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open(folder.path()).unwrap());
        let mut spec = SystemSpec::new(Arc::clone(&fabric), folder.path().to_owned()).unwrap();
        spec.members = vec![play.member("ann", 1), member];
        (System::start(spec).await, fabric)
    };
    let mut broken = play.member("bob", 1);
    let calls = Arc::new(Mutex::new(0));
    let called = Arc::clone(&calls);
    broken.factory = Arc::new(move || {
        *called.lock().unwrap() += 1;
        panic!("as the story goes")
    });
    let (failed, fabric) = start(broken).await;
    assert!(failed.unwrap_err().to_string().contains("bob"));
    fabric.close().await;
    drop(fabric);
    assert_eq!(*calls.lock().unwrap(), 1);
    for _ in 0..2 {
        let (system, fabric) = start(play.member("bob", 1)).await;
        let system = system.unwrap();
        begin(&system, vec![task("t", &[])]).await;
        system.tasks().wait(&run()).await.unwrap();
        system.stop().await.unwrap();
        fabric.close().await;
    }
    assert_eq!(play.all_begun(), ["t#1"]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_the_reign_changes_is_answered_by_the_next() {
    let (fabric, play) = (memory(), Play::new());
    let system = node(&fabric, &play, 1).await;
    // Each of the three appends of a beginning is lost once, and with it whoever asks meanwhile.
    fabric.next([Fate::Lost, Fate::Made, Fate::Unheard, Fate::Made, Fate::Lost]);
    let asked = async {
        let mut runs = 0;
        while runs == 0 {
            let answer = system.tasks().query(Query::Runs).await.unwrap();
            let Answer::Runs(found) = answer else { panic!("not what was asked") };
            runs = found.len();
            // Time is paused, and passes only while nobody is at work.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::join!(begin(&system, vec![task("t", &[])]), asked);
    assert_eq!(system.tasks().wait(&run()).await.unwrap().counts.completed, 1);
    assert_eq!((fabric.left(), play.all_begun()), (0, vec!["t#1".to_owned()]));
    system.stop().await.unwrap();
}

#[tokio::test]
async fn the_audit_of_a_trimmed_journal_begins_at_a_snapshot_and_knows_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let fabric: Arc<dyn Fabric> = Arc::new(Embedded::open(folder.path()).unwrap());
    let play = Play::new();
    let mut spec = SystemSpec::new(Arc::clone(&fabric), folder.path().to_owned()).unwrap();
    spec.members = vec![play.member("ann", 2)];
    spec.pace.snapshot_every = 3;
    spec.pace.records_kept = 0;
    let system = System::start(spec).await.unwrap();
    begin(&system, vec![task("held", &[])]).await;
    play.begun("held#1").await;
    let journal = Journal::of(fabric.as_ref(), ShardId(0)).unwrap();
    for round in 0..1_000 {
        let run = RunId::new(format!("run-{round}")).unwrap();
        system.tasks().open(&run, RunOpening::default()).await.unwrap();
        let nothing = |_, _, _: &serde_json::Value| {};
        let read = journal.read_on(&mut Position::default(), Sequence(1), nothing).await;
        if read.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            break;
        }
        assert!(round < 999, "never trimmed");
    }
    play.open("held");
    system.tasks().wait(&run()).await.unwrap();
    system.stop().await.unwrap();
    fabric.close().await;
    drop((fabric, journal));
    let inspection = Inspection::of(folder.path()).await.unwrap();
    let mut rows = Vec::new();
    inspection.audit(|row| rows.push(row)).await.unwrap();
    inspection.close().await;
    let completed = rows.iter().find(|row| row.event_type == "task_completed").unwrap();
    assert_eq!(completed.run, Some(run()));
    assert_eq!(completed.task_id, Some(id("held")));
    assert_eq!(completed.agent_name.as_ref().unwrap().as_str(), "ann");
}
