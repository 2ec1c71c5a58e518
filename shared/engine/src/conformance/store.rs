//! The list of all cases for stores.

pub use super::store_commits::*;
pub use super::store_documents::*;
pub use super::store_due::*;
pub use super::store_queries::*;
pub use super::store_races::*;
use super::world::{Job, StoreWorld};

/// A case, ready to be given its world.
pub type Case<W> = for<'a> fn(&'a W) -> Job<'a>;

/// All cases by name, for whoever brings an executor of their own.
pub fn all<W: StoreWorld>() -> Vec<(&'static str, Case<W>)> {
    crate::store_conformance!(@list all [W])
}

/// One `#[test]` for each case: `store_conformance!(a new world, something that runs a future to its end)`.
#[macro_export]
macro_rules! store_conformance {
    (@list $what:ident $args:tt) => {
        $crate::store_conformance! { @ $what $args
            an_absent_document_reads_as_none
            a_created_document_reads_back_whole
            creating_what_exists_is_a_conflict
            a_replace_needs_the_current_version
            a_replace_takes_over_body_and_index
            a_delete_needs_the_current_version
            versions_are_never_used_again
            a_check_guards_a_commit_without_writing
            a_commit_is_all_or_nothing_wherever_it_fails
            a_commit_answers_one_version_per_write
            a_key_may_occur_once_in_a_commit
            an_empty_commit_is_fine
            reads_follow_the_order_of_the_keys
            bodies_of_every_size_come_back
            a_body_beyond_the_bound_is_refused
            keys_do_not_touch_each_other
            a_hundred_writes_fit_into_one_commit
            another_handle_sees_what_was_committed
            due_runs_come_earliest_first
            due_workflows_come_earliest_first
            only_as_many_as_asked_for_are_due
            what_is_due_follows_the_last_write
            runs_and_workflows_are_due_apart
            runs_are_listed_newest_first
            runs_are_listed_by_status_and_workflow
            runs_are_listed_from_an_instant_on
            a_listing_gives_whole_documents
            a_listing_follows_the_last_write
            pages_of_every_size_give_the_same_listing
            a_listing_neither_misses_nor_repeats_what_stays
            workflows_are_listed_by_name
            versions_of_one_workflow_are_listed
            dead_letters_are_listed_by_id
            keys_and_audit_are_listed_by_id
            an_empty_listing_ends_at_once
            a_foreign_cursor_is_refused
            racing_creations_have_one_winner
            racing_increments_lose_nothing
            racing_listings_see_every_stable_run_once
        }
    };
    (@tests [$world:expr, $block_on:expr] $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let world = $world;
                ($block_on)($crate::conformance::store::$case(&world));
            }
        )*
    };
    (@all [$world:ident] $($case:ident)*) => {
        vec![$((stringify!($case), (|world| Box::pin($case(world))) as Case<$world>)),*]
    };
    ($world:expr, $block_on:expr $(,)?) => {
        $crate::store_conformance! { @list tests [$world, $block_on] }
    };
}
