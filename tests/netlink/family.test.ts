import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NetlinkConnection } from "../../src/netlink/netlink_connection.ts";
import { RouteConnection } from "../../src/netlink/route_connection.ts";
import { FakeKernel, int32, message } from "./fake_kernel.ts";

/** Families whose kernel acknowledges everything, and what it was sent. */
async function families() {
  const kernel = new FakeKernel();
  kernel.answer = (request) => kernel.queue(message(2, request, int32(0)));
  const open = (protocol: "route" | "netfilter") =>
    NetlinkConnection.open(protocol, { adapter: kernel });
  const route = await open("route"), netfilter = await open("netfilter");
  return {
    kernel,
    route,
    // deno-lint-ignore no-explicit-any -- what has no types is what is tried
    links: await route.family("rt-link") as any,
    // deno-lint-ignore no-explicit-any -- as above
    tc: await (await open("route")).family("tc") as any,
    nftables: await netfilter.family("nftables"),
  };
}

describe("what a caller gives to a family", () => {
  it("is refused under its path, with its value", async () => {
    const { kernel, links, tc, route } = await families(), { sent } = kernel;
    const newlink = (values: object) => links.do("newlink", values);
    const data = (kind: string, data: unknown) => newlink({ linkinfo: { kind, data } });
    const peer = { peer: { linkinfo: { kind: "vlan", data: { id: 70_000 } } } };
    const attempts: [RegExp, () => Promise<unknown>][] = [
      [/find operation none in family rt-link/, () => links.do("none")],
      [/find operation toString in family/, () => links.do("toString")],
      [
        /the values of getlink of rt-link: must be an object, .* null$/,
        () => links.do("getlink", null),
      ],
      [
        /encode none of getlink of rt-link: link-attrs has no such attribute, .* 1$/,
        () => links.do("getlink", { none: 1 }),
      ],
      [
        /encode header of newlink of rt-link: must be an object, .* an array$/,
        () => newlink({ header: [] }),
      ],
      [
        /encode header.none of .*: the struct has no such member, .* 1$/,
        () => newlink({ header: { none: 1 } }),
      ],
      [/encode propList.altIfname.0 of .*: must be a string .* undefined$/, () => {
        const altIfname: string[] = [];
        altIfname[1] = "x";
        return newlink({ propList: { altIfname } });
      }],
      [
        /encode linkinfo.data.peer.linkinfo.data.id of .*: must be 0 to 65535, .* 70000$/,
        () => data("veth", peer),
      ],
      [
        /encode linkinfo.data.mode of .*: must be one of private, .* "none"$/,
        () => data("macvlan", { mode: "none" }),
      ],
      [/encode linkinfo.data of .*: kind must be one of bond, .* "none"$/, () => data("none", {})],
      [
        /encode linkinfo.data.arpIpTarget.1 of .*: must be an IPv4 address, .* "1.2.3"$/,
        () => data("bond", { arpIpTarget: ["1.2.3.4", "1.2.3"] }),
      ],
      [
        /encode options.flags.selector of newqdisc of tc: must be an integer, .* undefined$/,
        () => tc.do("newqdisc", { kind: "red", options: { flags: { value: 1 } } }),
      ],
      [
        /use flags of newlink: must be an array, .* create$/,
        () => links.do("newlink", {}, { flags: "create" }),
      ],
      [
        /use flag none of newlink: the flags are create, /,
        () => links.do("newlink", {}, { flags: ["none"] }),
      ],
      [
        /use flag exclusive of getlink of rt-link: it makes or changes nothing/,
        () => links.do("getlink", {}, { flags: ["exclusive"] }),
      ],
      [
        /use flag replace of dellink of rt-link: it makes or changes nothing/,
        () => links.do("dellink", {}, { flags: ["replace"] }),
      ],
      [
        /use timeout: must be milliseconds from 0 on, .* NaN/,
        () => links.do("getlink", {}, { timeout: NaN }),
      ],
      [/use setlink of rt-link: it has no dump/, async () => await links.dump("setlink")],
      [/encode none of getlink of rt-link/, () => links.dump("getlink", { none: 1 }).toArray()],
      [/use type: must be 16 to 65535, .* 3/, () => route.request({ type: 3 })],
      [
        /use offload: must be true or false, .* "no"/,
        () => links.do("getlink", {}, { offload: "no" }),
      ],
      [
        /use whole: must be true or false, .* "no"/,
        async () => await links.dump("getlink", {}, { whole: "no" }),
      ],
      [
        /use flags: a list is asked for by dump, .* 512/,
        () => route.request({ type: 18, flags: 0x200 }),
      ],
    ];
    for (const [expected, attempt] of attempts) {
      await assert.rejects(attempt, (error: Error) => {
        assert.match(error.message, expected);
        return error instanceof TypeError || error instanceof RangeError;
      });
    }
    assert.equal(sent.length, 0);
  });

  it("is no message of another kind", async () => {
    const { kernel, links, tc } = await families();
    kernel.answer = (request) => {
      kernel.queue(message(16, request, new Uint8Array(16)));
      kernel.queue(message(2, request, int32(0)));
    };
    const link = await links.do("getlink", {});
    await links.do("setlink", link);
    assert.equal(kernel.sent.length, 2);
    await assert.rejects(
      tc.do("newqdisc", link),
      /the values of newqdisc of tc: must have the attributes of attrs, not of link-attrs/,
    );
    await assert.rejects(links.do("setlink", { linkinfo: link }), /encode linkinfo of setlink/);
    assert.equal(kernel.sent.length, 2);
  });
});

describe("a transaction", () => {
  it("has its changes as they were when they were added, and refuses where one is added", async () => {
    const { kernel, nftables } = await families(), header = { nfgenFamily: 1 };
    let refused: unknown;
    await nftables.transaction((add) => {
      const table = { header, name: "first" };
      add("newtable", table);
      table.name = "second";
      add("newtable", table);
      try {
        add("newtable", { header, name: 5 as never });
      } catch (error) {
        refused = error;
      }
    });
    assert.match(String(refused), /TypeError: Cannot encode name of newtable of nftables/);
    const text = kernel.sent.map(({ bytes }) => new TextDecoder().decode(bytes)).join("");
    assert.deepEqual(text.match(/first|second/g), ["first", "second"]);
  });

  it("is checked also where it changes nothing", async () => {
    const { kernel, nftables } = await families();
    await nftables.transaction(() => {});
    await assert.rejects(nftables.transaction(() => {}, { timeout: -5 }), RangeError);
    const signal = AbortSignal.abort("why");
    await assert.rejects(nftables.transaction(() => {}, { signal }), (e) => e === "why");
    await assert.rejects(
      nftables.transaction("x" as never),
      /begin a transaction of nftables: build must be a function, current value is x/,
    );
    assert.equal(kernel.sent.length, 0);
  });
});

it("a batch refuses options that are none", async () => {
  await using nl = await RouteConnection.open({ adapter: new FakeKernel() });
  const fails = (options: object, error: RegExp) =>
    assert.rejects(nl.batch().commit(options), error);
  await fails({ onError: "none" }, /onError must be continue or stop, current value is none/);
  await fails({ acknowledge: "no" }, /acknowledge must be all or errors, current value is no/);
  await fails({ offload: "no" }, /offload: must be true or false, current value is "no"/);
  await fails({ chunk: 0 }, /chunk must be 1 to 200, current value is 0/);
});

it("a namespace is named by what has a name, a path, a pid or a descriptor", async () => {
  for (const netns of [{}, { path: 5 }, { Name: "blue" }, null, true]) {
    await assert.rejects(
      RouteConnection.open({ adapter: new FakeKernel(), netns: netns as never }),
      (error: Error) => {
        assert.match(
          error.message,
          /^Cannot use a network namespace: must be a name, a path, or an/,
        );
        return error instanceof TypeError && error.message.endsWith(JSON.stringify(netns));
      },
    );
  }
});
