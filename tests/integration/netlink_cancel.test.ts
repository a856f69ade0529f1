import {
  type Connection,
  GenericConnection,
  NetlinkConnection,
  RouteConnection,
} from "@x/pool/netlink";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { until } from "../net/peer.ts";
import { need, openOf, testNamespace } from "../support.ts";

const skip = need("net-admin", "nft");
const STEPS = 50, ROUTES = 3000;
const SLOW = { timeout: 300_000 };

const openSockets = () => openOf(/^socket:|^net:/);

interface Attempt {
  signal: AbortSignal;
  offload: boolean;
}

/** Somebody else's turn, `n` times: of microtasks, or of the event loop. */
async function turns(n: number, kind: "microtasks" | "turns"): Promise<void> {
  for (let i = 0; i < n; i++) {
    await (kind === "microtasks" ? undefined : new Promise((resolve) => setImmediate(resolve)));
  }
}

describe("whoever gives up at any moment gets the reason, and leaves a connection as it was", {
  skip,
}, () => {
  let ns: Awaited<ReturnType<typeof testNamespace>>;
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  before(async () => {
    ns = await testNamespace();
    process.on("unhandledRejection", note);
    await using nl = await RouteConnection.open({ netns: ns.name });
    await nl.links.add({ name: "v0", kind: "veth", peer: { name: "v1" }, up: true });
    await nl.links.set("v1", { up: true });
    const batch = nl.batch();
    for (let i = 0; i < ROUTES; i++) {
      batch.routes.add({ destination: `10.${i >> 8}.${i & 255}.0/24`, link: "v0" });
    }
    const results = await batch.commit({ acknowledge: "errors" });
    assert.ok(results.every(({ status }) => status === "done"));
  });
  after(async () => {
    process.off("unhandledRejection", note);
    await ns[Symbol.asyncDispose]();
  });

  /** Attempts it with the signal aborted after each number of steps, on one connection. */
  async function everywhere<C extends Connection>(
    open: () => Promise<C>,
    attempt: (nl: C, how: Attempt) => Promise<unknown>,
    check: (nl: C) => Promise<void>,
  ): Promise<void> {
    const descriptors = openSockets();
    let gaveUp = 0, ended = 0;
    {
      await using nl = await open();
      for (const offload of [false, true]) {
        for (const kind of ["microtasks", "turns"] as const) {
          for (let step = 0; step <= STEPS; step++) {
            const controller = new AbortController(), reason = { step };
            const told = `${kind} ${step}, offload ${offload}`;
            const work = attempt(nl, { signal: controller.signal, offload });
            const over = work.then(() => ended++, (error) => {
              assert.equal(error, reason, `${told}: ${error}`);
              gaveUp++;
            });
            await turns(step, kind);
            controller.abort(reason);
            await over;
            assert.ok(nl.intact, told);
            await check(nl); // whatever of the answer is still to come
          }
        }
      }
      await until(() => nl.usable, "the connection to be usable");
    }
    assert.ok(gaveUp > 0 && ended > 0, `${gaveUp} gave up, ${ended} ended`);
    await until(() => openSockets() === descriptors, "what was opened to be closed");
    assert.deepEqual(unhandled, []);
  }

  const route = () => RouteConnection.open({ netns: ns.name });
  const plain = (protocol: "route" | "netfilter") => () =>
    NetlinkConnection.open(protocol, { netns: ns.name });
  const name = async (nl: RouteConnection) => assert.equal((await nl.links.get("v0")).name, "v0");

  it("a request of a family", SLOW, async () => {
    const check = async (nl: NetlinkConnection) => {
      const family = await nl.family("rt-link");
      assert.equal((await family.do("getlink", { ifname: "v1" })).ifname, "v1");
    };
    await everywhere(plain("route"), async (nl, how) => {
      const family = await nl.family("rt-link");
      return await family.do("getlink", { ifname: "v0" }, how);
    }, check);
  });

  it("a list, as a whole, streamed, nested and left", SLOW, async () => {
    const count = async (nl: RouteConnection) => {
      const all = await nl.routes.list({ table: 254 }).toArray();
      assert.equal(all.filter((route) => route.destination?.startsWith("10.")).length, ROUTES);
    };
    await everywhere(route, (nl, how) => nl.routes.list({ table: 254, ...how }).toArray(), name);
    await everywhere(route, async (nl, how) => {
      for await (const route of nl.routes.list({ table: 254, ...how, whole: false })) {
        assert.ok(route.destination);
      }
    }, name);
    await everywhere(route, async (nl, how) => {
      for await (const _ of nl.routes.list({ table: 254, ...how, whole: false })) {
        for await (const _ of nl.links.list({ ...how, whole: false })) break;
        await nl.links.get("v1", how);
        break;
      }
    }, count);
  });

  it("a transaction", SLOW, async () => {
    const header = { nfgenFamily: 1 };
    const check = async (nl: NetlinkConnection) => {
      const nftables = await nl.family("nftables");
      const tables = await nftables.dump("gettable", { header }).toArray();
      assert.ok(tables.length <= 1);
    };
    await everywhere(plain("netfilter"), async (nl, how) => {
      const nftables = await nl.family("nftables");
      await nftables.transaction(async (add) => {
        add("newtable", { header, name: "t" }, { flags: ["create"] });
        await turns(2, "microtasks");
        add("deltable", { header, name: "t" });
      }, how);
    }, check);
  });

  it("messages as they are", SLOW, async () => {
    const RTM_GETLINK = 18, RTM_GETROUTE = 26;
    const body = new Uint8Array(16);
    body[4] = 1;
    const check = async (nl: NetlinkConnection) => {
      assert.equal((await nl.request({ type: RTM_GETLINK, body })).length, 1);
    };
    await everywhere(
      plain("route"),
      (nl, how) => nl.request({ type: RTM_GETLINK, body }, how),
      check,
    );
    const all = new Uint8Array(12);
    await everywhere(
      plain("route"),
      (nl, how) => nl.dump({ type: RTM_GETROUTE, body: all }, how).toArray(),
      check,
    );
  });

  it("a batch", SLOW, async () => {
    await everywhere(route, async (nl, how) => {
      const batch = nl.batch();
      for (let i = 0; i < 20; i++) {
        batch.routes.replace({ destination: `10.200.${i}.0/24`, link: i % 5 ? 1 : "v0", table: 7 });
      }
      await batch.commit({ ...how, chunk: 3 });
    }, name);
  });

  it("a watch, and opening", SLOW, async () => {
    await everywhere(plain("route"), async (nl, { signal }) => {
      await using events = await nl.watch(1, { signal });
      events.close();
    }, async () => {});
    await everywhere(plain("route"), async (nl, { signal }) => {
      const links = await nl.family("rt-link");
      await using events = await links.watch("rtnlgrp-link", { signal });
      events.close();
    }, async () => {});
    await everywhere(plain("route"), async (_, { signal }) => {
      (await GenericConnection.open({ netns: ns.name, signal })).close();
    }, async () => {});
  });
});
