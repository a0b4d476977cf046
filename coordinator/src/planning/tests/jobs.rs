use super::stage::{answer, failure, job};
use crate::planning::{
    collect::{Answers, Counted, Doer, Ended, Job},
    response::{Response, Said},
};

fn there(answers: &[Response]) -> Answers {
    answers.iter().map(|it| (it.agent_id.clone(), it.said.clone())).collect()
}

fn ended(job: &Job, answers: &[Response], now: u64) -> Option<Ended> {
    job.ends(&there(answers), now).map(|end| end.how)
}

#[test]
fn a_job_is_completed_when_nobody_is_waited_for_and_failed_when_all_failed() {
    let job = job("t", 2, 300);
    assert_eq!(ended(&job, &[answer("t", "a")], 10), None);
    assert_eq!(ended(&job, &[answer("t", "a"), failure("t", "b")], 10), Some(Ended::Completed));
    let failed = job.ends(&there(&[failure("t", "a"), failure("t", "b")]), 10).unwrap();
    assert_eq!(failed.how, Ended::Failed);
    assert_eq!(failed.error, "every agent failed: a: no model; b: no model");
}

#[test]
fn a_job_times_out_with_what_there_is_be_it_nothing() {
    let job = job("t", 2, 300);
    assert_eq!(ended(&job, &[], 299), None);
    let nothing = job.ends(&Answers::new(), 300).unwrap();
    assert_eq!(
        (nothing.how, nothing.error.as_str()),
        (Ended::Timeout, "0 of 2 agents answered in time")
    );
    let part = job.ends(&there(&[answer("t", "a")]), 300).unwrap();
    assert_eq!((part.how, part.heard), (Ended::Timeout, vec!["a".to_owned()]));
}

#[test]
fn an_agent_counts_once_and_not_at_all_when_it_is_late() {
    let mut job = job("t", 2, 300);
    let first = there(&[answer("t", "a")]);
    assert_eq!(job.counts(&answer("t", "a"), &Answers::new()), Counted::First);
    assert_eq!(job.counts(&failure("t", "a"), &first), Counted::Twice);
    assert_eq!(job.counts(&answer("t", "b"), &first), Counted::First);
    job.end = job.ends(&first, 300);
    assert_eq!(job.counts(&answer("t", "b"), &first), Counted::Late);
    assert_eq!(job.ends(&first, 301), None);
}

#[test]
fn a_council_ends_by_itself_or_long_after_its_time() {
    let mut job = job("t", 1, 300);
    job.doer = Doer::Council { deliberation: "d".to_owned() };
    let said: Answers = [("a".to_owned(), Said::Failed(String::new()))].into();
    assert_eq!(job.ends(&said, 299), None);
    assert_eq!(job.ends(&Answers::new(), 300).unwrap().how, Ended::Timeout);
}

#[test]
fn a_job_of_a_later_program_is_read_by_its_version_and_one_of_an_earlier_is_read() {
    let kept = r#"{"v":1,"namespace":"n","id":"t","doer":{"agents":{"expected":2}},
        "opened_ms":0,"until_ms":300}"#;
    let read: Job = serde_json::from_str(kept).unwrap();
    assert_eq!(read, Job { role: String::new(), ..job("t", 2, 300) });
}
