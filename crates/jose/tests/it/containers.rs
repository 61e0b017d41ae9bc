//! Encrypted keys as OpenSSL 3.0 writes them: one P-256 key in every container, under one password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_jose::Jwk;
use portcullis_jose::jwk::Pkcs12;

const PASSWORD: &str = "hunter2hunter2";

const PLAIN: &str = "-----BEGIN EC PRIVATE KEY-----\n\
MHcCAQEEILrmWOO77Gir5zeXKeA+8MDn3ckMCVg1X88r2lePORqzoAoGCCqGSM49\n\
AwEHoUQDQgAElmN/XgZGJhcxgXIUR0EYBt5FsE4QN6AV5tHBOno/AbII0EsDgikS\n\
YGBtgdz+QeWcNHmB6DtS1oTd5/nuR/Zl+Q==\n\
-----END EC PRIVATE KEY-----";

/// PBKDF2 with SHA-256 and AES-256, SHA-1 and AES-128, SHA-512 and AES-192.
const ENCRYPTED: [&str; 3] = [
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg340xCbiSEhgICCAAw\n\
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEENUm4ifrKhTTTTNrlHyJ9xQEgZBE\n\
hP9fBSRaGYU5gA4Gp4kuycBdVxCFTPxDKl6Pm9dQPIEajfJhjqaGXRUlO9KOfKYa\n\
8ZaqN4t03hmI0saO3q4sRj0chtIOmPGzHAKsFR8moq5rNbKQzUkn3OYYkZZsu0/M\n\
QGJOCiE9AibhParxVcQW0zIVnqN6tbRfth/s3WNF7oRBsnfTUYtodvxqIUAF7Mo=\n\
-----END ENCRYPTED PRIVATE KEY-----\n",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAhj4Q6orMr0QwICCAAw\n\
HQYJYIZIAWUDBAECBBArUlpjYB16gU6qUeSYDxShBIGQBLYwK7/wQEuKb0KYgc8z\n\
7987I/XvPjlK8Py2gMOqa9Tfcd14v39kD5z7D+T9CNvLQ3LvgxzS9/zeYK//cJnR\n\
EYWkTGzVgOUFP63Untq29aqPVNOZhikpfioZ5tFV6PRDAy4/eVvD1PVYsD2rytDb\n\
6F7T4SzPJO9LV8yIaTtVrdy1QMrRfrzRE5pkpkLqA6hw\n\
-----END ENCRYPTED PRIVATE KEY-----\n",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg28NB954C6RQICCAAw\n\
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEARYEEMfNELT2wicht9LcjQm1RdQEgZDp\n\
k8aglNptL1RXvdQW/1cN9y57g1pNnXBCons+BJX0UQ5Fd/KX7jadGgOnuOU+phcT\n\
V81ftyQXAKX+KLYQ4zQJv3r+Dcv/FRBrfahPTihwwm+zGDaGvrbB0seOSUA5Ddt4\n\
DEG02WVw20re/lnQPkF2fKkWLbD3JWmn7dLtH/8COK7V/YNct4Mtd9t2AMXm/1A=\n\
-----END ENCRYPTED PRIVATE KEY-----\n",
];

/// PBE-SHA1-3DES.
const LEGACY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGxMBwGCiqGSIb3DQEMAQMwDgQIESGozj4m9jkCAggABIGQj/3IIShbJlbq5Y1N\n\
0fpmkI5jkgnUoDWBCkWqvyHi2Nx2XZ0ffXWjUu2pp6brQHcrzrr0Hz3Cyf7MhjfY\n\
vXvmP30ZnZtxUXKF59K94YiUnf8+iCy8UG6fOAcJIJWLl4s2HOvEyu0twaWVOsHL\n\
Sy3OoJiIWed1GihgZz6izyXjRYoIiR1RufcMIfG7dMuQY/m1\n\
-----END ENCRYPTED PRIVATE KEY-----\n";

/// With MACs of SHA-256 and SHA-1; with RC2 and DES; without a MAC.
const P12: &str = "MIIELwIBAzCCA+UGCSqGSIb3DQEHAaCCA9YEggPSMIIDzjCCAnIGCSqGSIb3DQEHBqCCAmMwggJfAgEAMIICWAYJKoZIhvcNAQcB\
    MFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhDCPKLAc+2VAICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEByM\
    er3SGj1rgs3H8uv2Jr2AggHwmK9GDpd3BcrkpVOJ/5+a1watecQw8oU9QUEGBxNBUJpJrCxDmAT2WU83622KyxPOb/mWZK0udxGR\
    hPkw96xQuJCq598pQAv82qYvOosrvhQfu/CsyqHP75I/1IttmT0F2O3vCeotBT1HV9Xs5I5WfDfwp3ka+xPHaTy53magtTwkWPIq\
    6qVws0HsedNF1OE0wjb6pTCEwnXryt6PshME6bYNGsKceX0cqxIvlBk5bIvBqo4wAa5Omk3qiFMeiOQZjjIGwKrTdLwNNpxc5/Ml\
    9Ivj3lkeWBOad9xsTDGLbpSdoUSSInMiqe79WYLoSrF5kaNPaq/mfRK7f9eikyitlClnETG/IGC18P3IZGWEsOYsqwK8u+SKMbUP\
    VH7ePXAx0cNLA6PJIOZ8Ir9zmHWeT0KExzCsQ779wuHnWKMcyafZzRcaKXtdjKFixPt77B/j+F3ChUEeWYFjLgotqHXtJ2nZhMpW\
    ua91v4KMvgDsv+b/JpZFcK26GBfVvRYDv+cRZeG0n1whhiSmoDyqbhNvsv3d+2fOckZC757EizuPzksjmSdp5G5uPmoGqslVYYM5\
    5TMnWeOLRNBLAI1iLv50jqn5y1TlsTmz+XepgJUQqBiSHnEzSX6xKVFbwyWhih6vvuoTwEPn5Uel+sjXqdCwvTCCAVQGCSqGSIb3\
    DQEHAaCCAUUEggFBMIIBPTCCATkGCyqGSIb3DQEMCgECoIHvMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjdiP7h\
    kZsXVAICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEELQv3XcdvlfYFg5vJN3Gh60EgZDCZsBm8z9006NrfDZE0YHH/9e2\
    gB48wpeXhAW0NT0Fjf3zMhGl7cfCsyaWDTHsveduPO0LCXBTjDnKjjxAf4mVcvoOLdLTqXV6Rm4GnnI4mQgksWbYUp0H6ddqgoe6\
    By3B1ulYNMmSwLEXSQH5tLCkWvPftHMY+n1Lb0S3h4tfydWlyV/g7O85zIk7JKQCrh0xODARBgkqhkiG9w0BCRQxBB4CAGswIwYJ\
    KoZIhvcNAQkVMRYEFGIuCJyWY+AH4zXgQ3xQX1+2A3wTMEEwMTANBglghkgBZQMEAgEFAAQgSSFla9woump6FZVxApfDuSTndqk+\
    BBylVEtFl3KTOyQECJc4/QmApTAnAgIIAA==";
const P12_SHA1: &str = "MIID7AIBAzCCA7IGCSqGSIb3DQEHAaCCA6MEggOfMIIDmzCCAlIGCSqGSIb3DQEHBqCCAkMwggI/AgEAMIICOAYJKoZIhvcNAQcB\
    MFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhPINTgSXSOmQICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEaL\
    WlusXXdOycl8Q8kRqbyAggHQISZKUhnSwGYcUWpe5pLj4Dg8vkHR4X4KyMNMADpj3Mr/Bg9qTd6i+uE0/X6nVAUbAd4lwZt4ULAg\
    xIHvMTK7bJ30GYx5Cju8lFlivv+oCKQHkTXTvXrvGwsFpK3BeqXASXrGOA35YWkb9hMYP18tJS1eaj5FmTTqCRJ7NhtK/+trYcjA\
    d33uso1WrkOpRKbX8GPqAesPiX+d69bpDdKwKbB4dfxOSOU1xZQRMK2/UduayPjkc0PPwwDpKhQnujVxOZ7yko2fWmDcam2J1d7f\
    q+ZMExJOBjJ6Uq/HlJ3o0WzbWtR+NptiAg6bY4pK6MRSGsVWCGTDCKNvhoCX/U+i3OHGJfj9JCxvhPFM34zf7Ej76b9PfIF8aMQ5\
    h698N40dIB+oit8yTnWDfH0dh32q5DIlzzQrWFRXi8uEs68kE7F9uPfm4ymDq2G9VaFZcwmzweej52sNFWkp6wEB6KwUNU7HEM/Q\
    kqiRqy2h/FrDu+Wv82JueHzcjE7ZhDCAjP9deviIYTZ2cmjpu2PnyjOSNSfbWzR2u+YoVV2iNJN0hVtf0TZJqhmHP6+N/WzfA1ex\
    YfI0wFpbgXJJYUMuCbuFaG/9y4tiG8MbWD7K+TZ3C+IwggFBBgkqhkiG9w0BBwGgggEyBIIBLjCCASowggEmBgsqhkiG9w0BDAoB\
    AqCB7zCB7DBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIyJ7X0VmYD9cCAggAMAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUD\
    BAEqBBBFIwvh/DO8fjs6nggZTG43BIGQm0HlHEkyqX1DKenUg2GVdNrLA2yEOD/zmrSxmn+5fRPYmT9wIRfud64NIhtfNVALHFJ9\
    KPda4OuuxRVCwjsK6YmEsKOkks4NjUr3ZRRHmix5/KFApsncB/ouk48fS/xwNS87alKmMU0NCkoYATBSSqnHQ1K4NyjhG3vWgMlC\
    ufQH0Mp3/cnp5m4wTmUBYEFQMSUwIwYJKoZIhvcNAQkVMRYEFGIuCJyWY+AH4zXgQ3xQX1+2A3wTMDEwITAJBgUrDgMCGgUABBQN\
    3tKtlZ3/c5VB4h94e6XKzYddbwQI01d10FWK7CkCAggA";
const P12_LEGACY: &str = "MIIDcgIBAzCCAzgGCSqGSIb3DQEHAaCCAykEggMlMIIDITCCAhcGCSqGSIb3DQEHBqCCAggwggIEAgEAMIIB/QYJKoZIhvcNAQcB\
    MBwGCiqGSIb3DQEMAQYwDgQIHE/BWa9bNaQCAggAgIIB0OjQexeDNQzuYy90WyKhsEethCCNoGv4xy9akIxYz7ixFBthTf5i8SUo\
    7w2sSRlH/bCIhuHmIEyzCePcTtQuBmczMte1gTfiAQVt7+2LzDD7FN9KJWjn4+EwrjWME60fghzeDwh7ifpRbMJRPR+Zo3pa7BMs\
    ZAPWvdGwUp1Wj0LO3ir9SSXlio0wnK/2x/oUmuo8J7pTd2VbTymM2OkrtkFXDOmipltIPlmoJuMV8mPNRL9aDWpxATwudT8FbjyD\
    cFYP1HycZ3le7pndxE+H09li3J+AgLHi/3jipYZw9jiJ4ZSuhCpmEHWNVXLjIzE8yFQ/2e5Eg0lwqat6Ie3YZNorruoqWqKnPwBC\
    dlZNOhYe9ZCpSPVo/JWDz5PwwqtL87EmUKC7YwfuyYbHA1US0GX+DFapvNTKa6RmgTgOXSyqV+LY7ida74wb9PHSphrCEpcuV0Wz\
    FhW9ept3AYarL6YYMPfXUdnVK78Bt1YVB1f5kkwTeF7vPTHTfaAkRZooZGK+Ib7ZsufmMdyv5EWbwIWmciURfSFCYZQJGtsXdFvP\
    bY1iqRMXmkaJ4qzB4kNsdiiz+I9bNIJ7zY2RSh5YcoLBEiRiNLe4DrB7XH30ibZKMIIBAgYJKoZIhvcNAQcBoIH0BIHxMIHuMIHr\
    BgsqhkiG9w0BDAoBAqCBtDCBsTAcBgoqhkiG9w0BDAEDMA4ECIGTfeR5ZIyVAgIIAASBkMkSussI7E/w6+XovZDhcgnfzt+t6YA7\
    n2j5h90ArfTDuN1M+kbcAONGFlSr9EtvqiapFb/9njulhzIlEpG/G9RkA7RToZpS5wA4FgKOIom8sOwVnDGlLoUOdZbXa9D8c51+\
    poFD36Ah4gqe0oZRVFGlmZP5y0Gzfh510FTGRN20CpLYrZT0fIsizWcdfJcWoTElMCMGCSqGSIb3DQEJFTEWBBRiLgiclmPgB+M1\
    4EN8UF9ftgN8EzAxMCEwCQYFKw4DAhoFAAQUGBMNpC/SHBLk8DADTq2tv5tMsdgECCnp1KcyDdh3AgIIAA==";
const P12_NO_MAC: &str = "MIIDSQIBAzCCA0IGCSqGSIb3DQEHAaCCAzMEggMvMIIDKzCCAeIGCSqGSIb3DQEHAaCCAdMEggHPMIIByzCCAccGCyqGSIb3DQEM\
    CgEDoIIBjzCCAYsGCiqGSIb3DQEJFgGgggF7BIIBdzCCAXMwggEZoAMCAQICFF1Y01DQFt8D6AI2Gv8K4kBR+4CmMAoGCCqGSM49\
    BAMCMA8xDTALBgNVBAMMBHRlc3QwHhcNMjYxMTIyMDIxNTUyWhcNMzYxMTE5MDIxNTUyWjAPMQ0wCwYDVQQDDAR0ZXN0MFkwEwYH\
    KoZIzj0CAQYIKoZIzj0DAQcDQgAElmN/XgZGJhcxgXIUR0EYBt5FsE4QN6AV5tHBOno/AbII0EsDgikSYGBtgdz+QeWcNHmB6DtS\
    1oTd5/nuR/Zl+aNTMFEwHQYDVR0OBBYEFKHoFUh85vyuNQjBDP8RBBeAzQTPMB8GA1UdIwQYMBaAFKHoFUh85vyuNQjBDP8RBBeA\
    zQTPMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgQgcXzIDJmWJw6XcE9C3wfQbgDMkY2Ykm4r+PcQya/d4CIQDz\
    U8522+WmC2IvpYdvqKU4ndHGSQC2x9IDxdHUiw5U/DElMCMGCSqGSIb3DQEJFTEWBBRiLgiclmPgB+M14EN8UF9ftgN8EzCCAUEG\
    CSqGSIb3DQEHAaCCATIEggEuMIIBKjCCASYGCyqGSIb3DQEMCgECoIHvMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAc\
    BAj+SId92SvuEAICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEB04PUQG4j6QhmbSXmE6vqQEgZD7OcTyTqLf0tE/4yHj\
    9nbTb19KLs5bz+YdVUpkjNuuPBDywDB+3TJI0i/FdBIIOo0A3zgm8mt1emji1kdJYaW9OY2OknBRsuPLlRFlhtWJDdiM1jApFNTV\
    K+VlPfVHKpRV5d/ucnpItyCV+7Rgpj2crJFYWexKuGN1geoZvl4SzKd2xkbF7FinDKynsBXxePkxJTAjBgkqhkiG9w0BCRUxFgQU\
    Yi4InJZj4AfjNeBDfFBfX7YDfBM=";

fn der(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

#[test]
fn encrypted_pem_opens_with_its_password() {
    let plain = Jwk::from_pem(PLAIN.as_bytes()).unwrap();
    for pem in ENCRYPTED {
        let opened = Jwk::from_encrypted_pem(pem.as_bytes(), PASSWORD.as_bytes()).unwrap();
        assert!(opened.is_private());
        assert_eq!(opened.thumbprint(), plain.thumbprint());
        assert_eq!(Jwk::from_pem(pem.as_bytes()).unwrap_err().name(), "pem_encrypted");
        for wrong in ["", "hunter2hunter", "Hunter2hunter2"] {
            let error = Jwk::from_encrypted_pem(pem.as_bytes(), wrong.as_bytes()).unwrap_err();
            assert_eq!(error.name(), "key_password", "{wrong}");
        }
    }
    assert!(Jwk::from_encrypted_pem(PLAIN.as_bytes(), b"").is_ok(), "one that is not encrypted is read too");
    let legacy = Jwk::from_encrypted_pem(LEGACY.as_bytes(), PASSWORD.as_bytes()).unwrap_err();
    assert_eq!(legacy.name(), "key_encryption_unknown");
}

#[test]
fn pkcs12_opens_with_its_password() {
    let plain = Jwk::from_pem(PLAIN.as_bytes()).unwrap();
    for file in [P12, P12_SHA1] {
        let found = Pkcs12::parse(&der(file), PASSWORD).unwrap();
        assert_eq!((found.keys.len(), found.certificates.len()), (1, 1));
        assert_eq!(found.keys[0].thumbprint(), plain.thumbprint());
        assert!(found.keys[0].is_private());
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
            STANDARD.encode(&found.certificates[0])
        );
        assert_eq!(Jwk::from_pem(pem.as_bytes()).unwrap().thumbprint(), plain.thumbprint());
        assert_eq!(Pkcs12::parse(&der(file), "wrong").unwrap_err().name(), "key_password");
    }
    assert_eq!(Pkcs12::parse(&der(P12_LEGACY), PASSWORD).unwrap_err().name(), "key_encryption_unknown");
    assert_eq!(Pkcs12::parse(&der(P12_NO_MAC), PASSWORD).unwrap_err().name(), "der_malformed");
}

#[test]
fn any_changed_byte_is_noticed_and_none_panics() {
    let file = der(P12);
    for at in (0..file.len()).step_by(3) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        // Iterations are within what is read, or the file is refused for them.
        assert!(Pkcs12::parse(&changed, PASSWORD).is_err(), "byte {at}");
        assert!(Pkcs12::parse(&file[..at], PASSWORD).is_err(), "cut at {at}");
    }
}
