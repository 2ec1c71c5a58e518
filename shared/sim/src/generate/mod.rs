//! Random workflows from the whole format.
//!
//! [`Scenario::random`] draws one, [`Scenario::parse`] reads it through the parser users meet, and
//! [`Scenario::smaller`] proposes how to cut it down while what it shows is still there.

mod behaviour;
mod cuts;
mod draw;
mod edges;
mod fan;
mod features;
mod given;
mod mend;
mod params;
mod parse;
mod plan;
mod render;
mod renumber;
mod schedules;
mod seen;
mod smaller;
mod source;
mod task_plan;
mod task_yaml;
mod told;
mod types;

pub use behaviour::{Behaviour, OutputKind};
pub use draw::Size;
pub use params::{ParamKind, ParamPlan};
pub use parse::Parsed;
pub use plan::{DefaultsPlan, Format, Scenario, SchedulePlan, WorkflowExtra, WorkflowPlan};
pub use source::{Bind, Condition, How, Over, Source, Spelling, Times};
pub use task_plan::{
    ForeachPlan, Inputs, Kind, ParallelPlan, RetryPlan, RetryPolicyPlan, TaskExtra, TaskPlan,
};
