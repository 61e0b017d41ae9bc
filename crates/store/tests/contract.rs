//! What every statement promises, on both databases: SQLite always, PostgreSQL when `PORTCULLIS_TEST_POSTGRES` has the
//! URL of a server on which databases may be made (`scripts/with-postgres cargo test -p portcullis-store`).
//!
//! A test takes a `World` and is listed here once.

#[path = "contract/access.rs"]
mod access;
#[path = "contract/directory.rs"]
mod directory;
#[path = "contract/events.rs"]
mod events;
#[path = "contract/holdings.rs"]
mod holdings;
#[path = "contract/identifiers.rs"]
mod identifiers;
#[path = "contract/logs.rs"]
mod logs;
#[path = "contract/occurrences.rs"]
mod occurrences;
#[path = "contract/port.rs"]
mod port;
#[path = "contract/provisioned.rs"]
mod provisioned;
#[path = "contract/records.rs"]
mod records;
#[path = "contract/schema.rs"]
mod schema;
#[path = "contract/sinks.rs"]
mod sinks;
#[path = "contract/syncs.rs"]
mod syncs;
#[path = "contract/teams.rs"]
mod teams;
#[path = "contract/used_tokens.rs"]
mod used_tokens;
#[path = "contract/world.rs"]
mod world;

macro_rules! contract {
    ($($module:ident::$test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::world::on_sqlite(super::$module::$test).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::world::on_postgres(super::$module::$test).await;
            })+
        }
    };
}

contract! {
    directory::tenants_are_found_changed_and_listed,
    directory::a_user_comes_back_as_it_went_in,
    directory::users_resolve_by_every_attribute_within_their_tenant,
    directory::an_attribute_that_several_share_is_ambiguous,
    directory::tombstones_keep_their_identifiers,
    directory::what_cannot_be_stored_is_nobody,
    directory::identities_move_with_a_merge,
    directory::lists_are_filtered_and_paged,
    directory::changes_of_one_user_follow_each_other,
    identifiers::what_a_user_was_known_by_is_kept,
    identifiers::the_past_of_one_field_is_bounded,
    identifiers::near_texts_are_found_by_every_form,
    identifiers::texts_that_are_alike_are_found_with_whose_they_are,
    identifiers::identities_that_moved_are_past_ones_of_whom_they_left,
    identifiers::users_of_an_earlier_release_are_caught_up,
    teams::a_team_comes_back_as_it_went_in,
    teams::names_are_unique_in_whatever_case,
    teams::a_user_is_in_all_the_teams_above,
    teams::each_source_keeps_its_own_memberships,
    teams::members_are_listed_page_by_page,
    teams::what_is_not_empty_is_not_removed,
    teams::circles_end_every_walk,
    holdings::an_id_is_found_by_whom_it_was_given_to_and_nobody_else,
    holdings::the_first_who_was_given_an_id_has_it,
    holdings::what_is_let_go_at_one_provider_stays_at_another,
    holdings::what_a_holder_has_is_listed_newest_first,
    holdings::a_user_takes_what_it_has_along,
    holdings::what_is_old_or_expired_is_forgotten,
    holdings::only_its_holder_has_it_for_longer,
    syncs::one_holds_a_synchronisation_at_a_time,
    syncs::what_an_operator_asks_for_is_done_once,
    syncs::who_was_not_seen_is_found,
    provisioned::what_a_feed_said_comes_back,
    provisioned::a_feed_sees_its_own_and_nobodys,
    provisioned::a_users_groups_are_those_that_its_feed_sees_and_says,
    provisioned::names_are_found_in_whatever_case,
    access::applications_are_found_by_their_clients,
    access::api_keys_keep_what_they_are,
    access::last_uses_only_move_on,
    access::operators_are_found_changed_and_listed,
    access::secrets_are_replaced_and_removed,
    access::revocations_only_get_stricter,
    access::revocations_are_forgotten_when_they_expire,
    used_tokens::a_token_is_used_once,
    used_tokens::of_fifty_uses_at_once_one_is_the_first,
    used_tokens::what_nobody_believes_is_forgotten,
    logs::audit_entries_are_listed_newest_first,
    logs::two_nodes_settle_on_one_fact,
    occurrences::a_code_is_counted_and_followed,
    records::writing_twice_changes_nothing,
    records::a_young_record_is_waited_for,
    records::a_hostile_record_can_be_stored,
    records::searches_find_what_they_ask_for,
    records::old_records_are_forgotten,
    records::the_oldest_go_when_there_are_too_many_bytes,
    records::what_a_batch_used_is_in_one_record,
    records::a_spool_is_drained_in_order,
    records::a_record_that_cannot_be_read_is_set_aside,
    events::events_come_after_the_commit_and_in_order,
    events::every_node_hears_of_every_event,
    events::an_event_of_a_newer_release_makes_everything_doubtful,
    events::what_was_taken_back_never_happened,
    events::the_log_is_forgotten_but_not_its_end,
    events::a_wait_that_is_given_up_loses_no_wake_up,
    sinks::a_sink_begins_where_the_log_ends,
    sinks::one_node_has_a_sink_at_a_time,
    sinks::failures_add_up_until_something_is_delivered,
    sinks::what_is_forgotten_untold_is_counted,
    sinks::dead_letters_wait_until_somebody_asks,
    schema::nodes_that_start_at_once_agree,
    schema::a_newer_database_is_refused,
    schema::a_rewritten_migration_is_noticed,
    schema::a_dropped_transaction_did_not_happen,
    schema::a_closed_store_is_unavailable,
}

/// The event log once more, with Redis between the nodes.
mod redis {
    macro_rules! events {
        ($($test:ident),+ $(,)?) => {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::world::on_redis(super::events::$test).await;
            })+
        };
    }

    events! {
        events_come_after_the_commit_and_in_order,
        every_node_hears_of_every_event,
        an_event_of_a_newer_release_makes_everything_doubtful,
        what_was_taken_back_never_happened,
        the_log_is_forgotten_but_not_its_end,
        a_wait_that_is_given_up_loses_no_wake_up,
        a_lost_log_is_said_and_caught_up,
        nothing_is_lost_while_redis_is_away,
    }
}

/// What only PostgreSQL can show.
mod only_postgres {
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lost_log_is_said_and_caught_up() {
        super::world::on_postgres(super::events::a_lost_log_is_said_and_caught_up).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_listener_is_set_up_however_often_the_wait_is_given_up() {
        let test = super::events::a_listener_is_set_up_however_often_the_wait_is_given_up;
        super::world::on_postgres(test).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_statement_that_takes_too_long_is_given_up() {
        super::world::on_postgres(super::schema::a_statement_that_takes_too_long_is_given_up).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_comes_back_is_used_again() {
        super::world::on_postgres(super::schema::a_server_that_comes_back_is_used_again).await;
    }
}

/// What only SQLite needs: PostgreSQL has a setting for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_takes_too_long_is_given_up() {
    world::on_sqlite(schema::a_search_that_takes_too_long_is_given_up).await;
}

#[tokio::test]
async fn passwords_do_not_reach_errors() {
    use portcullis_fault::Secret;
    use portcullis_store::{Database, Options, Store};
    for url in ["postgres://user:hunter2@127.0.0.1:1/none", "postgres://user:hunter2@[::/none"] {
        let options = Options::new(Database::Postgres(Secret::new(url.to_owned())));
        let shown = format!("{options:?}");
        let error = Store::open(options).await.unwrap_err();
        let error = format!("{error} {error:?}");
        assert!(!error.contains("hunter2") && !shown.contains("hunter2"), "{error}");
    }
}
