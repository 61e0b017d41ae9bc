//! AI wire formats and providers: bytes in, bytes out.
