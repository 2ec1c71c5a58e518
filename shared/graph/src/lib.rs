//! Draws workflows and runs, as text of SVG and HTML: graph, Gantt chart, grid, durations.
//!
//! Pure: values in, text out, the same text for the same values. What is drawn holds no inline style and no script, so that a page under a strict
//! content security policy can show it; how it looks is said by classes, and [`style()`] has the rules for them. Every text that comes from outside
//! (names of tasks, links, notes) is escaped.

mod axis;
mod draw;
mod gantt;
mod graph;
mod grid;
mod layout;
mod of_run;
#[cfg(test)]
mod properties;
mod state;
mod style;
mod text;
mod trend;
mod xml;

pub use axis::Axis;
pub use draw::{DrawOptions, draw, svg};
pub use gantt::{Gantt, GanttOptions, GanttRow, Span};
pub use graph::{Fan, Graph, GraphError, Node};
pub use grid::{Grid, GridCell, GridRow, GridRun};
pub use layout::{Bend, Direction, Layout, Limits, Place, Point, TooLarge, Wire};
pub use of_run::{gantt_of_run, graph_of_run, graph_of_workflow};
pub use state::State;
pub use trend::{Bar, Trend};

/// The rules for the classes of all drawings, light and dark, for a page to add to its stylesheet; a file of its own has them embedded.
/// Colours are variables (`--ork-…`) of a drawing's outermost element, so that a page may set others.
pub fn style() -> String {
    style::for_pages()
}
