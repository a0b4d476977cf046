//! What an agent says that it understands: bounded, and in its own words.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// How many bytes of text one understanding may hold.
pub const UNDERSTANDING_BYTES_MAX: usize = 16 * 1024;

/// How many entries each of its lists may hold.
pub const UNDERSTANDING_LIST_MAX: usize = 32;

/// What an agent understands of the work that it takes part in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Understanding {
    /// What it is in the team; empty: what its profile says.
    #[serde(default)]
    pub role: String,
    /// What it understands.
    #[serde(default)]
    pub current_understanding: String,
    /// What somebody has to decide.
    #[serde(default)]
    pub pending_decisions: Vec<String>,
    /// What worries it.
    #[serde(default)]
    pub concerns: Vec<String>,
    /// What it would do.
    #[serde(default)]
    pub suggestions: Vec<String>,
    /// How sure it is, in thousandths: 0 to 1000.
    #[serde(default = "confidence_milli")]
    pub confidence_milli: u16,
}

/// How sure an agent is that does not say it.
pub const fn confidence_milli() -> u16 {
    800
}

impl Default for Understanding {
    /// Nothing understood, with a confidence of 0.8.
    fn default() -> Self {
        Self {
            role: String::new(),
            current_understanding: String::new(),
            pending_decisions: Vec::new(),
            concerns: Vec::new(),
            suggestions: Vec::new(),
            confidence_milli: confidence_milli(),
        }
    }
}

impl Understanding {
    /// An understanding in one text, with a confidence of 0.8.
    pub fn of(text: impl Into<String>) -> Self {
        Self { current_understanding: text.into(), ..Self::default() }
    }

    /// How many bytes of text it holds.
    pub fn bytes(&self) -> usize {
        let lists = self.lists().into_iter().flat_map(|(_, list)| list);
        self.role.len() + self.current_understanding.len() + lists.map(String::len).sum::<usize>()
    }

    /// Refuses one that is out of its bounds; the error says which bound.
    pub fn check(&self) -> Result<()> {
        let refused = |why: String| {
            Err(Error::new(ErrorKind::Invalid, format!("cannot take an understanding: {why}")))
        };
        for (name, list) in self.lists() {
            if list.len() > UNDERSTANDING_LIST_MAX {
                return refused(format!(
                    "it has {} {name}, and at most {UNDERSTANDING_LIST_MAX} are allowed",
                    list.len()
                ));
            }
        }
        if self.bytes() > UNDERSTANDING_BYTES_MAX {
            return refused(format!(
                "it has {} bytes of text, and at most {UNDERSTANDING_BYTES_MAX} are allowed",
                self.bytes()
            ));
        }
        if self.confidence_milli > 1_000 {
            return refused(format!(
                "its confidence is {} thousandths, and at most 1000 make sense",
                self.confidence_milli
            ));
        }
        Ok(())
    }

    fn lists(&self) -> [(&'static str, &Vec<String>); 3] {
        [
            ("pending decisions", &self.pending_decisions),
            ("concerns", &self.concerns),
            ("suggestions", &self.suggestions),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_understanding_out_of_its_bounds_is_refused_and_told_which() {
        let told = |it: Understanding| it.check().map_err(|error| error.to_string());
        let text = |bytes| Understanding::of("x".repeat(bytes));
        assert_eq!(told(text(UNDERSTANDING_BYTES_MAX)), Ok(()));
        assert_eq!(
            told(text(UNDERSTANDING_BYTES_MAX + 1)).unwrap_err(),
            "cannot take an understanding: it has 16385 bytes of text, and at most 16384 are allowed"
        );
        let concerns = vec![String::new(); UNDERSTANDING_LIST_MAX + 1];
        assert_eq!(
            told(Understanding { concerns, ..Understanding::default() }).unwrap_err(),
            "cannot take an understanding: it has 33 concerns, and at most 32 are allowed"
        );
        let sure = Understanding { confidence_milli: 1_001, ..Understanding::default() };
        assert!(told(sure).unwrap_err().contains("1001 thousandths"));
    }

    #[test]
    fn what_is_not_said_has_a_confidence_of_four_fifths() {
        let said: Understanding = serde_json::from_str("{\"concerns\":[\"late\"]}").unwrap();
        assert_eq!((said.confidence_milli, said.concerns), (800, vec!["late".to_owned()]));
    }
}
