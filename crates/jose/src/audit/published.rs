//! Key pairs that everybody has: those of standards and of tools that people try tokens with. Somebody copies them into
//! production every day.

use crate::jwk::Jwk;

/// Thumbprint (RFC 7638), and where the private half is printed.
const PAIRS: [(&str, &str); 28] = [
    ("IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8", "RFC 7515 A.2"),
    ("oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", "RFC 7515 A.3"),
    ("u5YUSjQ2-2chBi51NSk3t3g7IM4o2KYcnPqPtCNGd3U", "RFC 7515 A.4"),
    ("xtIsOV1FqKH77AI_A3jdTg5QfdabzqI-LNpYTPi0IgI", "RFC 7516 A.1"),
    ("_K0fXS8wlsT7Tn3vvZrs9qdKUIqi5AxQ5EVk41xi_BM", "RFC 7516 A.2"),
    ("cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s", "RFC 7517 A.2"),
    ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "RFC 7517 A.2"),
    ("D8R4-FeTJfzuDUy8bZ0c4hcwpul-Q11gCPs3mw6-R9Q", "RFC 7517 C"),
    ("_GK0r6GCoJt9zcssg9lay4obIxgCq05ntiRymRHADSU", "RFC 7518 C"),
    ("Vy57XrArUrW0NbpI12tEzDHABxMwrTh6HHXRenSpnCo", "RFC 7518 C"),
    ("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 A.1"),
    ("giQqigT_IKcuzHl0FVJ3k5ts3_TWNAxvsC08UZsfcM8", "RFC 8037 A.6"),
    ("u809Vppx5ixWMOohxWr2aM3m5bD0LQ67g_GPmubQus4", "RFC 8037 A.6"),
    ("dHri3SADZkrush5HU_50AoRhcKFryN-PI6jPBtPL55M", "RFC 7520 §3.2"),
    ("9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI", "RFC 7520 §3.4"),
    ("h_jutvC-jg3Nwueq8LmdSybXykVsBwk4_5u5Y9JiS7E", "RFC 7520 §5.1"),
    ("rTtHPa7sf4UUCCKAww7j-XnhD2AKwOGNIsGDDipf_EM", "RFC 7520 §5.4"),
    ("HsSFalww3yP-dO-lWGYgFcyV5H22oScIFc4V2Y6GOto", "RFC 7520 §5.5"),
    ("mTVa39KNK8LI9ZgAkyqQOQayaqVO7DXurapqkzEbfMg", "RFC 7520 §5.5"),
    ("YlKlB7M2wnS0cPn_V7OW-FuDLuWdJ9z4OvPHmhGDfeE", "RFC 7520 §5.13"),
    ("mn9TtdH1OfJlO91eUXaEGe9tTrDzowXs_n2wKGrqLN4", "RFC 7520 §5.13"),
    ("8izOqBCj1XBwWw0-iTcMv27pUKWwFvNmw-kutyfzf-g", "RFC 7520 §6"),
    ("Rt-IyDEhXohvTl_ozKQ9YGflXGuDb3uu3QmqN2LoMwM", "RFC 7520 §6"),
    ("T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o", "RFC 9964"),
    ("Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM", "RFC 9964"),
    ("tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU", "RFC 9964"),
    ("oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY", "the page of jwt.io"),
    ("19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8", "the page of jwt.io"),
];

/// Where the private half of this key is printed, if it is.
pub(super) fn known(key: &Jwk) -> Option<&'static str> {
    let print = key.thumbprint_text();
    PAIRS.iter().find(|(own, _)| *own == print).map(|(_, place)| *place)
}
