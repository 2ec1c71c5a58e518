//! What keeps a lost, doubled or late step harmless, by name, so that a simulator can turn each off and see that it notices.
//!
//! In what is shipped every protection holds, always: without the feature `switches` there is nothing to turn off.

use std::fmt;

macro_rules! protections {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        /// One guard against repetition, lateness or loss.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Protection { $($(#[doc = $doc])+ $variant),+ }
        impl Protection {
            /// Every protection.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
            /// What it does, in one sentence.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii_start()),+ }
            }
        }
    };
}

protections!(
    /// A worker runs an attempt only if it made the attempt's claim object.
    ClaimOnce = "claim_once",
    /// A verdict object is created once, by the worker or the reaper, and never replaced.
    VerdictOnce = "verdict_once",
    /// A commit is applied only if every document is at the version that was read.
    Preconditions = "preconditions",
    /// What concerns an earlier attempt of an instance is stale.
    AttemptMatches = "attempt_matches",
    /// A refusal to start concerns one claim: a later claim of the same attempt stands.
    FenceMatches = "fence_matches",
    /// An attempt that handed over to jobs takes no second verdict.
    OneVerdict = "one_verdict",
    /// Before an attempt is given up that another start may have reached, its claim object is taken, so that it never begins.
    Seal = "seal",
    /// Before a silent worker is declared lost, its status object is looked at.
    FreshStatus = "fresh_status",
    /// An attempt that was handed over and has not begun is handed over again.
    CheckStart = "check_start",
    /// Every run that is not over has an instant at which it is looked at.
    WakeKept = "wake_kept",
    /// A run that was looked at and stays as it is does not stay due.
    WakeMovesOn = "wake_moves_on",
    /// The run of a slot is called after the slot.
    SlotId = "slot_id",
    /// A schedule's cursor moves past a slot only after the slot's run was made.
    CursorAfterRuns = "cursor_after_runs",
    /// No run is made for a slot that the cursor has passed.
    CursorChecked = "cursor_checked",
    /// Whether a slot gives way to what is active is decided in the commit that makes its run.
    SkipAtCommit = "skip_at_commit",
    /// Whoever changes a workflow's places leaves the instant of its next slot as it is.
    IndexKept = "index_kept",
    /// A run begins only when its workflow has a place for it.
    MayBegin = "may_begin",
    /// Places of a pool are taken in the commit that claims.
    PoolInCommit = "pool_in_commit",
    /// A slot that cancels what is active leaves its own run alone.
    OwnSlot = "own_slot",
    /// A slot that cancels what is active leaves the runs of later slots alone.
    LaterSlot = "later_slot",
    /// A sub-workflow's run is called after the attempt that waits for it.
    ChildId = "child_id",
    /// A sub-workflow's run looks whether its parent still waits.
    ParentCheck = "parent_check",
    /// A commit whose answer was lost is recognised by the mark it left.
    CommitMarker = "commit_marker",
    /// What a lost commit asked for is done when the next commit shows that it stood.
    Owed = "owed",
    /// Before memory says that there is nothing to do, the store is asked whether memory is up to date.
    CurrentMemory = "current_memory",
    /// Only what is stored may refuse a command, not what is remembered.
    RefusalReread = "refusal_reread",
    /// An attempt that was cancelled between its claim and its start is not started.
    CancelCheck = "cancel_check",
    /// The last outputs are in their place before the commit that ends the run.
    PublishFirst = "publish_first",
    /// That the jobs of an attempt are to be stopped is kept until they are known to be over.
    CancelKept = "cancel_kept",
    /// A worker that hands over to jobs after its attempt was ended leaves word of them.
    LateKept = "late_kept",
    /// That word is looked for, whether or not anybody was told of it.
    LateLooked = "late_looked",
    /// A look at a run whose attempts were taken from workers leaves word for those that nobody told.
    WordLeft = "word_left",
    /// That somebody is to be told is kept until they are, or it has been tried for long.
    NoticeKept = "notice_kept",
    /// While somebody may be sending a notice, nobody else does.
    NoticeLease = "notice_lease",
    /// Pages are read between two looks at the same header.
    PagesMatch = "pages_match",
);

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which protections hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protections {
    #[cfg(feature = "switches")]
    off: u64,
}

impl Protections {
    /// All of them but `one`.
    #[cfg(feature = "switches")]
    pub const fn without(one: Protection) -> Self {
        Self {
            off: 1 << one as u64,
        }
    }
    /// Whether `one` holds.
    #[cfg(feature = "switches")]
    pub const fn hold(self, one: Protection) -> bool {
        self.off & (1 << one as u64) == 0
    }
    /// Whether `one` holds: always.
    #[cfg(not(feature = "switches"))]
    pub const fn hold(self, _one: Protection) -> bool {
        true
    }
}
