//! An instance of a worker service at a message: the attempt it asks for, and what dispatch hands on after its end.

use ork_core::limits;
use ork_core::run::Category;
use ork_core::task::{TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock as _, ObjectError, Objects as _};
use ork_engine::{Worker, batch};

use crate::coverage::Way;
use crate::fault::Fault;
use crate::process::End;
use crate::work::{draw, leave, run};
use crate::world::services::Order;
use crate::world::{Handle, Item};

/// Attempts that follow each other without a message of their own, at most.
const MOST: u32 = 100;
/// How long a message is held: then it is acknowledged, and its attempt goes on.
pub(crate) const HOLD: Millis = Millis::from_secs(570);
/// How long dispatch may take to answer.
const PATIENCE: Millis = Millis::from_secs(10);
/// How long a dispatch that could not be reached is left alone.
const PAUSE: Millis = Millis::from_secs(30);

/// What became of an attempt, as far as this process is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// Its verdict stands, and was written here.
    Verdict,
    /// Somebody else has it, or it is over, or nobody will hear of it from here.
    Over,
    /// It could not be claimed: the objects cannot be reached.
    Unclaimed,
}

/// Where the work is done, and for which service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Here {
    pub(crate) site: usize,
    pub(crate) topic: usize,
    /// Since when.
    pub(crate) since: Time,
}

/// Does what a message asks for, and what follows it.
pub(crate) async fn serve(handle: Handle, here: Here, order: Order, again: bool) -> End {
    let Some(bytes) = ordered(&handle, &order).await else {
        return End::Again;
    };
    let spec = match batch::decode(&bytes, order.index) {
        Ok(spec) => spec,
        Err(error) => {
            let what = format!(
                "a message asks for {} of {}: {error}",
                order.index, order.batch
            );
            handle.world().lock().violated("I3", what);
            return End::Done;
        }
    };
    let way = if again { Way::Again } else { Way::Message };
    match attempt(&handle, &spec, way).await {
        Done::Verdict => go_on(handle, here, spec).await,
        Done::Over => End::Done,
        Done::Unclaimed => End::Again,
    }
}

/// Does what was handed on to somebody else, too, and what follows it.
pub(crate) async fn serve_handed(handle: Handle, here: Here, spec: Box<TaskSpec>) -> End {
    match attempt(&handle, &spec, Way::HandedTwice).await {
        Done::Verdict => go_on(handle, here, *spec).await,
        Done::Over | Done::Unclaimed => End::Done,
    }
}

/// Gives an attempt back because the process has to end.
pub(crate) async fn give_back(handle: Handle, spec: Box<TaskSpec>, name: String) -> End {
    let protections = handle.world().lock().protections;
    let worker = Worker::new(&handle, &spec, name).protected_by(protections);
    let verdict = Verdict::Failed {
        category: Category::Lost,
        message: "simulated: its worker was told to end".into(),
        log_tail: Vec::new(),
        exit_code: None,
    };
    for _ in 0..6 {
        match worker.finish(&verdict).await {
            Err(ObjectError::Unavailable(_)) => handle.sleep(Millis::from_secs(1)).await,
            Ok(_) | Err(_) => break,
        }
    }
    End::Done
}

/// The batch object that a message names; `None`: it cannot be reached.
async fn ordered(handle: &Handle, order: &Order) -> Option<Vec<u8>> {
    for _ in 0..5 {
        match handle.get(&order.batch, limits::BATCH_BYTES as u64).await {
            Ok(Some(object)) => return Some(object.bytes),
            // Nothing can be decoded of it, which is what is wrong.
            Ok(None) => return Some(Vec::new()),
            Err(_) => handle.sleep(Millis::from_secs(2)).await,
        }
    }
    None
}

/// An attempt from its claim to its verdict.
async fn attempt(handle: &Handle, spec: &TaskSpec, way: Way) -> Done {
    let (name, protections) = {
        let mut inner = handle.world().lock();
        (format!("service:{:016x}", inner.name()), inner.protections)
    };
    let worker = Worker::new(handle, spec, name.clone()).protected_by(protections);
    let mut ours = None;
    for _ in 0..5 {
        match worker.begin(handle.now()).await {
            Ok(mine) => {
                ours = Some(mine);
                break;
            }
            Err(_) => handle.sleep(Millis::from_secs(2)).await,
        }
    }
    let Some(ours) = ours else {
        return Done::Unclaimed;
    };
    handle.world().lock().note_arrival(way, spec, ours);
    if !ours {
        return Done::Over;
    }
    let (takes, verdict) = {
        let mut inner = handle.world().lock();
        inner.tell(|| format!("runs {}", crate::words::id(&spec.id)));
        crate::watch::effect(&mut inner, spec);
        inner.claims(spec, name);
        draw(&mut inner, spec)
    };
    let started_at = handle.now();
    let first = match run(handle, &worker, spec, started_at, takes, verdict).await {
        Some(verdict) => leave(handle, &worker, spec, verdict).await,
        None => false,
    };
    let mut inner = handle.world().lock();
    let process = inner.current;
    inner.lets_go(process);
    if first { Done::Verdict } else { Done::Over }
}

/// Does what dispatch hands on after the end of `spec`, one after the other. What it does not hand on comes as a message.
async fn go_on(handle: Handle, here: Here, mut spec: TaskSpec) -> End {
    for _ in 0..MOST {
        let asks = {
            let inner = handle.world().lock();
            let chaining = inner
                .services
                .lane
                .as_ref()
                .is_some_and(|lane| lane.chaining);
            let spent = inner.now.since(here.since).0 > HOLD.0 / 2;
            chaining && !spec.fans_out && !spent
        };
        if !asks {
            return End::Done;
        }
        let Some(next) = ask(&handle, here, &spec).await else {
            return End::Done;
        };
        // The answer is in hand, and nothing but the answer is.
        handle.point().await;
        let stands = {
            let mut inner = handle.world().lock();
            if inner.hit(Fault::HandedTwice) {
                let delay = inner.random.span(5, 2 * 3_600_000);
                let at = inner.now + Millis(delay);
                inner.schedule(at, Item::Handed(next.clone(), here.topic));
            }
            if inner.hit(Fault::HandedDies) {
                inner.tell(|| "dies with what it was handed".into());
                return End::Dies;
            }
            let late = inner.hit(Fault::HandedLate);
            late.then(|| Millis(inner.random.span(1_000, 2 * 3_600_000)))
        };
        if let Some(span) = stands {
            handle.sleep(span).await;
        }
        match attempt(&handle, &next, Way::Handed).await {
            Done::Verdict => spec = *next,
            // Not begun, or somebody else's: the engine finds out, as it does when a worker dies.
            Done::Over | Done::Unclaimed => return End::Done,
        }
    }
    End::Done
}

/// Tells dispatch that the verdict of `spec` is written, and gives what it hands on.
async fn ask(handle: &Handle, here: Here, spec: &TaskSpec) -> Option<Box<TaskSpec>> {
    let call = handle.world().lock().ask(here.site, here.topic, spec)?;
    let (mut waited, mut pause) = (0, 10);
    while waited < PATIENCE.0 {
        handle.sleep(Millis(pause)).await;
        waited += pause;
        pause = (pause * 2).min(2_000);
        let mut inner = handle.world().lock();
        match inner.take_answer(call) {
            Some(Ok(next)) => return next,
            Some(Err(())) => break,
            None => {}
        }
    }
    let mut inner = handle.world().lock();
    inner.tell(|| "dispatch is left alone".into());
    inner.hang_up(call, here.site, PAUSE);
    None
}
