//! What there is, what can happen and what it does.

use super::{HOLDERS, LEASES, Leases, UNITS};

/// As it is stored; no two versions are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Document {
    pub(super) fence: u8,
    pub(super) held: bool,
    pub(super) done: u8,
    /// The fence of whoever committed last.
    pub(super) marker: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Holder {
    Idle,
    /// Is about to take the lease of what it read.
    Taking(Document),
    /// Works under this fence.
    Has(u8),
    /// Has read the document and is about to commit its unit.
    Writing(u8, Document),
    /// Does not know whether its commit was applied.
    Unsure(u8),
}

impl Holder {
    pub(super) const fn works_under(self, fence: u8) -> bool {
        match self {
            Self::Idle | Self::Taking(_) => false,
            Self::Has(mine) | Self::Writing(mine, _) | Self::Unsure(mine) => mine == fence,
        }
    }
}

/// How far the lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Age {
    Good,
    /// Over by clocks that run ahead.
    Doubtful,
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) document: Document,
    pub(super) age: Age,
    /// The clock of the first runs ahead.
    pub(super) holders: [Holder; HOLDERS],
    pub(super) faults: u8,
    /// How often a unit was committed under each fence.
    pub(super) commits: [u8; LEASES],
    /// How often each fence was given.
    pub(super) given: [u8; LEASES],
    /// A commit with an older fence came after a newer one.
    pub(super) overtaken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Look(usize),
    Take(usize),
    Read(usize),
    Commit(usize),
    /// Applied, but the answer is lost.
    CommitUnanswered(usize),
    /// Neither applied nor answered.
    CommitLost(usize),
    Die(usize),
    Time,
    /// Time passes while the holder is at work.
    Stall,
}

impl Leases {
    /// Writes what was made of `seen`, if nobody else was faster.
    pub(super) fn write(
        &self,
        state: &mut State,
        seen: Document,
        next: Document,
        mine: u8,
    ) -> bool {
        if self.guards.cas && seen != state.document {
            return false;
        }
        state.overtaken |= mine < state.document.fence;
        state.document = next;
        true
    }

    pub(super) fn unit(&self, state: &mut State, fence: u8, seen: Document) -> bool {
        let next = Document {
            held: false,
            done: seen.done + 1,
            marker: fence,
            ..seen
        };
        let stands = self.write(state, seen, next, fence);
        state.commits[usize::from(fence)] += u8::from(stands);
        stands
    }

    /// What a holder does with what is stored.
    pub(super) fn read(&self, document: Document, fence: u8, unsure: bool) -> Holder {
        let stands = unsure && self.guards.marker && document.marker == fence;
        let superseded = self.guards.fence && document.fence != fence;
        if stands || superseded || document.done == UNITS {
            Holder::Idle
        } else {
            Holder::Writing(fence, document)
        }
    }
}

impl Leases {
    pub(super) fn first_state() -> State {
        State {
            document: Document {
                fence: 0,
                held: false,
                done: 0,
                marker: 0,
            },
            age: Age::Good,
            holders: [Holder::Idle; HOLDERS],
            faults: 0,
            commits: [0; LEASES],
            given: [0; LEASES],
            overtaken: false,
        }
    }

    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let may_fail = state.faults < self.faults;
        let document = state.document;
        for (at, holder) in state.holders.iter().enumerate() {
            match holder {
                Holder::Idle => {
                    let ahead = at == 0 && !self.guards.margin;
                    let free = match state.age {
                        _ if !document.held => true,
                        Age::Good => false,
                        Age::Doubtful => ahead,
                        Age::Over => true,
                    };
                    if free && document.done < UNITS && usize::from(document.fence) + 1 < LEASES {
                        actions.push(Action::Look(at));
                    }
                }
                Holder::Taking(_) => actions.push(Action::Take(at)),
                Holder::Has(_) | Holder::Unsure(_) => actions.push(Action::Read(at)),
                Holder::Writing(..) => {
                    actions.push(Action::Commit(at));
                    if may_fail {
                        actions.extend([Action::CommitUnanswered(at), Action::CommitLost(at)]);
                    }
                }
            }
            if may_fail && !matches!(holder, Holder::Idle | Holder::Taking(_)) {
                actions.push(Action::Die(at));
            }
        }
        if self.guards.expiry && document.held && state.age != Age::Over {
            let at_work = state
                .holders
                .iter()
                .any(|holder| holder.works_under(document.fence));
            if !at_work {
                actions.push(Action::Time);
            } else if may_fail {
                actions.push(Action::Stall);
            }
        }
    }

    pub(super) fn after(&self, last: &State, action: Action) -> State {
        let mut state = last.clone();
        match action {
            Action::Look(at) => state.holders[at] = Holder::Taking(state.document),
            Action::Take(at) => {
                if let Holder::Taking(seen) = last.holders[at] {
                    let fence = seen.fence + u8::from(self.guards.raised || seen.fence == 0);
                    let next = Document {
                        fence,
                        held: true,
                        ..seen
                    };
                    state.holders[at] = Holder::Idle;
                    if self.write(&mut state, seen, next, fence) {
                        state.age = Age::Good;
                        state.given[usize::from(fence)] += 1;
                        state.holders[at] = Holder::Has(fence);
                    }
                }
            }
            Action::Read(at) => {
                state.holders[at] = match last.holders[at] {
                    Holder::Has(fence) => self.read(state.document, fence, false),
                    Holder::Unsure(fence) => self.read(state.document, fence, true),
                    other => other,
                }
            }
            Action::Commit(at) | Action::CommitUnanswered(at) => {
                let answered = matches!(action, Action::Commit(_));
                state.faults += u8::from(!answered);
                if let Holder::Writing(fence, seen) = last.holders[at] {
                    let stands = self.unit(&mut state, fence, seen);
                    state.holders[at] = match (answered, stands) {
                        (true, true) => Holder::Idle,
                        (true, false) => Holder::Has(fence),
                        (false, _) => Holder::Unsure(fence),
                    };
                }
            }
            Action::CommitLost(at) => {
                state.faults += 1;
                if let Holder::Writing(fence, _) = last.holders[at] {
                    state.holders[at] = Holder::Unsure(fence);
                }
            }
            Action::Die(at) => {
                state.faults += 1;
                state.holders[at] = Holder::Idle;
            }
            Action::Time | Action::Stall => {
                state.faults += u8::from(action == Action::Stall);
                state.age = match state.age {
                    Age::Good => Age::Doubtful,
                    Age::Doubtful | Age::Over => Age::Over,
                };
            }
        }
        // The two whose clocks are right are as good as each other.
        state.holders[1..].sort_unstable();
        state
    }
}
