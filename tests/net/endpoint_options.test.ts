import { endpointOptions, EndpointPool, optionsFromArgs } from "@x/pool";
import assert from "node:assert/strict";
import { it } from "node:test";

it("options from flags become an endpoint pool's, none of them lost", async () => {
  const options = endpointOptions(optionsFromArgs({
    "max-connections": "40",
    "max-connections-per-endpoint": "7",
    "max-idle-time": "2m",
    "max-connection-lifetime": "10m",
    "max-connection-uses": "99",
    "connect-timeout": "250ms",
    "connect-retry-count": "5",
    "connect-retry-delay": "10ms",
    "connect-retry-max-delay": "1s",
    "close-timeout": "3s",
  }));
  assert.deepEqual(options, {
    maxTotal: 40,
    maxPerEndpoint: 7,
    idleTimeout: 120_000,
    maxLifetime: 600_000,
    maxUses: 99,
    connectTimeout: 250,
    connectRetries: 5,
    connectRetryDelay: 10,
    connectRetryMaxDelay: 1_000,
    destroyTimeout: 3_000,
  });
  await using pool = new EndpointPool(options);
  assert.equal(pool.allStats().length, 0);
});

it("what was not given stays the endpoint pool's own default", () => {
  assert.deepEqual(endpointOptions({}), {});
  assert.deepEqual(endpointOptions({ name: "mine", maxSize: undefined }), {});
});
