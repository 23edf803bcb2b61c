import assert from "node:assert/strict";
import { TestTerminal } from "../test/terminal.ts";
import { Editor } from "./editor.ts";
import { InputHistory } from "./input-history.ts";
import { Screen } from "./screen.ts";

interface Typing {
  readonly lines: readonly string[];
  readonly terminal: TestTerminal;
  readonly history: InputHistory;
}

async function type(
  keys: readonly string[],
  { history = new InputHistory(), candidates = [], interrupt = () => false, suspend = () => {} }: {
    readonly history?: InputHistory;
    readonly candidates?: readonly string[];
    readonly interrupt?: () => boolean;
    readonly suspend?: (terminal: TestTerminal) => void;
  } = {},
): Promise<Typing> {
  const terminal = new TestTerminal();
  const screen = new Screen(terminal);
  screen.show({ prompt: [{ text: "> " }] });
  const rest = keys.map((text) => new TextEncoder().encode(text));
  const editor = new Editor({
    read: () => Promise.resolve(rest.shift() ?? null),
    screen,
    history,
    complete: (before) => ({ from: before.lastIndexOf(" ") + 1, candidates }),
    keeps: (line) => line.startsWith("/"),
    interrupt,
    suspend: () => suspend(terminal),
  });
  const lines: string[] = [];
  for await (const line of editor.lines()) lines.push(line);
  return { lines, terminal, history };
}

Deno.test("Editor gives lines as they are entered; commands stay on the screen, messages don't", async () => {
  const { lines, terminal } = await type(["hello\r/li", "st\r", "\r  \r", "left"]);
  assert.deepEqual(lines, ["hello", "/list"]);
  assert.deepEqual(terminal.lines, ["> /list"]);
});

Deno.test("Editor: Ctrl-C clears the line, twice leaves; another key between them doesn't", async () => {
  assert.deepEqual((await type(["gone\x03kept\r\x03a\x03b\r", "\x03", "\x03", "never\r"])).lines, [
    "kept",
    "b",
  ]);
  assert.deepEqual((await type(["gone\x03\x03never\r"])).lines, []);
});

Deno.test("Editor: Ctrl-C first ends what is under way, not the line being typed; a second one leaves", async () => {
  let running = 1;
  const typing = await type(["ke\x03pt\r\x03lost\x03", "\x03never\r"], {
    interrupt: () => running-- > 0,
  });
  assert.deepEqual(typing.lines, ["kept"]);
  const leaving = await type(["half\x03\x03", "never\r"], { interrupt: () => true });
  assert.deepEqual(leaving.lines, []);
});

Deno.test("Editor: Ctrl-Z leaves the terminal to others for a while, and goes on with the line", async () => {
  const seen: (readonly string[])[] = [];
  const { lines, terminal } = await type(["/be\x1agin\r"], {
    suspend: (stopped) => {
      seen.push(stopped.lines);
      stopped.write("$ fg\r\n");
    },
  });
  assert.deepEqual(lines, ["/begin"]);
  assert.deepEqual([...seen, terminal.lines], [[], ["$ fg", "> /begin"]]);
});

Deno.test("Editor: Ctrl-D leaves on an empty line, and erases on another", async () => {
  assert.deepEqual((await type(["ab\x1b[D\x04\r\x04never\r"])).lines, ["a"]);
});

Deno.test("Editor walks through what was typed, and back to the line begun", async () => {
  const history = new InputHistory(["one", "two"]);
  const up = "\x1b[A";
  const down = "\x1b[B";
  const typing = await type(
    [`begun${up}${up}\r`, `new${up}${up}${down}${down}\r`, `${up}${up}${up}${up}${up}\r`],
    { history },
  );
  assert.deepEqual(typing.lines, ["one", "new", "one"]);
  assert.deepEqual(history.lines, ["one", "two", "one", "new", "one"]);
});

Deno.test("Editor completes by Tab as far as it is certain, then shows what may be meant", async () => {
  const candidates = ["@alice", "@alan", "@bob"];
  const typing = await type(["/dm @a\t\tic\t\r", "/dm @b\t\r", "/dm @x\t\r"], { candidates });
  assert.deepEqual(typing.lines, ["/dm @alice ", "/dm @bob ", "/dm @x"]);
  assert.equal(typing.terminal.lines[0], "@alan  @alice");
  assert.equal(typing.terminal.bells, 1);
});

Deno.test("Editor keeps a paste of several lines as one message", async () => {
  const typing = await type(["\x1b[200~one\ntwo\x1b[201~\r"]);
  assert.deepEqual(typing.lines, ["one\ntwo"]);
});

Deno.test("InputHistory is stored by its settings, bounded, and opened again", async () => {
  const stored = new Map<string, Uint8Array>();
  const settings = {
    read: (name: string) => Promise.resolve(stored.get(name)),
    write: async (name: string, value: Uint8Array) => void stored.set(name, value),
  };
  const history = await InputHistory.open(settings);
  history.add("first");
  for (let index = 0; index < 600; index++) history.add(`${index} ${"é".repeat(200)}`);
  history.add("x".repeat(5_000));
  history.add("last");
  history.add("last");
  await history.saved();
  // A long one, pasted perhaps, comes back as long as the program runs.
  assert.equal(history.lines.at(-2)?.length, 5_000);
  const again = await InputHistory.open(settings);
  assert.equal(again.lines.at(-1), "last");
  assert.ok(again.lines.at(-2)?.startsWith("599 "));
  assert.ok(again.lines.length < 500 && again.lines.length >= 90);
  assert.ok([...stored.values()].every(({ length }) => length <= 65_536));
});
