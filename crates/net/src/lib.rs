//! The edge of the process: listeners on one side ([`accept`]), the guarded way out on the other ([`egress`]).
//!
//! Not here: what a call means (`gateway`), who makes it (`identity`), when a key set is fetched (`identity`).
//!
//! Metrics, all counters unless said otherwise, those of listeners with the label `listener`:
//! `portcullis_connections_open` (gauge), `portcullis_connections_total`, `portcullis_connections_at_limit_total`,
//! `portcullis_connections_closed_total` (`reason`: `header_timeout`, `write_timeout`, `stream_stalled`, `idle`,
//! `drain`, `protocol`), `portcullis_accept_errors_total`, `portcullis_proxy_header_failures_total` (`reason`),
//! `portcullis_tls_failures_total` (`reason`), `portcullis_certificate_reload_failures_total`,
//! `portcullis_certificate_not_after_seconds` (gauge, `file`), `portcullis_egress_failures_total` (`reason`).

pub mod accept;
mod cause;
pub mod egress;
mod keep_alive;
