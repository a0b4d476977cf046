//! The stopping of one child: let go of, drained, asked, killed, given up as lost.

use super::{
    DEATH_WITHIN, SupervisorMachine, Turn,
    roster::{After, Key, Phase, Stage},
};
use crate::{
    restart::Exit,
    supervise::{
        event::{Effect, Refusal, Reply, What},
        rules::Shutdown,
    },
    time::Moment,
};

impl SupervisorMachine {
    /// Begins to stop a child, by whatever means its state allows.
    pub(super) fn stop(&mut self, turn: &mut Turn<'_>, key: Key, after: After) {
        let Some(child) = self.roster.get(key) else { return };
        let (id, incarnation) = (child.id.clone(), child.incarnation);
        let since = turn.moment();
        match (child.phase().clone(), child.rules.drain_within) {
            (Phase::Starting { .. }, _) => {
                turn.push(Effect::Abandon(id, incarnation));
                let until = Some(since + DEATH_WITHIN);
                let stage = Stage::Abandoned;
                self.roster.set(key, Phase::Stopping { since, stage, until, after });
            }
            (Phase::Running { .. }, Some(within)) if child.rules.shutdown != Shutdown::Brutal => {
                turn.push(Effect::Drain(id, incarnation));
                let until = Some(since + within);
                let stage = Stage::Draining;
                self.roster.set(key, Phase::Stopping { since, stage, until, after });
            }
            (Phase::Running { .. }, _) => self.ask_to_stop(turn, key, after),
            (Phase::Stopping { since, stage, until, .. }, _) => {
                // Killed, and past its limit: whoever waits for it anew sets it a new one.
                let late = until.is_none() && matches!(stage, Stage::Killed | Stage::Abandoned);
                let until = if late { Some(turn.moment() + DEATH_WITHIN) } else { until };
                self.roster.set(key, Phase::Stopping { since, stage, until, after });
            }
            (Phase::Down | Phase::Waiting { .. } | Phase::Parked, _) => {}
        }
    }

    pub(super) fn ask_to_stop(&mut self, turn: &mut Turn<'_>, key: Key, after: After) {
        let Some(child) = self.roster.get(key) else { return };
        let since = match child.phase() {
            Phase::Stopping { since, .. } => *since,
            _ => turn.moment(),
        };
        let until = match child.rules.shutdown {
            Shutdown::Brutal => return self.kill(turn, key, since, after),
            Shutdown::Within(within) => Some(turn.moment() + within),
            Shutdown::Infinite => None,
        };
        turn.push(Effect::Stop(child.id.clone(), child.incarnation));
        self.roster.set(key, Phase::Stopping { since, stage: Stage::Asked, until, after });
    }

    pub(super) fn kill(&mut self, turn: &mut Turn<'_>, key: Key, since: Moment, after: After) {
        let Some(child) = self.roster.get(key) else { return };
        turn.push(Effect::Kill(child.id.clone(), child.incarnation));
        let until = Some(turn.moment() + DEATH_WITHIN);
        self.roster.set(key, Phase::Stopping { since, stage: Stage::Killed, until, after });
    }

    /// The limit of a step of stopping has passed: the next, harder step.
    pub(super) fn press(&mut self, turn: &mut Turn<'_>, key: Key) {
        let Some(Phase::Stopping { since, stage, after, .. }) =
            self.roster.get(key).map(|child| child.phase().clone())
        else {
            return;
        };
        match stage {
            Stage::Draining => self.ask_to_stop(turn, key, after),
            Stage::Asked => {
                let took = turn.moment().since(since);
                self.note(turn, key, What::Killed, |note| note.took = Some(took));
                self.kill(turn, key, since, after);
            }
            Stage::Abandoned | Stage::Killed if self.is_closing() => {
                self.note(turn, key, What::Lost, |_| {});
                self.stopped(turn, key, Exit::Lost);
            }
            // It still lives, so nothing may take its place; it is shown as stopping.
            Stage::Abandoned | Stage::Killed => {
                self.roster.set(key, Phase::Stopping { since, stage, until: None, after });
            }
        }
    }

    /// A child that was being stopped has ended.
    pub(super) fn stopped(&mut self, turn: &mut Turn<'_>, key: Key, exit: Exit) {
        let Some(child) = self.roster.get(key) else { return };
        let Phase::Stopping { since, after, .. } = child.phase().clone() else { return };
        let took = turn.moment().since(since);
        let failed = match after {
            After::Unstarted(reason) if !self.is_closing() => {
                self.answer_stops(turn, key);
                return self.start_failed(turn, key, reason, Some(took));
            }
            After::Fail(exit) if !self.is_closing() => Some(exit),
            After::Fail(_) | After::Unstarted(_) | After::Down => None,
        };
        self.note(turn, key, What::Stopped, |note| {
            note.why = Some(exit.to_string().into());
            note.took = Some(took);
        });
        self.answer_stops(turn, key);
        let refused = Refusal::StartFailed("it was stopped meanwhile".into());
        self.answer_start(turn, key, Reply::Refused(refused));
        if let Some(failed) = failed {
            return self.fell(turn, key, failed);
        }
        self.fall(turn, key, exit);
        if !self.is_closing() {
            self.rest(turn, key);
        }
    }
}
