import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import {
  ExtendedKeyUsage,
  Extension,
  type Identity,
  issue,
  KeyUsageFlags,
} from "./test/certificates.ts";
import { checkAgainstAuthorities } from "./tls-authorities.ts";
import { certificateSha256 } from "./tls-trust.ts";

function check(
  offer: readonly Identity[],
  authorities: readonly Identity[],
  options: { readonly hostname?: string; readonly inDays?: number } = {},
): string {
  try {
    const sha256 = checkAgainstAuthorities(offer.map(({ der }) => der), {
      authorities: authorities.map(({ der }) => der),
      hostname: options.hostname ?? "localhost",
      nowMs: Date.now() + (options.inDays ?? 0) * 24 * 60 * 60 * 1000,
    });
    const [own] = offer as [Identity];
    assert.deepEqual(Buffer.from(sha256), certificateSha256(own.der));
    return "believed";
  } catch (error) {
    assert.ok(error instanceof MessengerError, String(error));
    return error.code;
  }
}

const root = await issue("root", { authority: true });
const other = await issue("other", { authority: true });
const between = await issue("between", { authority: true, issuer: root });
const direct = await issue("server", { issuer: root });
const behind = await issue("server", { issuer: between });
const selfSigned = await issue("server");

Deno.test("checkAgainstAuthorities() believes what a given authority issued, directly or not", () => {
  assert.equal(check([direct], [root]), "believed");
  assert.equal(check([direct], [other, root]), "believed");
  assert.equal(check([behind, between], [root]), "believed");
  assert.equal(check([behind, between, root], [root]), "believed");
  assert.equal(check([behind], [between]), "believed");
  assert.equal(check([direct], [root], { hostname: "127.0.0.1" }), "believed");
});

Deno.test("checkAgainstAuthorities() believes a server's own certificate when it is given", async () => {
  assert.equal(check([selfSigned], [selfSigned]), "believed");
  assert.equal(check([selfSigned], [await issue("server")]), "tls/unknown-issuer");
});

Deno.test("checkAgainstAuthorities() refuses what nobody given issued", async () => {
  assert.equal(check([direct], [other]), "tls/unknown-issuer");
  assert.equal(check([direct], []), "tls/unknown-issuer");
  assert.equal(check([behind], [root]), "tls/unknown-issuer");
  assert.equal(check([behind, other], [root]), "tls/unknown-issuer");
  const namesake = await issue("root", { authority: true });
  assert.equal(check([direct], [namesake]), "tls/unknown-issuer");
});

Deno.test("checkAgainstAuthorities() refuses issuers that may not issue", async () => {
  const under = async (options: Parameters<typeof issue>[1]): Promise<string> => {
    const issuer = await issue("issuer", { issuer: root, ...options });
    return check([await issue("server", { issuer }), issuer], [root]);
  };
  assert.equal(await under({ authority: true }), "believed");
  assert.equal(await under({ authority: false }), "tls/unknown-issuer");
  assert.equal(
    await under({ authority: true, usages: KeyUsageFlags.cRLSign }),
    "tls/unknown-issuer",
  );
  // Name constraints are critical and not understood here.
  const extension = new Extension("2.5.29.30", true, new Uint8Array([0x30, 0x00]));
  assert.equal(await under({ authority: true, extension }), "tls/unknown-issuer");
});

Deno.test("checkAgainstAuthorities() counts what stands below a path length", async () => {
  const short = await issue("short", { authority: true, pathLength: 0 });
  const below = await issue("below", { authority: true, issuer: short });
  assert.equal(check([await issue("server", { issuer: short })], [short]), "believed");
  assert.equal(
    check([await issue("server", { issuer: below }), below], [short]),
    "tls/unknown-issuer",
  );
});

Deno.test("checkAgainstAuthorities() refuses other names, dates and uses", async () => {
  assert.equal(check([direct], [root], { hostname: "example.org" }), "tls/wrong-name");
  assert.equal(check([direct], [root], { hostname: "127.0.0.2" }), "tls/wrong-name");
  assert.equal(check([selfSigned], [selfSigned], { hostname: "server" }), "tls/wrong-name");
  const names = ["*.example.org", "example.net", "2001:db8::1"];
  const named = await issue("server", { issuer: root, names });
  const fits = ["a.example.org", "A.EXAMPLE.ORG", "Example.net", "2001:0db8:0::0001"];
  for (const hostname of fits) assert.equal(check([named], [root], { hostname }), "believed");
  const others = ["example.org", "a.b.example.org", "org", "*.org", "a.example.net", "2001:db8::2"];
  for (const hostname of others) {
    assert.equal(check([named], [root], { hostname }), "tls/wrong-name", hostname);
  }
  const wide = await issue("server", { issuer: root, names: ["*.org", "*"] });
  assert.equal(check([wide], [root], { hostname: "example.org" }), "tls/wrong-name");
  assert.equal(check([direct], [root], { inDays: 31 }), "tls/expired");
  assert.equal(check([direct], [root], { inDays: -2 }), "tls/expired");
  const old = await issue("old", { authority: true, validToDays: 1 });
  assert.equal(
    check([await issue("server", { issuer: old })], [old], { inDays: 2 }),
    "tls/expired",
  );
  const mail = await issue("server", { issuer: root, purpose: ExtendedKeyUsage.emailProtection });
  assert.equal(check([mail], [root]), "tls/unknown-issuer");
});

Deno.test("checkAgainstAuthorities() tries every way through cross-signed authorities", async () => {
  const { keys } = between;
  const byOther = await issue("between", { authority: true, issuer: other, keys });
  assert.equal(check([behind, byOther, between], [root]), "believed");
  assert.equal(check([behind, between, byOther], [root]), "believed");
  assert.equal(check([behind, byOther], [root]), "tls/unknown-issuer");
  // The same, when one way has expired: among those shown, and among those given.
  const old = await issue("between", { authority: true, issuer: root, keys, validToDays: -0.5 });
  assert.equal(check([behind, old, between], [root]), "believed");
  assert.equal(check([behind], [old, between]), "believed");
  assert.equal(check([behind, old], [root]), "tls/expired");
  // The shown way leads into a corner only two steps on.
  const top = await issue("top", { authority: true, issuer: root });
  const topByOther = await issue("top", { authority: true, issuer: other, keys: top.keys });
  const middle = await issue("middle", { authority: true, issuer: top });
  const own = await issue("server", { issuer: middle });
  assert.equal(check([own, topByOther, middle, top], [root]), "believed");
});

Deno.test("checkAgainstAuthorities() ends on circles, and on what is no certificate", async () => {
  const one = await issue("one", { authority: true });
  const two = await issue("two", { authority: true, issuer: one });
  const oneAgain = { ...await issue("one", { authority: true, issuer: two }), keys: one.keys };
  assert.equal(
    check([await issue("server", { issuer: two }), two, oneAgain, two], [root]),
    "tls/unknown-issuer",
  );
  assert.throws(
    () =>
      checkAgainstAuthorities([new Uint8Array(100)], {
        authorities: [root.der],
        hostname: "localhost",
        nowMs: Date.now(),
      }),
    isCode("malformed"),
  );
});

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MessengerError && error.code === code;
}
