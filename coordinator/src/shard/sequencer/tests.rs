use super::*;
use crate::shard::toy::{self, Command, Reply, SWEEP_AFTER, Toy};
use orkestra_runtime::{
    fabric::{AppendError, Sequence},
    record::{Record, decode},
};

const WALL: u64 = 1_000_000;

/// A sequencer whose journal is this script.
struct Script {
    sequencer: Sequencer<Toy>,
    now: Now,
    records: Vec<bytes::Bytes>,
}

type Out = EffectOf<Toy>;

impl Script {
    fn new() -> Self {
        let now = Now { moment: Moment::from_ms(0), wall: Wall::from_ms(WALL) };
        let (shard, chance) = (ShardId(1), Chance::from_seed(1));
        let sequencer = Sequencer::new(shard, Position::default(), Toy::default(), chance, now);
        Self { sequencer, now, records: Vec::new() }
    }

    fn hear(&mut self, event: EventOf<Toy>) -> Vec<Out> {
        let mut effects = Vec::new();
        self.sequencer.step(self.now, event, &mut effects);
        self.keep(effects)
    }

    fn wait(&mut self, ms: u64) -> Vec<Out> {
        self.now.moment = self.now.moment + Duration::from_millis(ms);
        self.now.wall = self.now.wall + Duration::from_millis(ms);
        let mut effects = Vec::new();
        self.sequencer.tick(self.now, &mut effects);
        self.keep(effects)
    }

    /// Takes the records out, so that what is left can be compared at a glance.
    fn keep(&mut self, mut effects: Vec<Out>) -> Vec<Out> {
        for effect in &mut effects {
            if let Effect::Append { record, .. } = effect {
                self.records.push(std::mem::take(record));
            }
        }
        effects
    }

    fn outside(&mut self, command: Command) -> Vec<Out> {
        let reply = match command {
            Command::Fund { reply, .. } | Command::Move { reply, .. } => Some(reply),
            _ => None,
        };
        self.hear(Event::Command { command, reply, pool: Pool::Outside })
    }

    fn ask(&mut self, reply: u64) -> Vec<Out> {
        self.hear(Event::Query { query: toy::Query, reply: ReplyTo(reply) })
    }

    fn appended(&mut self, at: u64) -> Vec<Out> {
        self.hear(Event::Appended(Sequence(at)))
    }

    fn failed(&mut self, error: AppendError) -> Vec<Out> {
        self.hear(Event::AppendFailed(error))
    }

    fn record(&self, index: usize) -> Record<toy::Event> {
        decode(&self.records[index]).unwrap()
    }
}

fn fund(reply: u64) -> Command {
    Command::Fund { account: 1, amount: 10, reply: ReplyTo(reply) }
}

fn move_one(reply: u64) -> Command {
    Command::Move { key: reply, from: 1, to: 2, amount: 1, reply: ReplyTo(reply) }
}

fn append(end: u64, last: u64) -> Out {
    Effect::Append { end: Sequence(end), last: Number(last), record: bytes::Bytes::new() }
}

fn done(reply: u64, number: u64) -> Out {
    let reply_is = Reply::Done { number: Number(number), lot: 0 };
    Effect::Act(toy::Effect::Reply(ReplyTo(reply), reply_is))
}

const fn free(count: u32) -> Out {
    Effect::Free { pool: Pool::Outside, count }
}

fn refused(to: Option<u64>, fault: StepFault) -> Out {
    Effect::Refuse { to: to.map(ReplyTo), refusal: Refusal::Step(fault) }
}

#[test]
fn whoever_is_alone_waits_one_append_and_whoever_has_company_shares_it() {
    let mut shard = Script::new();
    assert_eq!(shard.outside(fund(1)), [append(0, 1)]);
    assert_eq!(shard.outside(fund(2)), []);
    assert_eq!(shard.outside(fund(3)), []);
    assert_eq!(shard.appended(1), [append(1, 3), done(1, 1), free(1)]);
    assert_eq!(shard.appended(2), [done(2, 2), done(3, 3), free(2)]);
    assert_eq!(shard.record(1).head.first, Number(2));
    assert_eq!(shard.record(1).events.len(), 2);
}

#[test]
fn what_answers_nobody_goes_with_what_does_or_a_moment_later_alone() {
    let mut shard = Script::new();
    assert_eq!(shard.outside(Command::Write(1)), []);
    assert_eq!(shard.outside(fund(1)), [append(0, 2)]);
    assert_eq!(shard.appended(1), [done(1, 2), free(2)]);
    assert_eq!(shard.outside(Command::Write(1)), []);
    let soon = shard.now.moment + LINGER;
    assert_eq!(shard.sequencer.wakeup(), Some(soon));
    assert_eq!(shard.wait(1), [append(1, 3)]);
    assert_eq!(shard.sequencer.wakeup(), None, "nobody is woken for what is away");
    // What gathers behind it goes when it has waited for its moment, and not before.
    assert_eq!(shard.outside(Command::Write(1)), []);
    assert_eq!(shard.appended(2), [free(1)]);
    // Whoever asks waits for nothing but an append; nor does whoever closes.
    assert_eq!(shard.ask(9), [append(2, 4)]);
    let answered = shard.appended(3);
    assert!(answered.iter().any(|effect| matches!(effect, Effect::Answer { .. })), "{answered:?}");
    assert_eq!(shard.outside(Command::Write(1)), []);
    assert_eq!(shard.hear(Event::Close), [append(3, 5)]);
}

fn ceiling(level: u16) -> Ceiling {
    let node = orkestra_runtime::id::NodeId::new("b").unwrap();
    Ceiling { level, node, version: "0.0.9".into() }
}

#[test]
fn what_a_node_that_may_lead_cannot_read_is_refused_by_its_name_and_changes_nothing() {
    let mut shard = Script::new();
    shard.hear(Event::Ceiling(Some(ceiling(1))));
    let ask = |reply| Event::Command {
        command: Command::Stamp,
        reply: Some(ReplyTo(reply)),
        pool: Pool::Outside,
    };
    let out = shard.hear(ask(7));
    let [Effect::Refuse { to: Some(ReplyTo(7)), refusal }, Effect::Free { .. }] = &out[..] else {
        panic!("{out:?}");
    };
    let told = refusal.to_string();
    assert!(told.starts_with("node b runs 0.0.9, which cannot read this"), "{told}");
    assert!(told.ends_with("upgrade it first, or drain it"), "{told}");
    // What it can read is written as ever, with the number that the other would have had.
    assert_eq!(shard.outside(fund(1)), [append(0, 1)]);
    shard.appended(1);
    shard.hear(Event::Ceiling(None));
    assert_eq!(shard.hear(ask(8)), []);
    assert_eq!(shard.wait(1), [append(1, 2)]);
    assert_eq!(shard.record(1).events, [toy::Event::Stamped]);
}

#[test]
fn what_is_due_waits_while_nobody_else_could_read_it_and_is_done_when_all_can() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    shard.appended(1);
    shard.outside(move_one(2));
    shard.appended(2);
    shard.hear(Event::Ceiling(Some(ceiling(0))));
    let due = u64::try_from(SWEEP_AFTER.as_millis()).unwrap();
    assert_eq!(shard.wait(due), [], "it neither writes nor ends the reign");
    assert_eq!(shard.sequencer.wakeup(), None, "nor wakes in vain");
    assert_eq!(shard.hear(Event::Ceiling(Some(ceiling(1)))), [append(2, 4)]);
    assert_eq!(shard.record(2).events, [toy::Event::Swept]);
}

#[test]
fn everything_that_follows_from_a_command_stands_in_one_record() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    shard.appended(1);
    assert_eq!(shard.outside(move_one(2)), [append(1, 3)]);
    let events = shard.record(1).events;
    assert!(matches!(events[..], [toy::Event::Moved { .. }, toy::Event::Counted]));
    shard.sequencer.mind().check(shard.now);
}

#[test]
fn a_query_is_answered_as_of_its_asking_once_that_is_durable() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    assert_eq!(shard.ask(2), []);
    shard.outside(fund(3));
    let answer = toy::Answer { accounts: [(1, 10)].into(), ..toy::Answer::default() };
    let expected = [
        append(1, 2),
        done(1, 1),
        Effect::Answer { to: ReplyTo(2), answer, settled: true },
        free(1),
        Effect::Free { pool: Pool::Queries, count: 1 },
    ];
    assert_eq!(shard.appended(1), expected);
}

#[test]
fn what_reads_undurable_state_waits_for_it_although_it_writes_nothing() {
    let mut shard = Script::new();
    let poor = Effect::Act(toy::Effect::Reply(ReplyTo(2), Reply::Poor));
    shard.outside(fund(1));
    let from_nobody = Command::Move { key: 2, from: 9, to: 1, amount: 1, reply: ReplyTo(2) };
    assert_eq!(shard.outside(from_nobody.clone()), []);
    assert_eq!(shard.appended(1), [done(1, 1), poor, free(2)]);
    let poor = Effect::Act(toy::Effect::Reply(ReplyTo(2), Reply::Poor));
    assert_eq!(shard.outside(from_nobody), [poor, free(1)]);
}

#[test]
fn a_command_that_panics_at_once_is_refused_and_changes_nothing() {
    let mut shard = Script::new();
    let fault = StepFault::Fault("told to panic".into());
    assert_eq!(shard.outside(Command::Panic), [refused(None, fault), free(1)]);
    assert_eq!(shard.outside(fund(1)), [append(0, 1)]);
}

#[test]
fn a_step_that_breaks_in_its_middle_restarts_the_shard_and_nothing_leaves_any_more() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    let why = "a step broke in its middle: the program is wrong: told to panic";
    let restart: Out = Effect::Restart(Reason::Fault(why.into()));
    assert_eq!(shard.outside(Command::PanicLate), [restart]);
    assert_eq!(shard.appended(1), []);
    assert_eq!(shard.outside(fund(2)), []);
}

#[test]
fn a_step_too_large_for_a_record_is_refused_before_anything_is_applied() {
    use crate::shard::step::DECISION_BYTES_MAX;
    let mut shard = Script::new();
    shard.outside(fund(1));
    let effects = shard.outside(Command::Write(DECISION_BYTES_MAX));
    let fault =
        StepFault::TooLarge { bytes: DECISION_BYTES_MAX + 12, bytes_max: DECISION_BYTES_MAX };
    assert_eq!(effects, [refused(None, fault), free(1)]);
    assert_eq!(shard.sequencer.numbered(), Number(1));
}

#[test]
fn a_record_is_split_between_steps_and_never_within_one() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    for _ in 0..5 {
        assert_eq!(shard.outside(Command::Write(200_000)), []);
    }
    assert_eq!(shard.appended(1), [append(1, 3), done(1, 1), free(1)]);
    assert_eq!(shard.appended(2), [append(2, 5), free(2)]);
    assert_eq!(shard.appended(3), [free(2)]);
    assert_eq!(shard.wait(1), [append(3, 6)]);
    assert_eq!(shard.appended(4), [free(1)]);
    let firsts: Vec<Number> = (0..4).map(|index| shard.record(index).head.first).collect();
    assert_eq!(firsts, [Number(1), Number(2), Number(4), Number(6)]);
}

#[test]
fn a_lost_word_or_a_rival_ends_the_reign_and_drops_what_waits() {
    for error in [AppendError::Unknown("timed out".into()), AppendError::Conflict(Sequence(7))] {
        let mut shard = Script::new();
        shard.outside(fund(1));
        let reason = match &error {
            AppendError::Conflict(end) => Reason::Conflict(*end),
            _ => Reason::Unknown("timed out".into()),
        };
        assert!(reason.is_planned());
        assert_eq!(shard.failed(error), [Effect::Restart(reason)]);
        assert_eq!(shard.ask(2), []);
        assert_eq!(shard.sequencer.wakeup(), None);
    }
}

#[test]
fn a_full_journal_refuses_writes_serves_reads_and_loses_nothing() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    assert_eq!(shard.outside(fund(2)), []);
    assert_eq!(shard.failed(AppendError::Full), [Effect::Parked]);
    assert_eq!(shard.outside(fund(3)), [refused(Some(3), StepFault::Full), free(1)]);
    assert_eq!(shard.outside(Command::Renew(1)), []);
    let answer = toy::Answer { accounts: [(1, 20)].into(), ..toy::Answer::default() };
    let unsettled = Effect::Answer { to: ReplyTo(4), answer, settled: false };
    assert_eq!(shard.ask(4), [unsettled, Effect::Free { pool: Pool::Queries, count: 1 }]);
    assert_eq!(shard.wait(50), [append(0, 1)]);
    assert_eq!(shard.failed(AppendError::Full), []);
    assert_eq!(shard.wait(100), [append(0, 1)]);
    assert_eq!(shard.appended(1), [Effect::Resumed, append(1, 2), done(1, 1), free(1)]);
    assert_eq!(shard.appended(2), [done(2, 2), free(2)]);
}

#[test]
fn a_renewal_writes_nothing() {
    let mut shard = Script::new();
    assert_eq!(shard.outside(Command::Renew(1)), [free(1)]);
    assert_eq!(shard.sequencer.mind().renewed(1), Some(Moment::from_ms(100)));
}

#[test]
fn shard_time_does_not_go_back() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    shard.now.wall = Wall::from_ms(5);
    shard.appended(1);
    shard.outside(fund(2));
    assert_eq!(shard.record(1).head.at, Wall::from_ms(WALL));
}

#[test]
fn what_is_due_is_done_without_being_asked() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    shard.appended(1);
    shard.outside(move_one(2));
    shard.appended(2);
    let due = shard.now.moment + SWEEP_AFTER;
    assert_eq!(shard.sequencer.wakeup(), Some(due));
    assert_eq!(shard.wait(99), []);
    assert_eq!(shard.wait(1), [append(2, 4)]);
    assert_eq!(shard.sequencer.wakeup(), None);
    assert_eq!(shard.appended(3), [Effect::Act(toy::Effect::Notice(Number(4)))]);
}

#[test]
fn a_sequencer_that_closes_ends_when_everything_is_durable() {
    let mut shard = Script::new();
    shard.outside(fund(1));
    assert_eq!(shard.hear(Event::Close), []);
    let closing: Out = Effect::Refuse { to: Some(ReplyTo(2)), refusal: Refusal::Closing };
    assert_eq!(shard.outside(fund(2)), [closing, free(1)]);
    assert_eq!(shard.appended(1), [done(1, 1), free(1), Effect::Closed]);
    assert_eq!(Script::new().hear(Event::Close), [Effect::Closed]);
}

#[test]
fn a_reign_whose_lease_has_lapsed_says_nothing_that_no_append_proves() {
    let mut shard = Script::new();
    assert_eq!(shard.hear(Event::Lease(Moment::from_ms(10))), []);
    assert!(matches!(shard.ask(1)[..], [Effect::Answer { .. }, Effect::Free { .. }]));
    shard.wait(10);
    let free_query = Effect::Free { pool: Pool::Queries, count: 1 };
    assert_eq!(shard.ask(2), [refused(Some(2), StepFault::Lapsed), free_query]);
    assert_eq!(shard.outside(move_one(5)), [refused(Some(5), StepFault::Lapsed), free(1)]);
    assert_eq!(shard.outside(fund(6)), [append(0, 1)]);
    assert_eq!(shard.appended(1), [done(6, 1), free(1)]);
    shard.hear(Event::Lease(Moment::from_ms(20)));
    assert!(matches!(shard.ask(3)[..], [Effect::Answer { .. }, Effect::Free { .. }]));
}

#[test]
fn what_is_due_while_the_lease_has_lapsed_waits_for_it_and_ends_no_reign() {
    let mut shard = Script::new();
    shard.hear(Event::Lease(Moment::from_ms(50)));
    shard.outside(fund(1));
    shard.appended(1);
    shard.outside(move_one(2));
    shard.appended(2);
    assert_eq!(shard.wait(150), []);
    assert_eq!(shard.sequencer.wakeup(), None);
    assert_eq!(shard.hear(Event::Lease(Moment::from_ms(400))), [append(2, 4)]);
    assert_eq!(shard.appended(3), [Effect::Act(toy::Effect::Notice(Number(4)))]);
}
