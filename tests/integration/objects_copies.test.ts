import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { RouteConnection } from "../../src/netlink/mod.ts";
import { need, testNamespace } from "../support.ts";

const MAC = "02:00:00:00:00:09";

// deno-lint-ignore no-explicit-any -- objects of all kinds
type Any = any;

/** One kind: how a tool shows it, where it is listed, and what those have that are made here. */
interface Kind {
  shown: string;
  objects(nl: RouteConnection): Any;
  filter?: object;
  own: RegExp;
  made: string[];
}

const kinds: Record<string, Kind> = {
  addresses: {
    shown: "ip -d -o address show dev v0",
    objects: (nl) => nl.addresses,
    own: /10\.5\.0\.1|fd05::1/,
    made: [
      "ip address add 10.5.0.1/24 broadcast 10.5.0.255 label v0:x scope link metric 55 dev v0",
      "ip address add 10.5.0.1 peer 10.5.0.2/32 noprefixroute dev v0",
      "ip address add fd05::1/64 nodad home dev v0",
      "ip address add fd05::1 peer fd05::2/128 nodad dev v0",
    ],
  },
  neighbours: {
    shown: "ip -d neighbour show dev v0 nud all",
    objects: (nl) => nl.neighbours,
    own: /10\.0\.0\.9|fd00::9/,
    made: [
      `ip neighbour add 10.0.0.9 lladdr ${MAC} nud noarp router extern_learn protocol static dev v0`,
      `ip neighbour add fd00::9 lladdr ${MAC} nud permanent router dev v0`,
    ],
  },
  "proxied neighbours": {
    shown: "ip -d neighbour show proxy dev v0",
    objects: (nl) => nl.neighbours,
    own: /10\.0\.0\.9|fd00::9/,
    filter: { proxy: true },
    made: ["ip neighbour add proxy 10.0.0.9 protocol static dev v0"],
  },
  "forwarding entries": {
    shown: "bridge -d fdb show",
    objects: (nl) => nl.fdb,
    own: /02:00:00:00:00:09/,
    made: [
      `bridge fdb add ${MAC} dev v1 master static sticky`,
      `bridge fdb add ${MAC} dev v1 master dynamic extern_learn`,
      `bridge fdb add ${MAC} dev vx1 dst 10.9.9.9 port 99 vni 55 via v0 static extern_learn`,
      `bridge fdb add ${MAC} dev vx1 dst 10.9.9.9 permanent extern_learn`,
      `bridge fdb add ${MAC} dev vx1 dst 10.9.9.9 router static`,
      `bridge fdb add ${MAC} dev vx0 dst 10.9.9.9 src_vni 5 dynamic`,
    ],
  },
  nexthops: {
    shown: "ip -d nexthop show",
    objects: (nl) => nl.nexthops,
    own: /id 5 |"id":5/,
    made: [
      "ip nexthop add id 5 via 10.77.0.7 dev v0 onlink protocol bgp",
      "ip -6 nexthop add id 5 blackhole protocol 77",
      "ip nexthop add id 5 via fd99::1 fdb",
    ],
  },
  rules: {
    shown: "ip -d rule show pref 77",
    objects: (nl) => nl.rules,
    own: /^77:|:77/,
    made: [
      "ip rule add pref 77 not from 10.1.0.0/16 fwmark 0/0xff iif v0 tos 0x10 goto 32766 protocol 77",
      "ip rule add pref 77 ipproto tcp sport 5-10 dport 80 uidrange 5-10 table 5500 realms 5/6",
      "ip rule add pref 77 oif v0 tun_id 55 table main suppress_prefixlength 0 suppress_ifgroup 5",
    ],
  },
};

const skip = need("net-admin", "ip", "bridge");

describe("a plain copy makes the same again", { skip }, () => {
  for (const [what, { shown, objects, filter, own, made }] of Object.entries(kinds)) {
    it(`of ${what}`, async () => {
      await using ns = await testNamespace();
      const run = (words: string) => {
        const [tool, ...args] = words.split(" ");
        return execFileSync(tool, ["-n", ns.name, ...args], { encoding: "utf8", stdio: "pipe" });
      };
      for (
        const words of [
          "br0 up type bridge",
          "v0 up type veth peer name v1",
          "vx0 up type vxlan dstport 4789 external",
          "vx1 up type vxlan id 9 dstport 4790",
        ]
      ) run(`ip link add ${words}`);
      run("ip link set lo up");
      run("ip link set v1 up master br0");
      run("ip address add 10.0.0.1/24 dev v0");
      await using nl = await RouteConnection.open({ netns: ns.name });
      const all = objects(nl);
      // Counters pass.
      const lines = () =>
        run(shown).split("\n").filter((line) => own.test(line))
          .map((line) => line.replace(/ (used|refcnt) \S+/g, "").trim()).join("\n");
      for (const words of made) {
        run(words);
        const found = (await all.list(filter).toArray()).map((item: Any) => JSON.stringify(item))
          .find((item: string) => own.test(item));
        const told = lines(), copy = JSON.parse(found);
        const ref = what === "nexthops" ? copy.id : copy;
        await all.delete(ref);
        assert.equal(lines(), "", `${words}: ${found}`);
        await all.add(copy);
        assert.equal(lines(), told, `${words}: ${found}`);
        await all.delete(ref);
      }
    });
  }
});
