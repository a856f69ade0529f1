/** Options of the ports of bridges and bonds. */

import type { LinkRef } from "./input.ts";

/** Options of a bridge's port (IFLA_BRPORT_* of linux/if_link.h). What is left out stays as it is. */
export interface BridgePortOptions {
  /** State in the spanning tree. */
  state?: "disabled" | "listening" | "learning" | "forwarding" | "blocking";
  /** Priority in the spanning tree, 0 to 63. */
  priority?: number;
  /** Cost in the spanning tree. */
  cost?: number;
  /** Whether packets may go out where they came in. */
  hairpin?: boolean;
  /** Whether spanning tree packets that come in block it. */
  guard?: boolean;
  /** Whether it may not become the way to the root. */
  rootBlock?: boolean;
  /** Whether a group is left as soon as one member says so. */
  fastLeave?: boolean;
  /** Whether MAC addresses are learned. */
  learning?: boolean;
  /** Whether packets to unknown addresses go out here. */
  unicastFlood?: boolean;
  /** Whether packets to unknown groups go out here. */
  multicastFlood?: boolean;
  /** Whether broadcast packets go out here. */
  broadcastFlood?: boolean;
  /** Whether each member of a group gets its own copy. */
  multicastToUnicast?: boolean;
  /** Whether a multicast router is behind it: 0 never, 1 if heard of, 2 always, 3 for now. */
  multicastRouter?: number;
  /** Groups that it is a member of at most; 0 for no limit. Linux 6.3. */
  multicastMaxGroups?: number;
  /** Whether the bridge answers ARP requests for what it knows. */
  proxyArp?: boolean;
  /** Whether it does so as access points must (IEEE 802.11). */
  proxyArpWifi?: boolean;
  /** Whether VLANs map to tunnels. */
  vlanTunnel?: boolean;
  /** Whether ARP and neighbour discovery are answered, not flooded. */
  neighbourSuppress?: boolean;
  /** Whether that is decided by VLAN; Linux 6.4. */
  neighbourVlanSuppress?: boolean;
  /** Whether isolated ports cannot talk to it. */
  isolated?: boolean;
  /** Whether packets from unknown addresses are dropped. */
  locked?: boolean;
  /**
   * Whether such an address gets a locked entry in the forwarding table, for who decides to let it in; of
   * a locked port that learns; Linux 6.2.
   */
  macAuthBypass?: boolean;
  /** Which link-local groups are forwarded, a bit each. */
  groupForwardMask?: number;
  /** The port that takes over when it goes down; null for none. */
  backupPort?: LinkRef | null;
  /** Id of a nexthop by which what goes to the backup port goes; 0 for none. Linux 6.6. */
  backupNexthop?: number;
}

/** Options of a bond's port (IFLA_BOND_SLAVE_* of linux/if_link.h). */
export interface BondPortOptions {
  /** Queue that filters send by. */
  queueId?: number;
  /** Priority, the higher the better. */
  priority?: number;
}
