//! Who is calling, who that is here, and whether they may.
