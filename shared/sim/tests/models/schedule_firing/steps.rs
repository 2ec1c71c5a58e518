//! What there is, what can happen and what it does.

use super::{Firing, SLOTS};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `catchup: all`, `overlap: allow`
    All,
    /// `catchup: latest`, `overlap: allow`
    Latest,
    /// `catchup: all`, `overlap: skip`
    Skip,
    /// `catchup: latest`, `overlap: skip`
    LatestSkip,
}

impl Kind {
    pub(super) const fn skips(self) -> bool {
        matches!(self, Self::Skip | Self::LatestSkip)
    }
    /// The first slot to fire of those that are due.
    pub(super) const fn first(self, cursor: u8, until: u8) -> u8 {
        match self {
            Self::All | Self::Skip => cursor,
            Self::Latest | Self::LatestSkip => until - 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Run {
    None,
    Pending,
    Active,
    Ended,
}

/// The workflow's document, as it is stored; no two versions are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Document {
    /// The first slot that has not been dealt with.
    pub(super) cursor: u8,
    /// The slots whose runs hold a place.
    pub(super) active: [bool; SLOTS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Tick {
    Idle,
    /// Fires slots from one to another.
    Fire {
        slot: u8,
        until: u8,
    },
    /// Has decided to make the run of the slot, going by this document.
    Create {
        slot: u8,
        until: u8,
        seen: Document,
    },
    /// Has made it and lets it begin.
    Begin {
        slot: u8,
        until: u8,
    },
    /// Is about to move the cursor. `then`: fires its slots after that, which is wrong.
    Move {
        until: u8,
        seen: Document,
        then: Option<u8>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// Slots whose instant has come.
    pub(super) now: u8,
    pub(super) document: Document,
    pub(super) runs: [Run; SLOTS],
    /// How often a run was made for each.
    pub(super) made: [u8; SLOTS],
    pub(super) dropped: [bool; SLOTS],
    pub(super) ticks: [Tick; 2],
    pub(super) faults: u8,
    pub(super) went_back: bool,
    pub(super) fired_late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Time,
    /// A tick reads what is due.
    Wake(usize),
    /// It goes on to its next read or commit.
    Go(usize),
    Die(usize),
    /// A run that has not begun is looked at.
    Look(u8),
    End(u8),
}

impl Firing {
    pub(super) fn decide(&self, state: &mut State, slot: u8, until: u8) -> Tick {
        let at = usize::from(slot);
        let next = Tick::Fire {
            slot: slot + 1,
            until,
        };
        if self.guards.looks_first && self.guards.slot_id && state.runs[at] != Run::None {
            // Whoever made it may have died before it began.
            return if state.runs[at] == Run::Pending {
                Tick::Begin { slot, until }
            } else {
                next
            };
        }
        if self.kind.skips() {
            let last = if self.guards.later_counts {
                state.document.active.len()
            } else {
                at
            };
            if state.document.active[..last].contains(&true) {
                state.dropped[at] = true;
                return next;
            }
        }
        Tick::Create {
            slot,
            until,
            seen: state.document,
        }
    }

    pub(super) fn create(&self, state: &mut State, slot: u8, until: u8, seen: Document) -> Tick {
        let at = usize::from(slot);
        let next = Tick::Fire {
            slot: slot + 1,
            until,
        };
        if self.kind.skips() {
            if self.guards.decides_at_commit && seen != state.document {
                return Tick::Fire { slot, until };
            }
            if self.guards.checks_cursor && state.document.cursor > slot {
                return next;
            }
        }
        if self.guards.create_only && self.guards.slot_id && state.runs[at] != Run::None {
            return next;
        }
        state.made[at] += 1;
        if !self.kind.skips() {
            state.runs[at] = Run::Active;
            return next;
        }
        state.fired_late |= state.document.cursor > slot;
        state.runs[at] = Run::Pending;
        state.document.active[at] = true;
        Tick::Begin { slot, until }
    }

    pub(super) fn fire(&self, state: &mut State, slot: u8, until: u8) -> Tick {
        if slot < until {
            return self.decide(state, slot, until);
        }
        if self.guards.cursor_after_runs && state.document.cursor < until {
            return Tick::Move {
                until,
                seen: state.document,
                then: None,
            };
        }
        Tick::Idle
    }

    pub(super) fn shift(
        &self,
        state: &mut State,
        until: u8,
        seen: Document,
        then: Option<u8>,
    ) -> Tick {
        if self.guards.cas && seen != state.document {
            return Tick::Move {
                until,
                seen: state.document,
                then,
            };
        }
        let cursor = if self.guards.forward {
            seen.cursor.max(until)
        } else {
            until
        };
        state.went_back |= cursor < state.document.cursor;
        state.document = Document { cursor, ..seen };
        then.map_or(Tick::Idle, |slot| Tick::Fire { slot, until })
    }
}

impl Firing {
    pub(super) fn first_state() -> State {
        let document = Document {
            cursor: 0,
            active: [false; SLOTS],
        };
        State {
            now: 0,
            document,
            runs: [Run::None; SLOTS],
            made: [0; SLOTS],
            dropped: [false; SLOTS],
            ticks: [Tick::Idle; 2],
            faults: 0,
            went_back: false,
            fired_late: false,
        }
    }

    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        if state.now < self.slots {
            actions.push(Action::Time);
        }
        for (at, tick) in state.ticks.iter().enumerate() {
            if at > 0 && state.ticks[at - 1] == *tick {
                continue;
            }
            if *tick != Tick::Idle {
                actions.push(Action::Go(at));
                if state.faults < self.faults {
                    actions.push(Action::Die(at));
                }
            } else if state.document.cursor < state.now {
                actions.push(Action::Wake(at));
            }
        }
        for (slot, run) in (0..).zip(state.runs) {
            match run {
                Run::Pending if self.guards.pending_wake => actions.push(Action::Look(slot)),
                Run::Active => actions.push(Action::End(slot)),
                _ => {}
            }
        }
    }

    pub(super) fn after(&self, last: &State, action: Action) -> State {
        let mut state = last.clone();
        match action {
            Action::Time => state.now += 1,
            Action::Wake(at) => {
                let until = state.now;
                let slot = self.kind.first(state.document.cursor, until);
                state.ticks[at] = if self.guards.cursor_after_runs {
                    Tick::Fire { slot, until }
                } else {
                    Tick::Move {
                        until,
                        seen: state.document,
                        then: Some(slot),
                    }
                };
            }
            Action::Go(at) => {
                state.ticks[at] = match last.ticks[at] {
                    Tick::Idle => Tick::Idle,
                    Tick::Fire { slot, until } => self.fire(&mut state, slot, until),
                    Tick::Create { slot, until, seen } => {
                        self.create(&mut state, slot, until, seen)
                    }
                    Tick::Begin { slot, until } => {
                        begin(&mut state, slot);
                        Tick::Fire {
                            slot: slot + 1,
                            until,
                        }
                    }
                    Tick::Move { until, seen, then } => self.shift(&mut state, until, seen, then),
                };
            }
            Action::Die(at) => {
                state.faults += 1;
                state.ticks[at] = Tick::Idle;
            }
            Action::Look(slot) => begin(&mut state, slot),
            Action::End(slot) => {
                state.runs[usize::from(slot)] = Run::Ended;
                state.document.active[usize::from(slot)] = false;
            }
        }
        state.ticks.sort_unstable();
        state
    }
}

fn begin(state: &mut State, slot: u8) {
    let run = &mut state.runs[usize::from(slot)];
    if *run == Run::Pending {
        *run = Run::Active;
    }
}
