//! Certificate chains: those that lead to a root, and every way in which one does not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_jose::Jwk;
use portcullis_jose::jwk::Roots;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

const NOW: i64 = 1_760_000_000 * 1_000_000;

/// A name, who it may issue for, and from when to when it is in force.
fn params(name: &str, ca: IsCa, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    params.is_ca = ca;
    params
}

fn ca() -> IsCa {
    IsCa::Ca(BasicConstraints::Unconstrained)
}

const GOOD: (i32, i32) = (2020, 2040);

struct Made {
    root: Vec<u8>,
    middle: Vec<u8>,
    leaf: Vec<u8>,
    key: KeyPair,
}

/// A root, an authority below it and an end entity, each as asked for.
fn made(root: CertificateParams, middle: CertificateParams, leaf: CertificateParams) -> Made {
    let (root_key, middle_key, key) =
        (KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let der = |certificate: rcgen::Certificate| certificate.der().to_vec();
    let root_der = der(root.self_signed(&root_key).unwrap());
    let by_root = Issuer::from_params(&root, &root_key);
    let middle_der = der(middle.signed_by(&middle_key, &by_root).unwrap());
    let by_middle = Issuer::from_params(&middle, &middle_key);
    let leaf_der = der(leaf.signed_by(&key, &by_middle).unwrap());
    Made { root: root_der, middle: middle_der, leaf: leaf_der, key }
}

fn ordinary() -> Made {
    made(params("root", ca(), GOOD), params("middle", ca(), GOOD), params("leaf", IsCa::NoCa, GOOD))
}

fn verdict(chain: &[&Vec<u8>], roots: &[&Vec<u8>]) -> Result<Jwk, &'static str> {
    let roots = Roots::new(roots.iter().map(|root| root.to_vec())).unwrap();
    let chain: Vec<_> = chain.iter().map(|der| der.to_vec()).collect();
    Jwk::from_chain(&chain, &roots, NOW).map_err(|error| error.name())
}

#[test]
fn a_sound_chain_gives_the_key() {
    let made = ordinary();
    let own = Jwk::from_pem(made.key.public_key_pem().as_bytes()).unwrap();
    for chain in [&[&made.leaf, &made.middle][..], &[&made.leaf, &made.middle, &made.root]] {
        assert_eq!(verdict(chain, &[&made.root]).unwrap().thumbprint(), own.thumbprint());
    }
    // Whoever trusts an authority in the middle trusts what it issued, and whoever trusts a leaf trusts that.
    assert!(verdict(&[&made.leaf], &[&made.middle]).is_ok());
    assert!(verdict(&[&made.leaf], &[&made.leaf]).is_ok());
    let roots = Roots::new([made.root.clone()]).unwrap();
    let texts = [STANDARD.encode(&made.leaf), STANDARD.encode(&made.middle)];
    assert!(Jwk::from_x5c(&[&texts[0], &texts[1]], &roots, NOW).is_ok());
    let url = texts[0].replace('+', "-").replace('/', "_") + "!";
    assert_eq!(Jwk::from_x5c(&[&url], &roots, NOW).unwrap_err().name(), "chain_malformed");
}

#[test]
fn every_other_chain_is_refused() {
    let (good, other) = (ordinary(), ordinary());
    let leaf = || params("leaf", IsCa::NoCa, GOOD);
    for (what, verdict, want) in [
        ("no certificate", verdict(&[], &[&good.root]), "chain_length"),
        ("far too many", verdict(&[&good.leaf; 11], &[&good.root]), "chain_length"),
        ("no roots", verdict(&[&good.leaf, &good.middle], &[]), "chain_no_root"),
        ("a root of the same name", verdict(&[&good.leaf, &good.middle], &[&other.root]), "chain_no_root"),
        ("one left out", verdict(&[&good.leaf], &[&good.root]), "chain_no_root"),
        ("the wrong order", verdict(&[&good.middle, &good.leaf], &[&good.root]), "chain_not_authority"),
        (
            "an authority of the same name",
            verdict(&[&good.leaf, &other.middle], &[&other.root]),
            "chain_order",
        ),
        ("junk", verdict(&[&vec![0x30, 0]], &[&good.root]), "chain_malformed"),
    ] {
        assert_eq!(verdict.map(|_| ()), Err(want), "{what}");
    }
    let limited = IsCa::Ca(BasicConstraints::Constrained(0));
    let mut no_sign = params("middle", ca(), GOOD);
    no_sign.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let mut encipher = leaf();
    encipher.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    let mut critical = leaf();
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    extension.set_criticality(true);
    critical.custom_extensions.push(extension);
    let middle = || params("middle", ca(), GOOD);
    let root = || params("root", ca(), GOOD);
    for (what, made, want) in [
        (
            "an expired leaf",
            made(root(), middle(), params("leaf", IsCa::NoCa, (2010, 2020))),
            "certificate_expired",
        ),
        (
            "an expired authority",
            made(root(), params("middle", ca(), (2010, 2020)), leaf()),
            "certificate_expired",
        ),
        ("an expired root", made(params("root", ca(), (2010, 2020)), middle(), leaf()), "chain_no_root"),
        (
            "one of the future",
            made(root(), params("middle", ca(), (2039, 2040)), leaf()),
            "certificate_not_yet_valid",
        ),
        (
            "an end entity that issues",
            made(root(), params("middle", IsCa::ExplicitNoCa, GOOD), leaf()),
            "chain_not_authority",
        ),
        (
            "one without constraints that issues",
            made(root(), params("middle", IsCa::NoCa, GOOD), leaf()),
            "chain_not_authority",
        ),
        ("an authority that may not sign", made(root(), no_sign, leaf()), "chain_not_authority"),
        ("a path that is too long", made(params("root", limited, GOOD), middle(), leaf()), "chain_no_root"),
        ("a key for encryption", made(root(), middle(), encipher), "certificate_key_usage"),
        ("an extension nobody knows", made(root(), middle(), critical), "certificate_critical_extension"),
    ] {
        let verdict = verdict(&[&made.leaf, &made.middle], &[&made.root]);
        assert_eq!(verdict.map(|_| ()), Err(want), "{what}");
    }
    // A changed byte of what is signed.
    let mut changed = good.leaf.clone();
    let name = changed.windows(4).position(|four| four == b"leaf").unwrap();
    changed[name] = b'L';
    assert_eq!(verdict(&[&changed, &good.middle], &[&good.root]).map(|_| ()), Err("chain_order"));
}
