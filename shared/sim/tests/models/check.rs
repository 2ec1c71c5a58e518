//! Going through a model: everything once, no way round in a circle, and a counterexample where one is due.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{Debug, Write as _};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model, Path, Property};

/// A model whose every way is finite, because all that may go wrong is counted beforehand. So if every state in which nothing can
/// happen any more is a finished one, then from every state every continuation finishes: liveness as a property of single states.
pub(crate) trait Protocol:
    Model<
        State: Clone + Debug + Hash + PartialEq + Send + Sync,
        Action: Clone + Debug + PartialEq + Send + Sync,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// Whether all that was to be done is done.
    fn is_finished(&self, state: &Self::State) -> bool;

    /// Whether it hangs on a message, which may be lost.
    fn is_message(&self, action: &Self::Action) -> bool;

    /// What must be met somewhere, or the model shows less than it seems to.
    fn sights(&self) -> Vec<Property<Self>>;

    /// Whether nothing can be counted on to happen any more although something is left to do.
    fn is_stuck(&self, state: &Self::State) -> bool {
        if self.is_finished(state) {
            return false;
        }
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions.iter().all(|action| self.is_message(action))
    }
}

/// The name that every model gives the property made of [`Protocol::is_stuck`].
pub(crate) const ENDS: &str = "every quiet end is a finished one";

/// Properties that fail, and how.
type Failures<M> = Vec<(
    &'static str,
    Path<<M as Model>::State, <M as Model>::Action>,
)>;

/// Goes through the model until one of `wanted` has failed; through all of it if that does not happen.
fn run<M: Protocol>(model: M, wanted: &'static str) -> (usize, Failures<M>) {
    let checker = model
        .checker()
        .threads(1)
        .finish_when(HasDiscoveries::AllOf(BTreeSet::from([wanted])))
        .spawn_bfs()
        .join();
    let mut failures: Failures<M> = checker.discoveries().into_iter().collect();
    failures.sort_by_key(|(name, _)| *name);
    (checker.unique_state_count(), failures)
}

/// Visits the whole space: no property fails, there is no circle, all that is to be met is met, and that is a lot.
pub(crate) fn holds<M: Protocol>(what: &str, model: &M, floor: usize) {
    let (states, unmet) = visit(what, model);
    assert!(unmet.is_empty(), "{what}: these never happen: {unmet:?}");
    assert!(
        states >= floor,
        "{what}: {states} states are too few to mean anything ({floor} were expected)"
    );
}

/// The same without a guard that is no matter of right and wrong; not all that is met with it need be met without.
pub(crate) fn still_holds<M: Protocol>(what: &str, model: &M) {
    visit(what, model);
}

fn visit<M: Protocol>(what: &str, model: &M) -> (usize, Vec<&'static str>) {
    let began = Instant::now();
    let (states, failures) = run(model.clone(), "none of them");
    if let Some((name, path)) = failures.into_iter().next() {
        panic!("{what}: \"{name}\" does not hold:{}", story(path));
    }
    let mut unmet = model.sights();
    let walked = walk(what, model, &mut unmet);
    assert_eq!(walked, states, "{what}: two ways of counting the states");
    let took = began.elapsed();
    say(&format!(
        "{what}: {states} states in {took:?}, every property holds"
    ));
    (states, unmet.iter().map(|sight| sight.name).collect())
}

/// Without a guard, `property` fails.
pub(crate) fn breaks<M: Protocol>(what: &str, model: &M, property: &'static str) {
    let began = Instant::now();
    let (states, failures) = run(model.clone(), property);
    let others: Vec<_> = failures.iter().map(|(name, _)| *name).collect();
    let Some((_, path)) = failures.iter().find(|(name, _)| *name == property) else {
        panic!("{what}: \"{property}\" holds in all of {states} states; what fails: {others:?}");
    };
    let steps = path.clone().into_actions();
    assert!(
        !steps.is_empty(),
        "{what}: \"{property}\" fails before anything happened"
    );
    let took = began.elapsed();
    say(&format!(
        "{what}: \"{property}\" fails, seen after {states} states in {took:?}: {steps:?}"
    ));
}

fn story<S: Debug, A: Debug>(path: Path<S, A>) -> String {
    let mut told = String::new();
    let mut last = None;
    for (state, action) in path.into_vec() {
        if let Some(action) = action {
            write!(told, "\n  {action:?}").expect("a string takes everything");
        }
        last = Some(state);
    }
    write!(told, "\n  and then {last:?}").expect("a string takes everything");
    told
}

/// A depth-first walk that meets no state again on its way down; gives the number of states and leaves what it has not met.
fn walk<M: Protocol>(what: &str, model: &M, unmet: &mut Vec<Property<M>>) -> usize {
    // Whether a state is on the way down; else it is done with.
    let mut open: HashMap<u64, bool, BuildHasherDefault<Fold>> = HashMap::default();
    let mut stack: Vec<(u64, Vec<M::State>)> = vec![(0, model.init_states())];
    while let Some((_, ahead)) = stack.last_mut() {
        let Some(state) = ahead.pop() else {
            let (left, _) = stack.pop().expect("it was there a moment ago");
            open.insert(left, false);
            continue;
        };
        let mut hasher = Fold::default();
        state.hash(&mut hasher);
        let at = hasher.finish();
        match open.get(&at) {
            None => {
                open.insert(at, true);
                unmet.retain(|sight| !(sight.condition)(model, &state));
                stack.push((at, model.next_states(&state)));
            }
            Some(true) => panic!("{what}: there is a way from {state:?} back to itself"),
            Some(false) => {}
        }
    }
    // The entry that stands for what was before the first state.
    open.len() - 1
}

/// A plain hash, several times as fast as the standard one where nothing is optimised. That it tells the states apart is seen by their number.
#[derive(Default)]
struct Fold(u64);

impl Fold {
    const fn fold(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.fold(u64::from(*byte));
        }
    }
    fn write_u8(&mut self, value: u8) {
        self.fold(u64::from(value));
    }
    fn write_u64(&mut self, value: u64) {
        self.fold(value);
    }
    fn write_usize(&mut self, value: usize) {
        self.fold(value as u64);
    }
    fn write_isize(&mut self, value: isize) {
        self.fold(value.cast_unsigned() as u64);
    }
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[expect(clippy::print_stdout, reason = "shown with --nocapture only")]
fn say(line: &str) {
    println!("{line}");
}
