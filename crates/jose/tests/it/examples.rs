//! The examples run, and do what they say.

macro_rules! example {
    ($name:ident, $file:literal) => {
        #[path = $file]
        mod $name;

        #[test]
        fn $name() {
            $name::main().unwrap();
        }
    };
}

example!(verify, "../../examples/verify.rs");
example!(sign, "../../examples/sign.rs");
example!(encrypt, "../../examples/encrypt.rs");
example!(explain, "../../examples/explain.rs");
example!(audit, "../../examples/audit.rs");
