import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { it } from "node:test";
import { apply, type Desired, plan, RouteConnection } from "../../src/netlink/mod.ts";
import { runModule } from "../child.ts";
import { need, testNamespace } from "../support.ts";
import { lines, ours } from "./wire.ts";

it(
  "tun and tap links that ip made are read as ip reads them",
  { skip: need("net-admin", "ip") },
  async () => {
    await using ns = await testNamespace();
    await using nl = await RouteConnection.open({ netns: ns.name });
    const ip = (words: string) =>
      execFileSync("ip", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" });
    const made = ["tun", "tap"].flatMap((mode) =>
      [
        "",
        " user 4242",
        " group 4343",
        " pi",
        " vnet_hdr",
        " multi_queue",
        " user 4242 pi multi_queue",
      ]
        .map((more) => `${mode}${more}`)
    );
    for (const [i, words] of made.entries()) ip(`tuntap add name t${i} mode ${words}`);
    const number = (text?: string) => text === undefined ? undefined : Number(text);
    for (const [i, words] of made.entries()) {
      const [{ linkinfo: { info_data: data } }] = JSON.parse(ip(`-d -j link show t${i}`));
      const link = await nl.links.get(`t${i}`);
      assert.equal(link.kind, "tun");
      assert.deepEqual({ ...link.options }, {
        type: data.type,
        ...data.user === undefined ? {} : { owner: number(data.user) },
        ...data.group === undefined ? {} : { group: number(data.group) },
        packetInfo: data.pi,
        vnetHeader: data.vnet_hdr,
        persistent: data.persist,
        multiQueue: data.multi_queue,
        ...data.multi_queue ? { queues: data.numqueues, disabledQueues: data.numdisabled } : {},
      }, words);
      assert.equal(link.options.type, words.slice(0, 3));
    }
    await nl.links.set("t0", { mtu: 1300, alias: "ours" });
    assert.equal(JSON.parse(ip("-j link show t0"))[0].mtu, 1300);
    await nl.links.delete("t0");
    assert.ok(!ip("link show").includes("t0:"));
    await assert.rejects(nl.links.add({ name: "t0", kind: "tun" }), /not supported/);
  },
);

// No tool of this machine knows it: these are the numbers of linux/if_link.h.
it("a netkit pair is encoded as linux/if_link.h has it", async () => {
  const bytes = await ours((nl) =>
    nl.links.add({
      name: "x",
      kind: "netkit",
      mode: "l2",
      policy: "blackhole",
      peerPolicy: "forward",
      scrub: "none",
      peerScrub: "default",
      peer: { name: "y", mtu: 1400 },
    })
  );
  assert.deepEqual(lines(bytes, new Set()).slice(2), [
    "18 {", // IFLA_LINKINFO
    "18.1 = 6e65746b697400", // IFLA_INFO_KIND
    "18.2 {", // IFLA_INFO_DATA
    // IFLA_NETKIT_PEER_INFO: struct ifinfomsg, IFLA_MTU, IFLA_IFNAME.
    "18.2.1 = 0000000000000000000000000000000008000400780500000600030079000000",
    "18.2.3 = 02000000", // IFLA_NETKIT_POLICY: NETKIT_DROP
    "18.2.4 = 00000000", // IFLA_NETKIT_PEER_POLICY: NETKIT_PASS
    "18.2.5 = 00000000", // IFLA_NETKIT_MODE: NETKIT_L2
    "18.2.6 = 00000000", // IFLA_NETKIT_SCRUB: NETKIT_SCRUB_NONE
    "18.2.7 = 01000000", // IFLA_NETKIT_PEER_SCRUB: NETKIT_SCRUB_DEFAULT
    "3 = 7800",
  ]);
});

// Newer than the tools.
it("a rule's masks are encoded as linux/fib_rules.h has them", async () => {
  const bytes = await ours((nl) =>
    nl.rules.add({
      priority: 100,
      table: 77,
      dscp: 8,
      dscpMask: 0x38,
      ipProtocol: 6,
      sourcePorts: [80, 80],
      sourcePortMask: 0xfff0,
      destinationPorts: [256, 256],
      destinationPortMask: 0xff00,
    })
  );
  assert.deepEqual(lines(bytes, new Set()).slice(2), [
    "15 = 4d000000",
    "22 = 06",
    "23 = 50005000",
    "24 = 00010001",
    "25 = 08", // FRA_DSCP
    "28 = f0ff", // FRA_SPORT_MASK
    "29 = 00ff", // FRA_DPORT_MASK
    "30 = 38", // FRA_DSCP_MASK
    "6 = 64000000",
  ]);
});

// Loads "return 0" as a program of the type sched_cls, and becomes the command with its descriptor.
const LOADER = `
import ctypes, os, platform, sys
code = ctypes.create_string_buffer(bytes.fromhex("b700000000000000" "9500000000000000"))
name = ctypes.create_string_buffer(b"GPL")
attr = (ctypes.c_uint64 * 16)(3 | 2 << 32, ctypes.addressof(code), ctypes.addressof(name))
number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.syscall(number, 5, attr, 48)
if fd < 0: sys.exit("bpf: " + os.strerror(ctypes.get_errno()))
os.set_inheritable(fd, True)
os.environ["PROGRAM"] = str(fd)
os.execvp(sys.argv[1], sys.argv[1:])
`;

it("a filter takes a program by its descriptor", {
  skip: need("net-admin", "ip", "tc", "python3"),
}, async () => {
  await using ns = await testNamespace();
  const { code, output } = await runModule(
    `
      import { RouteConnection } from "@x/pool/netlink";
      await using nl = await RouteConnection.open({ netns: "${ns.name}" });
      await nl.qdiscs.add({ link: "lo", kind: "clsact" });
      await nl.filters.add({
        link: "lo",
        parent: "ingress",
        priority: 5,
        kind: "bpf",
        options: { fd: Number(process.env.PROGRAM), name: "mine", directAction: true },
      });
      const [filter] = await nl.filters.list({ link: "lo", parent: "ingress" }).toArray();
      console.log(JSON.stringify(filter.options));
    `,
    { prefix: ["python3", "-c", LOADER] },
  );
  assert.equal(code, 0, output);
  assert.deepEqual(JSON.parse(output), { name: "mine", directAction: true });
  const shown = execFileSync(
    "tc",
    ["-n", ns.name, "-j", "filter", "show", "dev", "lo", "ingress"],
    { encoding: "utf8" },
  );
  const [, { options }] = JSON.parse(shown);
  assert.deepEqual([options.bpf_name, options["direct-action"]], ["mine", true], shown);
  assert.ok(options.prog.id > 0, shown);
});

it("links keep what they are not told, and are listed by their kind alone", {
  skip: need("net-admin", "ip"),
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const ip = (words: string) =>
    execFileSync("ip", ["-n", ns.name, ...words.split(" ")], { encoding: "utf8" });
  await nl.links.add({ name: "d0", kind: "veth", index: 77, txQueues: 3, peer: { name: "d1" } });
  assert.match(ip("-d link show d0"), /^77: d0.* numtxqueues 3 /s);
  assert.deepEqual(await nl.links.list({ kind: "no-such-kind" }).toArray(), []);

  const alias = "x".repeat(255);
  await nl.links.set("d0", { alias });
  assert.equal((await nl.links.get("d0")).alias, alias);
  await nl.links.set("d0", { alias: "" });
  assert.equal((await nl.links.get("d0")).alias, undefined);

  const sources = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
  const mac = { name: "mv", kind: "macvlan", link: "d0", mode: "source" } as const;
  await nl.links.add({ ...mac, sources, noDestination: true });
  await nl.links.set("mv", { kind: "macvlan", noPromiscuous: false });
  const { options } = await nl.links.get("mv");
  assert.deepEqual([[...options.sources as string[]].sort(), options.noDestination], [
    sources,
    true,
  ]);
  assert.match(ip("-d link show mv"), /mode source nodst .*remotes \(2\)/);

  for (
    const [name, ttl, shown] of [["v0", "inherit", "inherit"], ["v1", 0, "auto"], [
      "v2",
      9,
      "9",
    ]] as const
  ) {
    await nl.links.add({ name, kind: "vxlan", id: name.charCodeAt(1), ttl });
    assert.equal((await nl.links.get(name)).options.ttl, ttl);
    assert.match(ip(`-d link show ${name}`), new RegExp(`ttl ${shown} `));
  }

  await nl.links.delete("mv");
  await nl.links.add({ name: "sw", kind: "bridge" });
  for (const port of ["d0", "d1"]) await nl.links.set(port, { master: "sw" });
  await nl.links.set("d0", { bridgePort: { backupPort: "d1" } });
  assert.notEqual((await nl.links.get("d0")).bridgePort!.backupPort, undefined);
  await nl.links.set("d0", { bridgePort: { backupPort: null } });
  assert.equal((await nl.links.get("d0")).bridgePort!.backupPort, undefined);

  ip("address add 10.5.0.1/24 dev d0 scope link");
  await nl.addresses.add({ link: "d0", address: "10.6.0.1/24", validLifetime: 100, metric: 7 });
  const told = (await nl.addresses.list({ link: "d0" }).toArray()).map((a) => a.toJSON());
  const { metric, validLifetime } = told.find((a) => a.address === "10.6.0.1/24")!;
  assert.deepEqual([metric, Number(validLifetime) > 90], [7, true]);
  for (const each of told) await nl.addresses.replace(each as never);
  assert.equal(await nl.addresses.flush({ link: "d0", scope: 253 }), 1);
  assert.doesNotMatch(ip("address show d0"), /10\.5/);
});

it("a plan of links settles, whatever is said of their kinds", {
  skip: need("net-admin"),
}, async () => {
  await using ns = await testNamespace();
  await using nl = await RouteConnection.open({ netns: ns.name });
  const mv = { name: "mv", kind: "macvlan", link: "a", mode: "source" } as const;
  const pair = { name: "a", kind: "veth", peer: { name: "b" } } as const;
  const tunnel = { name: "x1", kind: "vxlan", id: 5 } as const;
  const sources = ["02:00:00:00:00:09", "02:00:00:00:00:01"];
  const all: Desired["links"][] = [
    [pair, { ...mv, sources, noDestination: true }],
    [{ ...mv, sources: sources.slice(1), noDestination: false }],
    [{ ...tunnel, remote: "0.0.0.0", ttl: "inherit" as const }],
    [{ ...tunnel, ttl: 9 }],
    [{ ...tunnel, ttl: "inherit" as const }],
    [{ name: "sw", kind: "bridge", address: "02-00-00-00-00-01" }],
  ];
  for (const links of all) {
    const changes = await plan(nl, { links });
    assert.notEqual(String(changes), "");
    await apply(nl, changes);
    assert.equal(String(await plan(nl, { links })), "");
  }
});
