//! Everything that goes wrong, by name, how often in this world, and how often it did.

use crate::random::Random;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $most:literal;)+) => {
        /// One kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[doc = $doc])+ $variant),+ }
        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
            /// How often it happens at most, in thousandths of its occasions.
            pub const fn most(self) -> u16 {
                match self { $(Self::$variant => $most),+ }
            }
            /// Whether only worlds with worker services have it.
            pub fn is_of_services(self) -> bool {
                self >= Self::PushLost && !self.is_of_receivers()
            }
            /// Whether only worlds have it in which somebody is told of runs.
            pub fn is_of_receivers(self) -> bool {
                self >= Self::ReceiverBusy
            }
        }
    };
}

faults!(
    /// A process dies at a point before or after an effect, and everything in it.
    Crash = "crash", 20;
    /// A process stands still at a point for seconds to hours, then goes on as if nothing had been.
    Stall = "stall", 8;
    /// A commit finds that another was faster although none was.
    Conflict = "conflict", 150;
    /// A commit is applied and its answer is lost.
    AmbiguousApplied = "commit answer lost, applied", 100;
    /// A commit is not applied and nobody can tell.
    AmbiguousLost = "commit answer lost, not applied", 100;
    /// The store asks for patience.
    Throttled = "store throttled", 50;
    /// The store cannot be reached.
    Unavailable = "store unavailable", 50;
    /// Objects cannot be reached.
    ObjectsDown = "objects unavailable", 50;
    /// An object is written and the answer is lost.
    ObjectAnswerLost = "object answer lost", 80;
    /// An object is read and the answer takes minutes.
    ObjectsSlow = "objects slow", 15;
    /// Everything is down for minutes.
    Outage = "outage", 3;
    /// A hint is lost.
    HintLost = "hint lost", 900;
    /// A hint comes late: seconds to days.
    HintLate = "hint late", 300;
    /// A hint comes up to five times.
    HintDoubled = "hint doubled", 100;
    /// A notice of an object is lost.
    NoticeLost = "notice lost", 600;
    /// A notice of an object comes late: seconds to days.
    NoticeLate = "notice late", 300;
    /// A notice of an object comes up to five times.
    NoticeDoubled = "notice doubled", 120;
    /// The executor has no place.
    StartBusy = "start: no place", 350;
    /// The executor refuses for good.
    StartRefused = "start: refused", 40;
    /// The executor takes minutes to answer.
    StartSlow = "start: slow", 300;
    /// The executor starts the attempt and its answer is lost.
    StartAnswerLost = "start: answer lost", 300;
    /// The executor does not start the attempt and nobody can tell.
    StartLost = "start: lost", 150;
    /// The attempt is started twice.
    StartDoubled = "start: doubled", 200;
    /// The attempt begins minutes to hours later.
    StartLate = "start: late", 120;
    /// The attempt is accepted and never begins.
    StartNever = "start: never", 80;
    /// A worker dies without a word.
    WorkerDies = "worker dies", 25;
    /// A worker stands still for minutes to hours and wakes up.
    WorkerStalls = "worker stalls", 20;
    /// A sign of life is not written.
    BeatLost = "heartbeat lost", 500;
    /// A worker leaves garbage as its verdict.
    VerdictGarbage = "verdict: garbage", 60;
    /// A worker leaves a verdict that is far too large.
    VerdictOversize = "verdict: oversize", 30;
    /// A worker ends without a verdict.
    VerdictMissing = "verdict: missing", 60;
    /// A worker leaves its verdict twice, the second time another one.
    VerdictTwice = "verdict: twice", 200;
    /// A question about a job gets no answer now.
    TrackerTransient = "tracker: transient", 500;
    /// A question about a job never gets an answer.
    TrackerPermanent = "tracker: permanent", 60;
    /// A question about a job is answered minutes later.
    TrackerSlow = "tracker: slow", 120;
    /// Ork may not ask about a job, or have it stopped, for once.
    TrackerDenied = "tracker: denied", 300;
    /// A service does not know a job yet for up to most of a minute.
    JobUnknown = "job: unknown yet", 500;
    /// A service has forgotten a job: it is not at work and nobody knows it.
    JobGone = "job: gone", 150;
    /// A job goes on for minutes after it was told to stop.
    JobStopsLate = "job: stops late", 500;
    /// A job that was told to stop goes on; it has to be told again.
    JobStopIgnored = "job: stop ignored", 400;
    /// A job takes hours.
    JobSlow = "job: slow", 200;
    /// A job fails.
    JobFails = "job: fails", 200;
    /// A tick does not come.
    TickMissed = "tick missed", 300;
    /// A tick comes twice, at the same time.
    TickDoubled = "tick doubled", 400;
    /// A tick stands still on its way, for minutes to hours.
    TickStalls = "tick stalls", 100;
    /// A tick is late by minutes to hours.
    TickLate = "tick late", 100;
    /// Clocks differ: by up to half a minute, now and then by five.
    Skew = "clock skew", 1000;
    /// The document of a run turns to garbage.
    Garbage = "document garbled", 3;
    /// Newer code has written a field that this code does not know.
    NewerField = "newer field", 60;
    /// An executor does not stop what it is told to stop.
    StopIgnored = "stop ignored", 700;
    /// A message to a worker service is lost.
    PushLost = "push lost", 200;
    /// A message to a worker service comes late: half a minute to hours.
    PushLate = "push late", 200;
    /// A message to a worker service comes up to three times, perhaps to several instances.
    PushDoubled = "push doubled", 300;
    /// A worker service has dealt with a message and is not believed: it comes again.
    PushUnacknowledged = "push: acknowledgement lost", 200;
    /// An instance of a worker service is told to end.
    ServiceEnds = "service told to end", 40;
    /// Dispatch does not hear that a worker service has finished something.
    FinishedUnheard = "finished: not heard", 300;
    /// Dispatch is told twice that a worker service has finished something.
    FinishedDoubled = "finished: doubled", 200;
    /// Dispatch is told late, or answers late, perhaps when nobody listens any more.
    FinishedSlow = "finished: slow", 300;
    /// What dispatch answers is lost, and what it handed on with it.
    FinishedAnswerLost = "finished: answer lost", 300;
    /// A worker service dies with what it was handed on.
    HandedDies = "worker dies with what it was handed", 150;
    /// What was handed on comes to another instance, too.
    HandedTwice = "handed on twice", 300;
    /// A worker service stands still with what it was handed on, for seconds to hours.
    HandedLate = "handed on: late", 200;
    /// Who is to be told of a run says that it has no time, and has not taken it.
    ReceiverBusy = "receiver: not now", 500;
    /// Who is told of a run has taken it, and its answer is lost.
    ReceiverAnswerLost = "receiver: answer lost", 400;
    /// Who is told of a run takes its time to answer.
    ReceiverSlow = "receiver: slow", 400;
    /// Who is to be told of a run can never be told.
    ReceiverRefuses = "receiver: refused", 300;
);

/// How often each kind happens, in thousandths of its occasions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults([u16; Fault::ALL.len()]);

impl Faults {
    /// None at all.
    pub const NONE: Self = Self([0; Fault::ALL.len()]);

    /// Each kind is off half of the time, and of any strength otherwise; now and then the whole world is calm.
    pub fn random(random: &mut Random) -> Self {
        let mut faults = Self::NONE;
        if random.one_in(40) {
            return faults;
        }
        // Those of services are drawn by whoever draws the services, those of receivers by whoever has any.
        let of_all = |fault: &&Fault| !fault.is_of_services() && !fault.is_of_receivers();
        let kinds = Fault::ALL.iter().filter(of_all);
        kinds.for_each(|&fault| faults.draw(fault, random));
        faults
    }

    /// One kind: off half of the time, and of any strength otherwise.
    pub fn draw(&mut self, fault: Fault, random: &mut Random) {
        if random.one_in(2) {
            let strength = random.between(1, u64::from(fault.most()));
            self.set(fault, u16::try_from(strength).unwrap_or(1000));
        }
    }

    /// How often `fault` happens.
    pub const fn of(&self, fault: Fault) -> u16 {
        self.0[fault as usize]
    }
    /// Changes how often `fault` happens.
    pub const fn set(&mut self, fault: Fault, thousandths: u16) {
        self.0[fault as usize] = thousandths;
    }
    /// The kinds that happen at all.
    pub fn present(&self) -> impl Iterator<Item = Fault> + '_ {
        Fault::ALL
            .iter()
            .copied()
            .filter(|&fault| self.of(fault) > 0)
    }
}

/// How often each kind happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected(pub [u64; Fault::ALL.len()]);

impl Default for Injected {
    fn default() -> Self {
        Self([0; Fault::ALL.len()])
    }
}

impl Injected {
    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
    /// All of them together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}
