//! What happens without being asked. Each job is one file with a `run` that ends with its token; one more is one file
//! and one line where the process is built. (That records go from the spool into the database is the spool's own:
//! `SpoolReader::drain`.)

pub mod retention;
pub mod sync;
