//! Networks as people write them: `10.0.0.0/8`, or a single address without a prefix.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::net::IpAddr;

/// One network in its serialised form.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Network(#[schemars(extend("format" = "ip-network"))] String);

pub fn serialize<S: Serializer>(networks: &[IpNet], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(networks.iter().map(ToString::to_string))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    struct One(IpNet);
    impl<'de> Deserialize<'de> for One {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let Network(text) = Network::deserialize(deserializer)?;
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map(|network| Self(network.trunc()))
                .map_err(|_| {
                    de::Error::custom(format!(
                        "a network is `10.0.0.0/8`, `2001:db8::/32` or a single address, not `{text}`"
                    ))
                })
        }
    }
    Ok(Vec::<One>::deserialize(deserializer)?.into_iter().map(|One(network)| network).collect())
}
