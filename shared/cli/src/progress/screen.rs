//! The observer of the command line: takes in commits, prints lines, draws the picture.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use ork_core::ids::RunId;
use ork_core::run::{Graph, Note, RunState};
use ork_core::task::AttemptId;
use ork_core::time::{Millis, Time};
use ork_local::observer::Observer;

use super::board::Board;
use super::{frame, lines, now};
use crate::output::{Output, Paint, harmless, terminal_size};

/// How much is shown while runs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Nothing.
    Silent,
    /// A line per start and end.
    Lines,
    /// Every note: why each decision.
    Notes,
    /// The picture, redrawn.
    Live,
    /// Every note above the picture.
    LiveNotes,
}

/// How often the expected end is worked out anew; that costs a look at every instance.
const ETA_EVERY: Millis = Millis(1000);
/// Runs shorter than this are over before a picture of them could be looked at.
const BEFORE_FIRST_FRAME: Millis = Millis(150);

/// What is shown while runs go.
#[derive(Debug)]
pub(crate) struct Screen {
    style: Style,
    paint: Paint,
    /// Lines start with the instant and the run, because there are several runs.
    many: bool,
    board: Board,
    since: Time,
    waiting: Vec<String>,
    drawn: usize,
}

impl Screen {
    /// Nothing shown yet.
    pub(crate) fn new(style: Style, many: bool, out: &Output) -> Self {
        Self {
            style,
            paint: out.talk,
            many,
            board: Board::default(),
            since: now(),
            waiting: Vec::new(),
            drawn: 0,
        }
    }

    /// Whether it wants to be drawn from time to time.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.style, Style::Live | Style::LiveNotes)
    }

    /// Prints what waits and draws the picture as it is now.
    pub(crate) fn draw(&mut self, out: &Output) {
        let now = now();
        if !self.is_live() || now.since(self.since) < BEFORE_FIRST_FRAME {
            return;
        }
        let (columns, rows) = terminal_size();
        let picture = frame::frame(&self.board, now, columns, rows, self.paint);
        let mut text = self.wiped();
        for line in self.waiting.drain(..).chain(picture.iter().cloned()) {
            text.push_str(&line);
            text.push('\n');
        }
        self.drawn = picture.len();
        out.raw(&text);
    }

    /// Takes the picture away and prints what still waits.
    pub(crate) fn finish(&mut self, out: &Output) {
        let mut text = self.wiped();
        self.drawn = 0;
        for line in self.waiting.drain(..) {
            text.push_str(&line);
            text.push('\n');
        }
        if !text.is_empty() {
            out.raw(&text);
        }
    }

    /// A line for people, above the picture if there is one.
    pub(crate) fn say(&mut self, out: &Output, text: &str) {
        self.waiting.push(text.to_owned());
        self.finish(out);
    }

    /// What removes the picture from the terminal.
    fn wiped(&self) -> String {
        if self.drawn == 0 {
            String::new()
        } else {
            format!("\x1b[{}A\r\x1b[J", self.drawn)
        }
    }

    fn take(
        &mut self,
        run: &RunId,
        graph: &Arc<Graph>,
        state: &RunState,
        notes: &[Note],
    ) -> Vec<String> {
        let mut fresh = Vec::new();
        if self.style == Style::Silent {
            return fresh;
        }
        let is_new = !self.board.runs.contains_key(run);
        if self.many && is_new && state.header.status.is_terminal() && notes.is_empty() {
            // Its end was shown already.
            return fresh;
        }
        let view = self.board.take(run, graph, state, notes);
        match self.style {
            Style::Notes | Style::LiveNotes => {
                fresh.extend(notes.iter().map(|note| harmless(&note.render(graph))))
            }
            Style::Lines => lines::lines(view, state, notes, self.paint, &mut fresh),
            Style::Live | Style::Silent => {}
        }
        if matches!(self.style, Style::Live | Style::LiveNotes) {
            let now = now();
            if now.since(view.eta_at) >= ETA_EVERY {
                view.eta_at = now;
                view.eta = state.progress(graph, now).eta;
            }
        }
        if self.many {
            self.frame_lines(run, state, is_new, &mut fresh);
        }
        fresh
    }

    /// Where there are several runs, says which begins and ends, and puts instant and run before each line.
    fn frame_lines(
        &mut self,
        run: &RunId,
        state: &RunState,
        is_new: bool,
        lines: &mut Vec<String>,
    ) {
        let header = &state.header;
        let status = header.status;
        if is_new && self.style == Style::Lines {
            lines.insert(0, format!("{:<9} {}", "run", header.workflow));
        }
        if status.is_terminal() {
            let took = header.finished_at.zip(header.started_at);
            let took = took.map(|(end, start)| format!(" in {}", end.since(start)));
            if self.style == Style::Lines {
                let word = self.paint.run(status, status.as_str());
                lines.push(format!("{word}{}", took.unwrap_or_default()));
            }
            self.board.runs.remove(run);
        }
        let at = now().rfc3339();
        let at = at.get(11..19).unwrap_or_default();
        for line in lines {
            *line = format!("{} {run}  {line}", self.paint.dim(at));
        }
    }
}

/// A screen that is drawn by a timer while the engine reports to it.
#[derive(Debug, Clone)]
pub(crate) struct SharedScreen {
    screen: Rc<RefCell<Screen>>,
    out: Rc<Output>,
}

impl SharedScreen {
    /// Shares `screen`.
    pub(crate) fn new(screen: Screen, out: &Output) -> Self {
        Self {
            screen: Rc::new(RefCell::new(screen)),
            out: Rc::new(out.clone()),
        }
    }
    /// Whether it wants to be drawn from time to time.
    pub(crate) fn is_live(&self) -> bool {
        self.screen.borrow().is_live()
    }
    /// How many runs are under way.
    pub(crate) fn runs(&self) -> usize {
        self.screen.borrow().board.runs.len()
    }
    /// Draws the picture.
    pub(crate) fn draw(&self) {
        self.screen.borrow_mut().draw(&self.out);
    }
    /// Takes the picture away.
    pub(crate) fn finish(&self) {
        self.screen.borrow_mut().finish(&self.out);
    }
    /// A line for people, above the picture if there is one.
    pub(crate) fn say(&self, text: &str) {
        self.screen.borrow_mut().say(&self.out, text);
    }
    /// Prints lines at once, or keeps them until the picture is drawn next.
    fn print(&self, lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        let mut screen = self.screen.borrow_mut();
        screen.waiting.extend(lines);
        if !screen.is_live() {
            screen.finish(&self.out);
        }
    }
}

impl Observer for SharedScreen {
    fn committed(&mut self, run: &RunId, graph: &Arc<Graph>, state: &RunState, notes: &[Note]) {
        let lines = self.screen.borrow_mut().take(run, graph, state, notes);
        self.print(lines);
    }
    fn setup(&mut self, text: &str) {
        if self.screen.borrow().style != Style::Silent {
            self.print(vec![format!("{:<9} {}", "setup", harmless(text))]);
        }
    }
    fn warn(&mut self, text: &str) {
        // Also to whoever wants to hear of nothing else.
        let word = self.out.talk.yellow("warning:");
        self.print(vec![format!("{word} {}", harmless(text))]);
    }
    fn attempt_ended(&mut self, _: &AttemptId, _: &[String]) {}
}
