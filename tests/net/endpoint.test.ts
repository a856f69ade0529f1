import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConnectError, Endpoint, type EndpointLike } from "../../src/net/mod.ts";

const accepted: [EndpointLike, string][] = [
  ["localhost:80", "localhost:80"],
  ["LocalHost:080", "localhost:80"],
  ["127.0.0.1:65535", "127.0.0.1:65535"],
  ["[::1]:80", "[::1]:80"],
  ["[0:0:0:0:0:0:0:1]:80", "[::1]:80"],
  ["[fe80::1%eth0]:80", "[fe80::1%eth0]:80"],
  ["my_host.example:1", "my_host.example:1"],
  ["bücher.example:1", "xn--bcher-kva.example:1"],
  ["http://example.com", "example.com:80"],
  ["https://example.com/path?x#y", "example.com:443"],
  ["https://example.com:8443", "example.com:8443"],
  ["redis://user:secret@cache/0", "cache:6379"],
  ["tcp://[::1]:9000", "[::1]:9000"],
  [new URL("https://[2001:DB8::1]/"), "[2001:db8::1]:443"],
  [["::1", 80], "[::1]:80"],
  [["[::1]", 80], "[::1]:80"],
  [["a.example", 1], "a.example:1"],
  [{ host: "A.example", port: 1 }, "a.example:1"],
  [{ path: "/run/x.sock" }, "unix:/run/x.sock"],
  ["/run/x.sock", "unix:/run/x.sock"],
  ["unix:/run/x.sock", "unix:/run/x.sock"],
  ["unix:///run/x.sock", "unix:/run/x.sock"],
  [new URL("unix:///run/x.sock"), "unix:/run/x.sock"],
  [new URL("unix:/run/ä b.sock"), "unix:/run/ä b.sock"],
  ["unix://user:secret@/run/x.sock", "unix:/run/x.sock"],
  [new URL("unix:///run/x.sock?password=secret#x"), "unix:/run/x.sock"],
];

const refused: [unknown, RegExp][] = [
  ["", /port is missing/],
  ["localhost", /port is missing/],
  ["[::1]", /port is missing/],
  [":80", /host must not be blank/],
  [" :80", /host must not be blank/],
  ["::1:80", /needs brackets/],
  ["a b:80", /host is not a name/],
  ["user@host:80", /host is not a name/],
  ["host/path:80", /host is not a name/],
  ["[::zz]:80", /host is not a name/],
  ["[fe80::1%]:80", /host is not a name/],
  ["localhost:0", /port must be/],
  ["localhost:65536", /port must be/],
  ["localhost:-1", /port must be/],
  ["localhost:8x", /port must be/],
  ["localhost:", /port must be/],
  ["foo://host", /scheme has no default/],
  ["http://", /URL cannot be parsed/],
  [["h", 1.5], /port must be.*, current value is 1\.5$/],
  [["h", "80"], /port must be/],
  [[5, 80], /host must not be blank/],
  [{ host: "h" }, /port must be/],
  [{ path: "" }, /path must be non-empty/],
  ["unix:", /path must be non-empty/],
  ["/a\0b", /without NUL/],
  [new URL("unix:/a%00b"), /without NUL/],
  [new URL("unix:/50%.sock"), /% escaped, current value is "unix:\/50%\.sock"$/],
  ["/" + "x".repeat(107), /fit 107 bytes/],
  [undefined, /it must be text.*, current value is undefined$/],
  [80, /it must be text.*, current value is 80$/],
  [{}, /it must be text.*, current value is \{\}$/],
  [{ hostname: "h", password: "x" }, /it must be text.*, current value is \{hostname, password\}$/],
];

describe("Endpoint", () => {
  for (const [like, key] of accepted) {
    it(`reads ${typeof like === "string" ? like : JSON.stringify(like)} as ${key}`, () => {
      const endpoint = Endpoint.from(like);
      assert.equal(endpoint.key, key);
      assert.equal(`${endpoint}`, key);
      assert.equal(Endpoint.from(endpoint), endpoint);
      assert.ok(Endpoint.from(key).equals(like), "its own text reads as the same endpoint");
    });
  }

  for (const [like, message] of refused) {
    it(`refuses ${JSON.stringify(like)?.slice(0, 40)} and names the part`, () => {
      assert.throws(
        () => Endpoint.from(like as EndpointLike),
        (error) =>
          error instanceof ConnectError && error.code === "INVALID_ENDPOINT" &&
          message.test(error.message),
      );
    });
  }

  for (
    const like of [
      "postgres://user:secret@db:99999/app",
      "foo://user:secret@db/app",
      new URL("foo://user:secret@db/app"),
      "foo://user:se@secret:x@db",
      "foo://user:se?secret@db",
      "foo://secret@db",
      "foo://db/app?user=x&password=secret",
      "foo://db/app?mail=a@b&password=secret",
      "foo://db/app#secret",
      "user:secret@db:5432",
      "user:secret@db",
      "secret@db:5432",
      "db:5432?password=secret",
      ["user:secret@db", 5432],
      { host: "user:secret@db", port: 5432 },
      { host: "db", port: "secret@5432" },
      new URL("unix:/50%.sock?secret"),
    ]
  ) {
    it(`never shows what may be secret of ${like instanceof URL ? like : JSON.stringify(like)}`, () => {
      assert.throws(
        () => Endpoint.from(like as EndpointLike),
        (error) => error instanceof ConnectError && !/secret|user/.test(error.message),
      );
    });
  }

  it("shows the rest of what it refuses", () => {
    assert.throws(() => Endpoint.from("foo://user:secret@db/app?x=1"), {
      message: "Cannot read endpoint: port is missing and the scheme has no default, " +
        'current value is "foo://…@db/app…"',
    });
  });

  it("tells different endpoints apart", () => {
    assert.ok(!Endpoint.from("a:1").equals("a:2"));
    assert.ok(!Endpoint.from("a:1").equals("b:1"));
    assert.ok(!Endpoint.from("/a").equals("/b"));
  });
});
