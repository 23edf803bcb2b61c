import assert from "node:assert/strict";
import { UsageError } from "./output.ts";
import {
  chooseNewPassword,
  readFormerPassword,
  readGivenPassword,
  readPassword,
} from "./passwords.ts";
import type { PasswordOptions } from "./secret-options.ts";

/** Runs with these variables and without a terminal. @returns what was said on standard error */
async function around(
  environment: Readonly<Record<string, string>>,
  run: () => Promise<void>,
): Promise<string> {
  const { isTerminal } = Deno.stdin;
  const { writeSync } = Deno.stderr;
  let said = "";
  Deno.stdin.isTerminal = () => false;
  Deno.stderr.writeSync = (bytes) => {
    said += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  for (const [name, value] of Object.entries(environment)) Deno.env.set(name, value);
  try {
    await run();
    return said;
  } finally {
    for (const name of Object.keys(environment)) Deno.env.delete(name);
    Deno.stdin.isTerminal = isTerminal;
    Deno.stderr.writeSync = writeSync;
  }
}

async function secretFile(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const path = await Deno.makeTempFile();
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await Deno.writeFile(path, bytes);
  return path;
}

Deno.test("readPassword() takes what was typed over a variable, a file's first line over it, too", async () => {
  const passwordFile = await secretFile("of the file \r\nnot this\n");
  const environment = { QPQ_PASSWORD: "of the variable", QPQ_FORMER_PASSWORD: "former" };
  const said = await around(environment, async () => {
    assert.equal(await readPassword({ passwordFile }), "of the file ");
    assert.equal(await readPassword({}), "of the variable");
    assert.equal(await readFormerPassword({}), "former");
    assert.equal(await readFormerPassword({ formerPasswordFile: passwordFile }), "of the file ");
  });
  assert.equal(said, "");
  const warned = await around(environment, async () => {
    assert.equal(await readPassword({ password: "typed" }), "typed");
  });
  assert.match(
    warned,
    /^qpq: warning: others on this machine can see --password; use QPQ_PASSWORD/,
  );
  await Deno.remove(passwordFile);
});

Deno.test("readPassword() refuses two sources, files that are none, and to ask nobody", async () => {
  const paths = await Promise.all([
    ...["fine\n", "x".repeat(4_097)].map(secretFile),
    secretFile(Uint8Array.of(0xff, 0xfe)),
  ]);
  const [fine, long, binary] = paths as [string, string, string];
  const mistakes: readonly (readonly [PasswordOptions, RegExp])[] = [
    [{ password: "typed", passwordFile: fine }, /expected one of --password and --password-file/],
    [{ passwordFile: long }, /^--password-file: cannot read .*: it has over 4096 bytes$/],
    [{ passwordFile: binary }, /^--password-file: cannot read /],
    [{ passwordFile: `${fine}-not` }, /^--password-file: cannot read /],
    [{}, /^expected QPQ_PASSWORD, or --password-file: this is no terminal to ask at$/],
  ];
  await around({}, async () => {
    for (const [options, message] of mistakes) {
      await assert.rejects(readPassword(options), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message);
        return true;
      });
    }
    assert.equal(await readGivenPassword({}), undefined);
    assert.equal(await readFormerPassword({}), undefined);
  });
  for (const path of paths) await Deno.remove(path);
});

Deno.test("chooseNewPassword() warns of weak ones, makes one on request, and not beside a given one", async () => {
  const choose = (options: PasswordOptions) => chooseNewPassword("new-password", options, "alice");
  for (
    const [weak, word] of [["1234567", "fewer than 8"], ["iloveyou", "tried first"], [
      "Alice",
      "account's name",
    ]] as const
  ) {
    const said = await around({ QPQ_NEW_PASSWORD: weak }, async () => {
      assert.deepEqual(await choose({}), { password: weak, isGenerated: false });
    });
    assert.ok(said.startsWith("qpq: warning: ") && said.includes(word), said);
  }
  const fine = { QPQ_NEW_PASSWORD: "correct horse battery" };
  assert.equal(await around(fine, async () => void await choose({})), "");
  await around({}, async () => {
    const { password, isGenerated } = await choose({ generate: true });
    assert.match(password, /^([a-z]{5}-){5}[a-z]{5}$/);
    assert.equal(isGenerated, true);
  });
  await around(fine, async () => {
    await assert.rejects(choose({ generate: true }), UsageError);
  });
});
