import assert from "node:assert/strict";
import { MessengerError } from "@qpq/ports";
import { UsageError } from "./output.ts";
import {
  chooseNewPassword,
  readFormerPassword,
  readGivenPassword,
  usePassword,
} from "./passwords.ts";
import type { PasswordOptions } from "./secret-options.ts";

const OWNER = { name: "alice", address: "127.0.0.1:7000" };

function readPassword(options: PasswordOptions): Promise<string> {
  return usePassword(options, OWNER, (password) => Promise.resolve(password));
}

/**
 * Runs with these variables, and with somebody at a terminal only where there is something typed.
 * @returns what was said on standard error
 */
async function around(
  environment: Readonly<Record<string, string>>,
  run: () => Promise<void>,
  typed: readonly string[] = [],
): Promise<string> {
  const { isTerminal, read, setRaw } = Deno.stdin;
  const { writeSync } = Deno.stderr;
  let said = "";
  const lines = [...typed];
  Deno.stdin.isTerminal = () => typed.length > 0;
  Deno.stdin.setRaw = () => {};
  Deno.stdin.read = (buffer) => {
    const line = lines.shift();
    if (line === undefined) return Promise.resolve(null);
    return Promise.resolve(new TextEncoder().encodeInto(`${line}\r`, buffer).written);
  };
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
    Object.assign(Deno.stdin, { isTerminal, read, setRaw });
    Deno.stderr.writeSync = writeSync;
  }
}

async function secretFile(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const path = await Deno.makeTempFile();
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await Deno.writeFile(path, bytes);
  return path;
}

Deno.test("usePassword() takes what was typed over a variable, a file's first line over it, too", async () => {
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

Deno.test("usePassword() refuses two sources, files that are none, and to ask nobody", async () => {
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
  const choose = (options: PasswordOptions) => chooseNewPassword("new-password", options, OWNER);
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

Deno.test("usePassword() asks whose it is, and again after a mistake, three times in all", async () => {
  for (const code of ["store/wrong-password", "accounts/login-refused"] as const) {
    const tried: string[] = [];
    const open = (password: string): Promise<string> => {
      tried.push(password);
      const isRight = password === "right";
      return isRight ? Promise.resolve("open") : Promise.reject(new MessengerError(code, "wrong"));
    };
    const said = await around({}, async () => {
      assert.equal(await usePassword({}, OWNER, open), "open");
    }, ["wrnog", "wrong", "right"]);
    assert.deepEqual(tried, ["wrnog", "wrong", "right"]);
    assert.equal(said.match(/Password of alice at 127\.0\.0\.1:7000: /g)?.length, 3);
    assert.doesNotMatch(said, /wrnog|right/);
    await around({}, async () => {
      await assert.rejects(usePassword({}, OWNER, open), { code });
    }, ["1", "2", "3", "right"]);
    assert.equal(tried.length, 6);
    // Nobody types it a second time for a script.
    await around({ QPQ_PASSWORD: "1" }, async () => {
      await assert.rejects(usePassword({}, OWNER, open), { code });
    }, ["right"]);
    assert.equal(tried.length, 7);
  }
});

Deno.test("usePassword() asks again after a mistake, and after nothing else", async () => {
  let tries = 0;
  await around({}, async () => {
    await assert.rejects(
      usePassword({}, OWNER, () => {
        tries++;
        return Promise.reject(new MessengerError("store/in-use", "in use"));
      }),
      { code: "store/in-use" },
    );
  }, ["right", "right"]);
  assert.equal(tries, 1);
});
