//! Records of voters: what was found out later, what they weigh by it, and how many they are worth.

use super::script::{Script, choice, electorate, keeper, option, proposal, vote, voter};
use crate::committee::{
    Ballot, CommitteeAnswer, CommitteeCommand, CommitteeQuery, CommitteeRefusal, CommitteeReply,
    Content, Officer, Proposal, Question, Truth, Weighting,
    consensus::ClassicMethod,
    settings::CommitteeSettings,
    tally::{Exact, Weight},
    weights::RecordRule,
};

fn plurality() -> Question {
    Question::classic(ClassicMethod::Plurality)
}

fn judge(s: &mut Script, name: &str, truth: Truth) -> CommitteeReply {
    let (vote, officer) = (vote(name), keeper());
    s.ask(|to| CommitteeCommand::Judge { to, vote, truth, officer })
}

/// Twenty votes: ann is always right, ben and cem always say the same and are wrong every fourth
/// time, dot is wrong every second time.
fn with_records() -> Script {
    let mut s = Script::new();
    for number in 0..20 {
        let id = vote(&format!("past-{number}"));
        let voters = ["ann", "ben", "cem", "dot"];
        s.open(&Proposal {
            id: id.clone(),
            early: false,
            ..proposal(plurality(), &voters, &["a", "b"])
        });
        let says = |every: usize| choice(if number % every == 0 { "b" } else { "a" });
        for (name, content) in
            [("ann", choice("a")), ("ben", says(4)), ("cem", says(4)), ("dot", says(2))]
        {
            let ballot = Ballot { confidence: Weight::new(9, 10), ..Ballot::of(content) };
            s.cast_in(id.as_str(), name, ballot);
        }
        let told = judge(&mut s, id.as_str(), Truth::Options(vec![option("a")]));
        assert_eq!(told, CommitteeReply::Judged { voters: 4 });
    }
    s
}

#[test]
fn voters_weigh_by_what_was_found_out_and_it_is_frozen_when_a_vote_is_opened() {
    let mut s = with_records();
    let rule = RecordRule { half_life: None, ..RecordRule::default() };
    let mut asked = proposal(plurality(), &["ann", "ben", "dot", "new"], &["a", "b"]);
    asked.weighting = Weighting::Record(rule);
    s.open(&asked);
    let weight = |s: &Script, name: &str| {
        let (_, found) = s.committee().durable.named(&vote("v")).unwrap();
        s.committee().durable.member(found, &voter(name)).unwrap().weight.exact()
    };
    assert!(weight(&s, "ann") > weight(&s, "ben"));
    assert!(weight(&s, "dot").is_zero(), "no better than a coin");
    assert_eq!(weight(&s, "new"), Exact::one());
    let before = weight(&s, "ann");
    s.open(&Proposal { id: vote("w"), ..proposal(plurality(), &["ann"], &["a", "b"]) });
    s.cast_in("w", "ann", Ballot::of(choice("b")));
    judge(&mut s, "w", Truth::Options(vec![option("a")]));
    assert_eq!(weight(&s, "ann"), before);
    s.check_replay();
}

#[test]
fn two_who_err_together_are_worth_less_than_two() {
    let mut s = with_records();
    let asked = proposal(plurality(), &["ann", "ben", "cem"], &["a", "b"]);
    let asked = Proposal { early: false, ..asked };
    s.open(&asked);
    s.all(&[("ann", choice("a")), ("ben", choice("a")), ("cem", choice("a"))]);
    assert_eq!(s.outcome("v").tallied.effective, Exact::ratio(9, 5), "ann, and one more");
    let mut families = Proposal { id: vote("w"), ..asked };
    families.electorate = electorate(&["one", "two"]);
    for member in families.electorate.values_mut() {
        member.family = Some("large".to_owned());
    }
    s.open(&families);
    for name in ["one", "two"] {
        s.cast_in("w", name, Ballot::of(choice("a")));
    }
    assert_eq!(s.outcome("w").tallied.effective, Exact::ratio(5, 4), "of one family");
}

#[test]
fn a_record_is_of_what_was_found_out_and_says_how_sure_a_voter_may_be() {
    let s = with_records();
    let (domain, voters) = ("general".to_owned(), vec![voter("ann"), voter("dot"), voter("new")]);
    let told = s.query(&CommitteeQuery::Records { domain, voters });
    let CommitteeAnswer::Records(records) = told else { panic!("{told:?}") };
    assert_eq!(records[0].judged.len(), 20);
    assert_eq!(records[0].brier, Exact::ratio(1, 100));
    assert_eq!(records[1].brier, Exact::ratio(41, 100));
    assert_eq!((records[2].judged.len(), &records[2].brier), (0, &None));
}

#[test]
fn a_vote_is_judged_once_by_who_may_and_while_its_ballots_are_there() {
    let settings = CommitteeSettings { retain_ballots: 0, ..CommitteeSettings::default() };
    let mut s = Script::with(settings);
    s.open(&proposal(Question::motion(), &["ann"], &[]));
    let open = judge(&mut s, "v", Truth::Motion(true));
    assert!(matches!(open, CommitteeReply::Refused(CommitteeRefusal::NotNow { .. })), "{open:?}");
    s.cast("ann", Content::Yes);
    let officer = Officer { by: "ben".to_owned(), is_keeper: false, why: String::new() };
    let (id, truth) = (vote("v"), Truth::Motion(true));
    let refusal = s.refused(|to| CommitteeCommand::Judge { to, vote: id, truth, officer });
    assert!(matches!(refusal, CommitteeRefusal::NotYours { .. }));
    let odd = judge(&mut s, "v", Truth::Options(vec![option("a")]));
    assert!(matches!(odd, CommitteeReply::Refused(CommitteeRefusal::BadRuling { .. })));
    assert_eq!(judge(&mut s, "v", Truth::Motion(true)), CommitteeReply::Judged { voters: 1 });
    assert_eq!(judge(&mut s, "v", Truth::Motion(true)), CommitteeReply::Judged { voters: 1 });
    let other = judge(&mut s, "v", Truth::Motion(false));
    assert_eq!(
        other,
        CommitteeReply::Refused(CommitteeRefusal::JudgedOtherwise { vote: vote("v") })
    );
    for number in 0..30 {
        let id = vote(&format!("more-{number}"));
        s.open(&Proposal { id: id.clone(), ..proposal(Question::motion(), &["ann"], &[]) });
        s.cast_in(id.as_str(), "ann", Ballot::of(Content::Yes));
    }
    let gone = judge(&mut s, "more-0", Truth::Motion(true));
    let forgotten = CommitteeRefusal::BallotsForgotten { vote: vote("more-0") };
    assert_eq!(gone, CommitteeReply::Refused(forgotten));
    s.check_replay();
}

#[test]
fn classic_agents_weigh_what_the_table_says_of_the_domain() {
    let mut s = Script::new();
    let names = ["claude", "chatgpt", "gemini", "copilot", "grok"];
    let question = Question::classic(ClassicMethod::weighted());
    let mut asked = proposal(question, &names, &["a", "b"]);
    asked.domain = "architecture".to_owned();
    asked.weighting = Weighting::Expertise;
    asked.ties = vec![crate::committee::TieWay::Expert];
    s.open(&asked);
    for name in names {
        let content = choice(if ["claude", "copilot"].contains(&name) { "a" } else { "b" });
        s.cast(name, content);
    }
    let told = s.outcome("v");
    assert!(told.tallied.tie.is_some(), "three and a half against three and a half");
    assert_eq!(told.decision, crate::committee::Decision::Chosen(vec![option("a")]));
}
