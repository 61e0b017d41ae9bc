//! What we make, others read; what others make, we read; and where the answers differ, it is on a list with a reason.

mod differences;
mod encrypted;
mod signed;
