//! The product's machine, as part of a state of the model.

use std::{
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use orkestra_coordinator::shard::machine::ShardMachine;

/// The product's machine, told apart by all that it knows.
#[derive(Clone)]
pub(super) struct Mind {
    pub(super) machine: Arc<ShardMachine>,
    print: u64,
}

impl Mind {
    pub(super) fn of(machine: ShardMachine) -> Self {
        struct Print(DefaultHasher);
        impl fmt::Write for Print {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        let mut print = Print(DefaultHasher::new());
        write!(print, "{:?}", machine.locks()).unwrap();
        Self { print: print.0.finish(), machine: Arc::new(machine) }
    }
}

impl PartialEq for Mind {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Eq for Mind {}

impl Hash for Mind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

impl fmt::Debug for Mind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.machine.locks().fmt(f)
    }
}
