import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NetlinkError } from "../../src/netlink/error.ts";
import { MalformedError } from "../../src/netlink/codec/malformed.ts";
import { GenericConnection } from "../../src/netlink/generic_connection.ts";
import { RouteConnection } from "../../src/netlink/route_connection.ts";
import { until } from "../net/peer.ts";
import { datagram, FakeKernel, int32, message, type Sent } from "./fake_kernel.ts";

const NEWLINK = 16, ERROR = 2, DONE = 3, MULTI = 2, INTERRUPTED = 0x10;

/** A link message with an index and a name. */
function link(to: { sequence: number; portId?: number }, index: number, flags = 0): Uint8Array {
  const name = [...new TextEncoder().encode(`eth${index}`)].slice(0, 4);
  const body = [
    0,
    0,
    0,
    0,
    ...int32(index),
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    9,
    0,
    3,
    0,
    ...name,
    0,
    0,
    0,
    0,
  ];
  return message(NEWLINK, to, body, flags);
}

const done = (to: Sent, code = 0) => message(DONE, to, int32(code), MULTI);
const ack = (to: Sent, code = 0) => message(ERROR, to, [...int32(code), ...to.bytes.slice(0, 16)]);

async function open(answer: (request: Sent, kernel: FakeKernel) => void) {
  const kernel = new FakeKernel();
  kernel.answer = (request) => answer(request, kernel);
  const nl = await RouteConnection.open({ adapter: kernel, timeout: 30_000 });
  return { kernel, nl, [Symbol.asyncDispose]: () => nl[Symbol.asyncDispose]() };
}

const rejects = (promise: Promise<unknown>, code: string, pattern = /./) =>
  assert.rejects(promise, (error: NetlinkError) => {
    assert.ok(error instanceof NetlinkError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });

describe("a request", () => {
  it("takes no answer that is not the kernel's, to its port, with its number, and direct", async () => {
    await using t = await open((request, kernel) => {
      kernel.queue(link(request, 66), { portId: 99 });
      kernel.queue(link(request, 67), { groups: 1 });
      kernel.queue(link({ ...request, portId: 1 }, 68));
      kernel.queue(link({ ...request, sequence: request.sequence + 1 }, 69));
      kernel.queue(datagram(link({ ...request, sequence: 5 }, 70), link(request, 3)));
    });
    assert.equal((await t.nl.links.get(3)).index, 3);
    assert.equal(t.kernel.unread, 0);
    assert.ok(t.nl.usable);
  });

  it("starts its numbers at random", async () => {
    const first = [];
    for (let i = 0; i < 8; i++) {
      await using t = await open((request, kernel) => kernel.queue(link(request, 1)));
      await t.nl.links.get(1);
      first.push(t.kernel.sent[0].sequence);
    }
    assert.equal(new Set(first).size, 8);
  });

  it("waits for an answer that comes later, and takes the right one of two", async () => {
    await using t = await open(() => {});
    const both = Promise.all([t.nl.links.get(1), t.nl.links.get(2)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(!t.nl.usable);
    const [one, two] = t.kernel.sent;
    t.kernel.queue(link(two, 2));
    t.kernel.queue(link(one, 1));
    assert.deepEqual((await both).map((l) => l.index), [1, 2]);
    assert.ok(t.nl.usable);
  });

  it("gives up after its time, and leaves the connection unusable until the answer is in", async () => {
    await using t = await open(() => {});
    await rejects(
      t.nl.links.get(1, { timeout: 20 }),
      "ETIMEDOUT",
      /get link 1: no answer within 20 ms/,
    );
    assert.ok(!t.nl.usable);
    t.kernel.queue(link(t.kernel.sent[0], 1));
    assert.ok(t.nl.usable);
  });

  it("of another list says that it waits for the one that does not end, under its own name", async () => {
    await using t = await open(() => {});
    const late = { timeout: 20 };
    await rejects(t.nl.links.list(late).toArray(), "ETIMEDOUT", /list links: no answer/);
    const second = t.nl.routes.list({ timeout: 20 }).toArray();
    await rejects(
      second,
      "ETIMEDOUT",
      /Cannot list routes: an earlier list on this connection \(list links\) does not end/,
    );
    assert.equal(t.kernel.sent.length, 1);
    const reason = new Error("enough"), signal = AbortSignal.abort(reason);
    await assert.rejects(t.nl.routes.list({ signal }).toArray(), (error) => error === reason);
    t.kernel.queue(done(t.kernel.sent[0]));
    t.kernel.answer = (request) => t.kernel.queue(done(request));
    assert.deepEqual(await t.nl.routes.list().toArray(), []);
  });

  it("waits as long as the connection does unless it says otherwise, and for ever if it says so", async () => {
    await using t = await open(() => {});
    t.nl.timeout = 20;
    await rejects(t.nl.links.get(1, { timeout: undefined }), "ETIMEDOUT", /within 20 ms/);
    await rejects(t.nl.links.list({ timeout: undefined }).toArray(), "ETIMEDOUT", /within 20 ms/);
    await rejects(t.nl.links.waitUntilUp(1), "ETIMEDOUT", /within 20 ms/);
    const patient = [
      t.nl.links.get(1, { timeout: Infinity }),
      t.nl.links.get(1, { timeout: 1e12 }),
    ];
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const request of t.kernel.sent.slice(-2)) t.kernel.queue(link(request, 1));
    assert.deepEqual((await Promise.all(patient)).map((l) => l.index), [1, 1]);
  });

  it("refuses a time that is none, wherever it is given", async () => {
    await using t = await open(() => {});
    const none =
      /^RangeError: Cannot use timeout: must be milliseconds from 0 on, current value is/;
    const adapter = t.kernel;
    for (const timeout of [-1, NaN, "5" as never as number]) {
      await assert.rejects(RouteConnection.open({ adapter, timeout }), none);
      await assert.rejects(t.nl.links.get(1, { timeout }), none);
      await assert.rejects(t.nl.links.delete(1, { timeout }), none);
      await assert.rejects(t.nl.batch().links.set(1, { mtu: 5 }).commit({ timeout }), none);
      assert.throws(() => t.nl.links.list({ timeout }), none);
      assert.throws(() => t.nl.timeout = timeout, none);
    }
    assert.equal(t.kernel.sent.length, 0);
  });

  it("rejects with the signal's own reason, before and while it waits", async () => {
    await using t = await open(() => {});
    const reason = new Error("enough");
    await assert.rejects(t.nl.links.get(1, { signal: AbortSignal.abort(reason) }), reason);
    assert.equal(t.kernel.sent.length, 0);
    const controller = new AbortController();
    const waiting = t.nl.links.get(1, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 5);
    await assert.rejects(waiting, reason);
    assert.ok(!t.nl.usable);
  });

  it("fails with an error of its own when the connection is closed, and afterwards", async () => {
    await using t = await open(() => {});
    const failures = [1, 2].map((index) => t.nl.links.get(index).catch((error) => error));
    await new Promise((resolve) => setTimeout(resolve, 1));
    t.nl.close();
    failures.push(t.nl.links.get(3).catch((error) => error));
    failures.push(t.nl.routes.list().toArray().catch((error) => error));
    const all = await Promise.all(failures);
    assert.deepEqual(all.map((error: NetlinkError) => error.message), [
      "Cannot get link 1: the connection is closed (EBADF)",
      "Cannot get link 2: the connection is closed (EBADF)",
      "Cannot get link 3: the connection is closed (EBADF)",
      "Cannot list routes: the connection is closed (EBADF)",
    ]);
  });

  it("fails when the connection is closed meanwhile, and afterwards", async () => {
    await using t = await open(() => {});
    const waiting = t.nl.links.get(1);
    setTimeout(() => t.nl.close(), 5);
    await rejects(waiting, "EBADF", /closed/);
    await rejects(t.nl.links.get(1), "EBADF", /closed/);
    t.nl.close();
    assert.equal(t.kernel.closed, 1);
  });

  it("asks again when the answer was cut, which fits then unless it has grown", async () => {
    let words = 50_000, growth = 1;
    await using t = await open((request, kernel) => {
      const attributes = new Uint32Array(words);
      for (let i = 0; i < words; i += 10_000) attributes[i] = 40_000 | (200 << 16);
      const bytes = datagram(link(request, 1), new Uint8Array(attributes.buffer));
      new DataView(bytes.buffer).setUint32(0, bytes.length, true);
      words *= growth;
      kernel.queue(bytes);
    });
    assert.equal((await t.nl.links.get(1)).index, 1);
    assert.equal(t.kernel.sent.length, 2);
    [words, growth] = [100_000, 4];
    await rejects(t.nl.links.get(1), "EMSGSIZE", /message of 16000\d\d bytes was cut to \d+/);
    assert.ok(t.nl.usable);
  });

  it("is not asked again when it changes something", async () => {
    let size = 80_000;
    const kernel = new FakeKernel(), GETFAMILY = 3, FEATURES_SET = 12;
    kernel.answer = (request) => {
      const command = request.bytes[16];
      if (request.type === 16 && command === GETFAMILY) {
        const id = [6, 0, 1, 0, 30, 0, 0, 0]; // CTRL_ATTR_FAMILY_ID
        return kernel.queue(datagram(message(16, request, [1, 2, 0, 0, ...id]), ack(request)));
      }
      size *= 4; // more than there is room for, each time
      const long = Array(size / 40_000).fill([0x40, 0x9c, 200, 0, ...Array(39_996).fill(0)]).flat();
      kernel.queue(message(request.type, request, [command, 1, 0, 0, ...long]));
    };
    await using nl = await GenericConnection.open({ adapter: kernel, timeout: 30_000 });
    const ethtool = await nl.family("ethtool"), before = kernel.sent.length;
    await rejects(
      ethtool.do("features-set"),
      "EMSGSIZE",
      /request features-set of ethtool: .* was cut/,
    );
    assert.deepEqual(kernel.sent.slice(before).map(({ bytes }) => bytes[16]), [FEATURES_SET]);
    await rejects(ethtool.do("features-get"), "EMSGSIZE");
    assert.equal(kernel.sent.length, before + 3);
    assert.ok(nl.usable);
  });

  it("breaks for good when messages no longer follow each other", async () => {
    await using t = await open((request, kernel) => {
      const bytes = link(request, 1);
      bytes[0] = 200;
      kernel.queue(bytes);
    });
    await assert.rejects(t.nl.links.get(1), MalformedError);
    assert.ok(!t.nl.usable);
    await assert.rejects(t.nl.links.get(1), MalformedError);
  });

  it("breaks for good when receiving fails", async () => {
    await using t = await open((_, kernel) => kernel.queue(105));
    await rejects(t.nl.links.get(1), "ENOBUFS");
    assert.ok(!t.nl.usable);
  });
});

describe("a dump", () => {
  it("honours the code inside its end, and accepts an end without one", async () => {
    let code: number[] = int32(-95);
    await using t = await open((request, kernel) => {
      kernel.queue(datagram(link(request, 1, MULTI), message(DONE, request, code, MULTI)));
    });
    await rejects(t.nl.links.list().toArray(), "EOPNOTSUPP", /list links/);
    code = [];
    assert.equal((await t.nl.links.list().toArray()).length, 1);
    assert.ok(t.nl.usable);
  });

  it("is read again when it was interrupted, wherever the mark stands", async () => {
    let left = 3;
    await using t = await open((request, kernel) => {
      const mark = left-- > 0 ? INTERRUPTED : 0;
      kernel.queue(link(request, 1, MULTI));
      kernel.queue(link(request, 2, MULTI | mark));
      kernel.queue(done(request));
    });
    assert.deepEqual((await t.nl.links.list().toArray()).map((l) => l.index), [1, 2]);
    assert.equal(t.kernel.sent.length, 4);
  });

  it("fails rather than pass off a part as the whole, when it is interrupted for ever", async () => {
    await using t = await open((request, kernel) => {
      kernel.queue(datagram(link(request, 1, MULTI | INTERRUPTED), done(request)));
    });
    await rejects(t.nl.links.list().toArray(), "EINTR", /changed while it was read, 10 times/);
    const seen: number[] = [];
    await rejects(
      (async () => {
        for await (const l of t.nl.links.list({ whole: false })) seen.push(l.index);
      })(),
      "EINTR",
      /1 time in a row/,
    );
    assert.deepEqual(seen, [1]);
  });

  it("that is left early is read to its end, before the next one starts", async () => {
    const parts: Uint8Array[] = [];
    await using t = await open((request, kernel) => {
      assert.equal(kernel.unread, 0, "a second dump while the first is unfinished is EBUSY");
      for (let i = 1; i < 5; i++) parts.push(link(request, i, MULTI));
      for (const part of [...parts.splice(0), done(request)]) kernel.queue(part);
    });
    for await (const l of t.nl.links.list({ whole: false })) {
      if (l.index === 2) break;
    }
    // Leaving reads for a turn, which a busy machine may take away.
    await until(() => t.nl.usable);
    assert.equal(t.kernel.unread, 0);
    assert.equal((await t.nl.links.list().toArray()).length, 4);
  });

  it("whose end does not come makes the connection unusable when it is left", async () => {
    await using t = await open((request, kernel) => kernel.queue(link(request, 1, MULTI)));
    for await (const _ of t.nl.links.list({ whole: false })) break;
    assert.ok(!t.nl.usable);
    t.kernel.queue(done(t.kernel.sent[0]));
    assert.ok(t.nl.usable);
  });

  it("may nest in another, and requests may come between its parts", async () => {
    await using t = await open((request, kernel) => {
      if (request.flags & 0x300) {
        if (kernel.unread > 0) return kernel.queue(ack(request, -16)); // EBUSY, as the real one
        for (const i of [1, 2]) kernel.queue(link(request, i, MULTI));
        kernel.queue(done(request));
      } else if (request.flags & 4) kernel.queue(ack(request));
      else kernel.queue(link(request, request.bytes[20]));
    });
    const seen = [];
    for await (const a of t.nl.links.list({ whole: false })) {
      await t.nl.links.set(a.index, { up: true });
      for await (const b of t.nl.links.list({ whole: false })) {
        seen.push(`${a.index}${b.index}${(await t.nl.links.get(7)).index}`);
      }
    }
    assert.deepEqual(seen, ["117", "127", "217", "227"]);
    assert.ok(t.nl.usable);
  });

  it("waits for the rest of an unfinished one, which the kernel would answer with EBUSY", async () => {
    await using t = await open((request, kernel) => {
      if (kernel.unread > 0) return kernel.queue(ack(request, -16));
      for (const i of [1, 2]) kernel.queue(link(request, i, MULTI));
      kernel.queue(done(request));
    });
    const seen = [];
    for await (const a of t.nl.links.list({ whole: false })) {
      const all = await t.nl.links.list().toArray();
      seen.push([a.index, ...all.map((l) => l.index)]);
    }
    assert.deepEqual(seen, [[1, 1, 2], [2, 1, 2]]);
  });

  it("that is aborted leaves the connection unusable until the rest is read", async () => {
    await using t = await open((request, kernel) => kernel.queue(link(request, 1, MULTI)));
    const controller = new AbortController(), reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 5);
    await assert.rejects(t.nl.links.list({ signal: controller.signal }).toArray(), reason);
    assert.ok(!t.nl.usable);
    t.kernel.queue(datagram(link(t.kernel.sent[0], 2, MULTI), done(t.kernel.sent[0])));
    assert.ok(t.nl.usable);
  });
});

it("a link is waited for until the kernel has looked at it, where it will", async () => {
  const UNKNOWN = 0, UP = 6, RUNNING = 0x10041; // IF_OPER_*, IFF_LOWER_UP | IFF_RUNNING | IFF_UP
  const body = (kind: string, state: number) => [
    ...[0, 0, 0, 0, ...int32(5), ...int32(RUNNING), ...int32(0)],
    ...[5, 0, 16, 0, state, 0, 0, 0],
    ...[8 + kind.length, 0, 18, 0, 4 + kind.length, 0, 1, 0, ...new TextEncoder().encode(kind)],
  ];
  for (const [kind, looks] of [["veth", 3], ["vcan", 1]] as const) {
    await using t = await open((request, kernel) => {
      const state = kernel.sent.length < 3 ? UNKNOWN : UP;
      kernel.queue(message(NEWLINK, request, body(`${kind}\0\0\0\0`, state)));
    });
    const { operState } = await t.nl.links.waitUntilUp(5);
    assert.deepEqual([operState, t.kernel.sent.length], [looks > 1 ? "up" : "unknown", looks]);
  }
});

describe("a batch", () => {
  it("goes out in few calls, and names the attribute of the one that is refused", async () => {
    let calls = 0;
    await using t = await open((first, kernel) => {
      calls++;
      const view = new DataView(first.bytes.buffer);
      for (let at = 0; at < first.bytes.length; at += view.getUint32(at, true)) {
        const one = {
          ...first,
          sequence: view.getUint32(at + 8, true),
          bytes: first.bytes.slice(at),
        };
        const refused = view.getUint32(at + 16 + 4, true) === 7;
        // ifinfomsg is followed by IFLA_MTU, at byte 32 of its own message.
        const offset = [8, 0, 2, 0, ...int32(32)];
        kernel.queue(
          refused
            ? message(ERROR, one, [...int32(-22), ...one.bytes.slice(0, 16), ...offset], 0x300)
            : ack(one),
        );
      }
    });
    const changes = t.nl.batch();
    for (let i = 0; i < 250; i++) changes.links.set(i + 1, { mtu: 1000 + i });
    const results = await changes.commit();
    assert.equal(calls, 3);
    assert.equal(results.length, 250);
    const failed = results.flatMap((r, i) =>
      r.status === "failed" ? [[i, (r.error as NetlinkError).attribute]] : []
    );
    assert.deepEqual(failed, [[6, "mtu"]]);
    assert.ok(t.nl.usable);
  });

  it("waits for answers that come later, no longer than the connection does", async () => {
    await using t = await open(() => {});
    const change = () => t.nl.batch().links.set(1, { mtu: 1400 }).links.set(2, { mtu: 5 }).commit();
    const all = change();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const [first] = t.kernel.sent;
    assert.equal(first.bytes.length, 2 * 40);
    const second = { ...first, sequence: first.sequence + 1, bytes: first.bytes.slice(40) };
    t.kernel.queue(message(ERROR, second, [...int32(-22), ...second.bytes.slice(0, 16)], 0x100));
    t.kernel.queue(ack(first));
    assert.deepEqual((await all).map((r) => r.status), ["done", "failed"]);
    t.nl.timeout = 20;
    await assert.rejects(change(), /no answer within 20 ms/);
  });
});

describe("a refusal", () => {
  const attribute = (type: number, payload: number[]) => {
    const length = 4 + payload.length;
    return [length, 0, type, 0, ...payload, ...Array((4 - (length % 4)) % 4).fill(0)];
  };
  const refuse = (request: Sent, errno: number, details: number[]) =>
    message(ERROR, request, [...int32(-errno), ...request.bytes.slice(0, 16), ...details], 0x300);

  it("carries the kernel's words and the path of the attribute that it points at", async () => {
    await using t = await open((request, kernel) => {
      // The offset of linkinfo.data.id: found in the request as the test made it.
      const bytes = request.bytes;
      const at = bytes.findIndex((_, i) =>
        i >= 32 && i % 4 === 0 && bytes[i] === 8 && bytes[i + 2] === 1 && bytes[i + 4] === 42
      );
      const text = [...new TextEncoder().encode("no such thing"), 0];
      kernel.queue(refuse(request, 22, [...attribute(1, text), ...attribute(2, int32(at))]));
    });
    await assert.rejects(
      t.nl.links.add({ name: "vx0", kind: "vxlan", id: 42 }),
      (error: NetlinkError) => {
        assert.equal(error.kernelMessage, "no such thing");
        assert.equal(error.attribute, "linkinfo.data.id");
        assert.equal(error.operation, "add link vx0");
        assert.ok(error.isInvalid && !error.isNotFound);
        const message = "no such thing, attribute linkinfo.data.id (EINVAL)";
        assert.equal(error.message, `Cannot add link vx0: ${message}`);
        return true;
      },
    );
  });

  it("names an attribute that is missing, and the limits of one that is wrong", async () => {
    let details: number[] = attribute(5, int32(3));
    await using t = await open((request, kernel) => kernel.queue(refuse(request, 22, details)));
    const failure = () => t.nl.links.set(1, { mtu: 5 }).then(() => assert.fail(), (e) => e);
    assert.equal((await failure()).missing, "ifname");
    details = attribute(4, [
      ...attribute(1, int32(4)),
      ...attribute(4, [...int32(68), 0, 0, 0, 0]),
    ]);
    assert.deepEqual((await failure()).policy, { type: "u32", min: 68 });
  });

  it("names an attribute that is shorter than its type, and is not replaced by what is malformed", async () => {
    let details: number[] = [];
    await using t = await open((request, kernel) => kernel.queue(refuse(request, 22, details)));
    const links = await t.nl.family("rt-link");
    const failure = (values: Record<number, Uint8Array>) =>
      links.do("setlink", values as never).then(() => assert.fail(), (e: NetlinkError) => e);
    const MTU = 4, LINKINFO = 18, at = 32;
    details = attribute(2, int32(at));
    const short = await failure({ [MTU]: new Uint8Array(2) });
    assert.deepEqual([short.code, short.attribute], ["EINVAL", "mtu"]);
    // A nest whose only attribute claims more bytes than there are.
    const broken = { [LINKINFO]: new Uint8Array([99, 0, 1, 0]) };
    assert.equal((await failure(broken)).attribute, "linkinfo");
    details = attribute(2, int32(at + 4));
    assert.deepEqual([(await failure(broken)).code, (await failure(broken)).attribute], [
      "EINVAL",
      undefined,
    ]);
    details = [...attribute(5, int32(1)), ...attribute(6, int32(at + 4))];
    assert.deepEqual([(await failure(broken)).code, (await failure(broken)).missing], [
      "EINVAL",
      undefined,
    ]);
  });

  it("tells limits of 64 bits exactly", async () => {
    const bytes = (value: bigint) => [...new Uint8Array(new BigUint64Array([value]).buffer)];
    const limits = attribute(4, [
      ...attribute(1, int32(5)),
      ...attribute(4, bytes(2n ** 53n - 1n)),
      ...attribute(5, bytes(2n ** 64n - 1n)),
    ]);
    await using t = await open((request, kernel) => kernel.queue(refuse(request, 34, limits)));
    await assert.rejects(t.nl.links.set(1, { mtu: 5 }), (error: NetlinkError) => {
      assert.deepEqual(error.policy, { type: "u64", min: 2 ** 53 - 1, max: 2n ** 64n - 1n });
      return true;
    });
  });

  it("with details that make no sense is an error all the same", async () => {
    await using t = await open((request, kernel) => {
      kernel.queue(refuse(request, 22, attribute(2, int32(100_000))));
    });
    await rejects(t.nl.links.set(1, { mtu: 5 }), "EINVAL");
  });
});
