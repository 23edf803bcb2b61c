import assert from "node:assert/strict";
import { formatPin } from "@qpq/client/connection";
import { MessengerError } from "@qpq/ports";
import type { CommonOptions } from "./options.ts";
import { chooseServer, type ServerChoice } from "./server-choice.ts";

const SERVER = "127.0.0.1:7000";

/** Folders for servers and for what is remembered, and what is chosen there. */
function inFolders(
  use: (choose: Choose, certify: (folder: string, byte: number) => string) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const root = await Deno.makeTempDir();
    const choose: Choose = (folder, options = {}) =>
      chooseServer(
        { timeout: 1, json: false, verbose: false, stateDir: `${root}/state`, ...options },
        `${root}/${folder}`,
      );
    const certify = (folder: string, byte: number): string => {
      const certificate = new Uint8Array(100).fill(byte);
      Deno.mkdirSync(`${root}/${folder}/data`, { recursive: true });
      Deno.writeFileSync(`${root}/${folder}/data/server-cert.der`, certificate);
      return formatPin(certificate);
    };
    try {
      await use(choose, certify);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  };
}

type Choose = (folder: string, options?: Partial<CommonOptions>) => Promise<ServerChoice>;

/** The pin that is trusted, if it is one. */
async function pinOf(choice: Promise<ServerChoice>): Promise<string> {
  const { trust } = await choice;
  return trust.kind === "pin" ? `sha256:${trust.sha256.toHex()}` : trust.kind;
}

Deno.test(
  "chooseServer() trusts from any folder the server of this machine that it met in its own",
  inFolders(async (choose, certify) => {
    const pin = certify("server", 1);
    assert.equal(await pinOf(choose("elsewhere")), "system");
    const met = await choose("server");
    assert.equal(await pinOf(choose("server")), pin);
    // Found, but never met: nothing is remembered of it.
    assert.equal(await pinOf(choose("elsewhere")), "system");
    met.remember();
    assert.equal(await pinOf(choose("elsewhere")), pin);
    // Another server's is another's.
    assert.equal(await pinOf(choose("elsewhere", { server: "127.0.0.1:7001" })), "system");
    for (const folder of ["server", "elsewhere"]) {
      assert.equal(await pinOf(choose(folder, { server: "chat.example.org:7000" })), "system");
    }
  }),
);

Deno.test(
  "chooseServer() takes the certificate of the folder before one that was found elsewhere, and a given pin before both",
  inFolders(async (choose, certify) => {
    const [one, other] = [certify("one", 1), certify("other", 2)];
    (await choose("one")).remember();
    assert.equal(await pinOf(choose("other")), other);
    assert.equal(await pinOf(choose("elsewhere")), one);
    (await choose("other")).remember();
    assert.equal(await pinOf(choose("elsewhere")), other);
    const given = `sha256:${"ab".repeat(32)}`;
    (await choose("other", { pin: given })).remember();
    for (const folder of ["one", "other", "elsewhere"]) {
      assert.equal(await pinOf(choose(folder)), given);
    }
  }),
);

Deno.test(
  "explain() says how to trust a server of this machine, and leaves other errors alone",
  inFolders(async (choose, certify) => {
    const unknown = new MessengerError("tls/unknown-issuer", "Cannot connect: nobody");
    const { explain } = await choose("elsewhere");
    const explained = explain(unknown);
    assert.equal(explained.code, "tls/unknown-issuer");
    assert.match(explained.message, /^Cannot connect to 127\.0\.0\.1:7000: nobody whom you trust /);
    assert.match(explained.message, /in the folder that the server runs in, or give --pin/);
    const down = new MessengerError("transport/unreachable", "down");
    assert.equal(explain(down), down);
    certify("server", 1);
    for (
      const [folder, server] of [["server", SERVER], [
        "elsewhere",
        "chat.example.org:7000",
      ]] as const
    ) {
      const choice = await choose(folder, { server });
      assert.equal(choice.explain(unknown), unknown);
    }
  }),
);
