//! What a call costs in allocations of the gateway alone, counted, so that they cannot grow unseen. Client and upstream run on
//! another thread, which is not counted.

use crate::client::Client;
use crate::house::{House, orders};
use crate::routing::{ONE, PLAIN, Vendor, good, model};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// Where the gateway is, and where its client and its upstream are.
struct World {
    inside: Runtime,
    outside: Runtime,
    house: Arc<House>,
}

impl World {
    /// Allocations of one call over an open connection. What happens beside it now and then, on a busy machine within more of
    /// the calls, is not the call's: the fewest of several rounds count.
    fn counted(&self, line: &str) -> u64 {
        const CALLS: u64 = 64;
        let call = format!(
            "{line} HTTP/1.1\r\nhost: gw\r\nauthorization: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{PLAIN}",
            self.house.ada(),
            PLAIN.len()
        );
        let calls = |number: u64| {
            let (call, address) = (call.clone(), self.house.address);
            let calls = self.outside.spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..number {
                    let answer = client.call(&call).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                }
            });
            self.inside.block_on(calls).unwrap();
        };
        // What is done once is done by then.
        calls(CALLS);
        let rounds = (0..8).map(|_| allocation_counter::measure(|| calls(CALLS)).count_total);
        rounds.min().unwrap_or_default() / CALLS
    }
}

#[test]
fn a_call_allocates_no_more_than_it_did() {
    let outside = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let inside = Builder::new_current_thread().enable_all().build().unwrap();
    let vendor = outside.block_on(Vendor::always(good()));
    let policy = "[[policies]]\nname = \"closed\"\ncedar = 'forbid (principal, action, resource) when { context.path like \"/closed/*\" };'\n";
    let config = [
        orders(vendor.upstream.address, ""),
        vendor.provider("one", "api_key = \"env:PROVIDER_KEY\""),
        model("fast", "", &[ONE]),
        policy.to_owned(),
    ];
    let house = inside.block_on(House::open(&config.concat()));
    let world = World { inside, outside, house };
    let plain = world.counted("POST /orders/1");
    let ai = world.counted("POST /v1/chat/completions");
    println!("{plain} of a plain call, {ai} of an AI call");
    assert!(plain <= PLAIN_MOST, "a plain call allocates {plain} times");
    assert!(ai <= AI_MOST, "an AI call allocates {ai} times");
    world.inside.block_on(world.house.close());
}

/// As measured, and a few for libraries that change.
const PLAIN_MOST: u64 = 21;
const AI_MOST: u64 = 34;
