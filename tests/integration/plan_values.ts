/** Values at the edges of what can be declared of links, and beyond. */

const numbers = [0, 1, 50, 1001, 4004, 65535, 65536, 2 ** 32 - 1];
const flags = [true, false];
const macs = [
  "02:00:00:00:00:0A",
  "01:80:c2:00:00:00",
  "01:80:C2:00:00:0F",
  "01:80:c2:00:00:01",
  "00:00:00:00:00:00",
  "ff:ff:ff:ff:ff:ff",
];
const addresses = ["0.0.0.0", "::", "10.20.0.1", "fd20::1", "224.0.0.5", "ff02::5"];

type Options = Record<string, readonly unknown[]>;
const all = (names: string, values: readonly unknown[]): Options =>
  Object.fromEntries(names.split(" ").map((name) => [name, values]));

const ethernet: Options = { mtu: numbers, address: macs };
const general: Options = {
  ...ethernet,
  ...all("txQueueLength group", numbers),
  ...all("up promiscuous allMulticast arp", flags),
  alias: ["", "x", "é".repeat(127)],
  altNames: [[], ["n1"], ["n2", "n1"]],
};

const macvlan: Options = {
  mode: ["private", "vepa", "bridge", "passthru", "source"],
  ...all("noPromiscuous noDestination", flags),
  sources: [[], [macs[0]], [macs[0], macs[0]]],
  broadcastQueueLength: numbers,
};

/** Of each kind, what it cannot do without, and the values of its options. */
export const values: { readonly [kind: string]: readonly [needed: object, options: Options] } = {
  bridge: [{}, {
    ...general,
    ...all("forwardDelay helloTime maxAge ageingTime priority groupForwardMask", numbers),
    ...all("multicastRouter multicastHashMax multicastQueryInterval", numbers),
    ...all("multicastStartupQueryInterval multicastStartupQueryCount", numbers),
    ...all("multicastQueryResponseInterval multicastQuerierInterval", numbers),
    ...all("multicastLastMemberInterval multicastLastMemberCount", numbers),
    ...all("multicastQueryUseAddress multicastStatistics linkLocalLearning", flags),
    ...all("multicastMembershipInterval igmpVersion mldVersion maxLearned", numbers),
    ...all("vlanDefaultPvid", numbers),
    ...all("stp vlanFiltering vlanStatistics multicastSnooping multicastQuerier", flags),
    groupAddress: macs,
    vlanProtocol: ["8021q", "8021ad"],
  }],
  vxlan: [{ id: 5 }, {
    ...ethernet,
    ...all("id port tos ageing limit flowLabel", numbers),
    ...all("local remote", addresses),
    ...all("learning proxy routeShortCircuit reportMissingMac reportMissingIp", flags),
    ...all("udpChecksum noChecksum6Out noChecksum6In external vniFilter", flags),
    ...all("groupPolicy localBypass", flags),
    ttl: ["inherit", ...numbers],
    link: ["a0"],
    dontFragment: ["unset", "set", "inherit"],
    sourcePorts: [[0, 0], [0, 1], [0, 65535], [65535, 65535]],
  }],
  macvlan: [{ link: "a0" }, { ...ethernet, ...macvlan }],
  macvtap: [{ link: "a0", mode: "source" }, macvlan],
  ifb: [{}, ethernet],
  veth: [{ peer: { name: "v2" } }, general],
};

/** Values of the options of a bridge's port. */
export const portValues: Options = {
  ...all("priority cost multicastRouter groupForwardMask", numbers),
  ...all("hairpin guard rootBlock fastLeave learning unicastFlood multicastFlood", flags),
  ...all("broadcastFlood multicastToUnicast proxyArp vlanTunnel neighbourSuppress", flags),
  ...all("isolated locked", flags),
  state: ["disabled", "listening", "learning", "forwarding", "blocking"],
  backupPort: ["a0", "a2", null],
};
