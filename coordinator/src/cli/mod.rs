//! The `orkestra` command: what is typed becomes a call, what comes back is shown.
//!
//! Promises: data on standard output, talk on standard error; exit codes as the help names them; a
//! fault of the user's is told with its place and with what to do.

mod args;
mod backup;
mod bench;
mod change;
mod cluster;
mod compact;
mod context;
mod council;
mod doctor;
mod door;
mod failure;
mod files;
mod follow;
mod guard;
mod health;
mod lock;
mod look;
mod parse;
mod redact;
mod run;
mod settings;
mod show;
mod submit;
mod supervision;
mod up;
mod vote;
mod when;

use std::sync::Arc;

use clap::{CommandFactory as _, Parser as _};
use orkestra_runtime::{
    id::RunId,
    time::{Clock as _, Now, SystemClock},
};

use crate::{
    cli::{
        args::{
            AgentCommand, AuditCommand, Cli, Command, Common, NodeArgs, Operation,
            SupervisionCommand, TaskCommand,
        },
        change::Asking,
        cluster::{Cluster, lines, nodes, not_here},
        failure::Failure,
        lock::args::LockCommand,
        look::Looking,
        settings::Settings,
        vote::args::VoteCommand,
    },
    output::{Console, Exit, Format},
};

pub use parse::parses;
pub use when::time_of;

/// The same as [`main`], but runs remember with a fabric that theirs is put into: for tests.
#[cfg(feature = "testing")]
pub fn main_over(put_into: run::PutInto) -> Exit {
    run::PUT_INTO.get_or_init(|| put_into);
    main()
}

/// Runs the command that this process was started with.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version are answers, anything else is a fault of usage.
            let mut console = Console::of_process(Format::Table, false);
            let text = told.render().to_string();
            let (exit, told) = if told.exit_code() != 0 {
                (Exit::Invalid, console.say(text.trim_end()))
            } else {
                (Exit::Done, console.text(&text))
            };
            return if told.is_ok() { exit } else { Exit::Unreachable };
        }
    };
    let mut console = Console::of_process(cli.common.output, cli.common.quiet);
    match run(cli, &mut console) {
        Ok(exit) => exit,
        Err(failure) => failure.tell(&mut console),
    }
}

fn run(cli: Cli, console: &mut Console) -> Result<Exit, Failure> {
    let Cli { common, command } = cli;
    // What needs no configuration must work with a broken one.
    match command {
        Command::Completion { shell } => Ok(complete(shell, console)?),
        Command::Scenario(command) => files::scenario(&command, console),
        Command::Config(command) => files::config(&command, &common, console),
        Command::Vote(VoteCommand::Tally(args)) => vote::tally(&args, console),
        Command::Lock(LockCommand::Exec { parent, command }) => {
            let (exit, told) = lock::become_program(parent, &command);
            console.error(told)?;
            Ok(exit)
        }
        command => {
            let settings = Settings::load_with(&common, flags_of(&command))?;
            settings.begin_log(common.verbose);
            if matches!(
                command,
                Command::Run(_) | Command::Node(NodeArgs { command: None, .. }) | Command::Up(_)
            ) {
                // Before any other thread is there, and anything is read that is secret.
                guard::guard()?;
            }
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(Failure::from_io)?;
            runtime.block_on(serve(command, &common, &settings, console))
        }
    }
}

/// What is typed for a command alone and is a key of the configuration too.
fn flags_of(command: &Command) -> Vec<(String, String)> {
    let role = match command {
        Command::Node(NodeArgs { role: Some(role), .. }) => role.clone(),
        _ => return Vec::new(),
    };
    vec![("node.roles".to_owned(), role)]
}

fn complete(shell: clap_complete::Shell, console: &mut Console) -> orkestra_runtime::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "orkestra", &mut script);
    console.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// What is done to a folder as a whole.
async fn operate(
    operation: &Operation,
    (settings, clock): (&Settings, Arc<SystemClock>),
    console: &mut Console,
) -> orkestra_runtime::Result<Exit> {
    let data_dir = settings.data_dir();
    match operation {
        Operation::Backup { into } => backup::backup(data_dir, into, console, &clock).await,
        Operation::Restore { from } => backup::restore(from, data_dir, console, &clock).await,
        Operation::Compact { keep_records } => {
            compact::compact(*keep_records, &Asking { settings, clock }, console).await
        }
    }
}

async fn serve(
    command: Command,
    common: &Common,
    settings: &Settings,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let clock = SystemClock::start();
    let now = clock.now();
    let data_dir = settings.data_dir();
    if is_of_cluster(&command, settings) {
        return on_cluster(command, common, settings, (now, console)).await;
    }
    if is_the_same_anywhere(&command) {
        return begin_or_follow(&command, &Asking { settings, clock }, console).await;
    }
    let exit = match command {
        Command::Task(TaskCommand::List { run, state, limit }) => {
            let mut looking = Looking::at(settings, (console, now), run.run.as_deref()).await?;
            looking.task_list(&run, state.as_deref(), limit).await?
        }
        Command::Task(TaskCommand::Get { task, run, reveal }) => {
            let asking = Asking { settings, clock };
            let revealed =
                if reveal { Some(redact::reveal(&task, &run, &asking).await?) } else { None };
            let mut looking = Looking::at(settings, (console, now), run.run.as_deref()).await?;
            looking.task_get((&task, &run), revealed.as_ref()).await?
        }
        Command::Task(TaskCommand::Redact { task, run, all: _ }) => {
            let asking = Asking { settings, clock };
            redact::redact((task.as_deref(), &run), &asking, console).await?
        }
        Command::Task(TaskCommand::Change(command)) => {
            change::task(&command, &Asking { settings, clock }, console).await?
        }
        Command::Agent(AgentCommand::Change(command)) => {
            change::agent(&command, &Asking { settings, clock }, console).await?
        }
        Command::Control(command) => {
            change::control(&command, &Asking { settings, clock }, console).await?
        }
        Command::Why { task, run } => {
            let mut looking = Looking::at(settings, (console, now), run.run.as_deref()).await?;
            looking.why(&task, &run).await?
        }
        Command::Agent(AgentCommand::List) => {
            Looking::at(settings, (console, now), None).await?.agent_list().await?
        }
        Command::Context(command) => {
            context::serve(&command, &Asking { settings, clock }, console).await?
        }
        Command::Audit(AuditCommand::List(filter)) => {
            let mut looking = Looking::at(settings, (console, now), filter.run.as_deref()).await?;
            looking.audit_list(&filter).await?
        }
        Command::Audit(AuditCommand::Export { filter, dir }) => {
            let mut looking = Looking::at(settings, (console, now), filter.run.as_deref()).await?;
            looking.audit_export(&filter, dir.as_deref()).await?
        }
        Command::Health(args) => {
            let looking = Looking::at(settings, (console, now), args.run.run.as_deref()).await?;
            health::show(&args, looking, data_dir).await?
        }
        Command::Lock(command) => {
            lock::serve(&command, &Asking { settings, clock }, console).await?
        }
        Command::Doctor(args) => return doctor::doctor(&args, settings, console, clock).await,
        Command::Operate(operation) => operate(&operation, (settings, clock), console).await?,
        Command::Recover { into } => look::recover(data_dir, &into, console)?,
        Command::Supervision(command) => supervision::serve(&command, data_dir, console).await?,
        Command::Run(args) => return run::run(&args, settings, console).await,
        Command::Bench(args) => return bench::run(&args, common, console).await,
        _ => Exit::Invalid,
    };
    Ok(exit)
}

/// Whether a command is carried out in one way, in a folder and on a cluster.
const fn is_the_same_anywhere(command: &Command) -> bool {
    matches!(
        command,
        Command::Task(TaskCommand::Submit(_) | TaskCommand::Watch { .. })
            | Command::Vote(_)
            | Command::Council(_)
    )
}

/// Submits tasks, watches a run, or has to do with votes: the same in a folder and on a cluster.
async fn begin_or_follow(
    command: &Command,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    match command {
        Command::Task(TaskCommand::Submit(args)) => {
            let run = submit::submit(args, asking, console).await?;
            if !args.wait {
                return Ok(Exit::Done);
            }
            follow::watch((&run, false), asking.settings, console).await
        }
        Command::Task(TaskCommand::Watch { run, no_wait }) => {
            follow::watch((&RunId::new(run)?, *no_wait), asking.settings, console).await
        }
        Command::Vote(command) => vote::serve(command, asking, console).await,
        Command::Council(command) => Box::pin(council::serve(command, asking, console)).await,
        _ => Ok(Exit::Invalid),
    }
}

/// Whether a command is about a cluster as a whole, or is another one there.
const fn is_of_cluster(command: &Command, settings: &Settings) -> bool {
    match command {
        Command::Node(_)
        | Command::Shard(_)
        | Command::Up(_)
        | Command::Agent(AgentCommand::Withdraw { .. }) => true,
        Command::Supervision(_)
        | Command::Run(_)
        | Command::Doctor(_)
        | Command::Operate(_)
        | Command::Recover { .. } => settings.is_cluster(),
        _ => false,
    }
}

/// Carries out a command that is about a cluster as a whole.
async fn on_cluster(
    command: Command,
    common: &Common,
    settings: &Settings,
    (now, console): (Now, &mut Console),
) -> Result<Exit, Failure> {
    match command {
        Command::Node(NodeArgs { command: None, leash, .. }) => {
            return cluster::node::run(leash, settings, console).await;
        }
        Command::Up(args) => return up::run(&args, (common, settings), console).await,
        Command::Run(args) => return cluster::run::run(&args, settings, console).await,
        Command::Operate(Operation::Restore { from }) => {
            return Ok(cluster::kept::restore(&from, settings, console).await?);
        }
        _ => {}
    }
    if let Some(refused) = not_over_nats(&command) {
        return Err(refused.into());
    }
    let cluster = Cluster::connect(settings).await?;
    Ok(match command {
        Command::Agent(AgentCommand::Withdraw { agent }) => {
            nodes::withdraw(&agent, &cluster, console).await?
        }
        Command::Supervision(SupervisionCommand::Log { child, limit, follow }) => {
            let wanted = lines::Wanted { child: child.as_deref(), limit, follow };
            lines::show(&cluster, wanted, console).await?
        }
        Command::Node(NodeArgs { command: Some(command), .. }) => {
            nodes::node(&command, &cluster, (now, console)).await?
        }
        Command::Shard(command) => nodes::shard(&command, &cluster, console).await?,
        Command::Doctor(args) => cluster::doctor::doctor(&args, &cluster, (now, console)).await?,
        Command::Operate(Operation::Backup { into }) => {
            cluster::kept::back_up(&into, &cluster, console).await?
        }
        _ => Exit::Invalid,
    })
}

/// Why a command is not done over NATS, if it is not.
fn not_over_nats(command: &Command) -> Option<orkestra_runtime::Error> {
    let (what, instead) = match command {
        Command::Doctor(args) => return cluster::doctor::refused(args),
        Command::Operate(Operation::Compact { .. }) => (
            "compacting",
            "coordinators trim their journals by themselves; journal.keep_records says how far",
        ),
        Command::Recover { .. } => {
            ("recovering a folder", "name the folder with --data-dir, and no server")
        }
        Command::Supervision(SupervisionCommand::Tree) => (
            "the supervision tree",
            "name the data directory of one node with --data-dir; `orkestra supervision log` shows \
             all nodes",
        ),
        _ => return None,
    };
    Some(not_here(what, instead))
}
