// Throw-away certificates for the TLS tests, made by openssl in a temporary directory.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, PEM and on disk. */
export interface Identity {
  cert: string;
  key: string;
  certFile: string;
  keyFile: string;
}

/** An authority with one server certificate (localhost, pool.test, loopback) and one client's. */
export class Pki implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "x-pool-pki-"));
  readonly ca: string;
  readonly server: Identity;
  readonly client: Identity;

  constructor() {
    const ca = this.#path("ca.pem"), caKey = this.#path("ca.key");
    this.#openssl("req", "-x509", ...newKey, "-keyout", caKey, "-out", ca, "-subj", "/CN=test ca");
    writeFileSync(
      this.#path("extensions"),
      "subjectAltName=DNS:localhost,DNS:pool.test,IP:127.0.0.1,IP:::1\n" +
        "extendedKeyUsage=serverAuth,clientAuth\n",
    );
    this.ca = readFileSync(ca, "utf8");
    this.server = this.#identity("server");
    this.client = this.#identity("client");
  }

  #identity(name: string): Identity {
    const certFile = this.#path(`${name}.pem`), keyFile = this.#path(`${name}.key`);
    const request = this.#path(`${name}.csr`);
    this.#openssl("req", ...newKey, "-keyout", keyFile, "-out", request, "-subj", `/CN=${name}`);
    this.#openssl(
      ...["x509", "-req", "-in", request, "-out", certFile, "-days", "2"],
      ...["-CA", this.#path("ca.pem"), "-CAkey", this.#path("ca.key"), "-CAcreateserial"],
      ...["-extfile", this.#path("extensions")],
    );
    return {
      cert: readFileSync(certFile, "utf8"),
      key: readFileSync(keyFile, "utf8"),
      certFile,
      keyFile,
    };
  }

  #path(name: string): string {
    return join(this.directory, name);
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { stdio: "ignore" });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
