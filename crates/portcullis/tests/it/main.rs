//! The whole system, driven as its users do: the real binary on free loopback ports, in a temporary directory.

mod ambiguous;
mod backup;
mod catalogue;
mod check;
mod cluster;
mod command_line;
mod demo;
mod deploy;
mod doctor;
mod examples;
mod extremes;
mod files;
mod http;
mod jose;
mod layers;
mod nats;
mod nested;
mod outages;
#[path = "../../../store/tests/contract/port.rs"]
mod port;
mod postgres;
mod records;
mod redis;
mod refusals;
mod reload;
mod roles;
mod route;
mod server;
mod shutdown;
mod start;
mod telemetry;
mod users;
mod webhooks;
