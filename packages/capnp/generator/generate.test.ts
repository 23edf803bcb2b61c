import assert from "node:assert/strict";
import { runTool, testWithTool } from "../test/reference-tool.ts";
import { generateFile } from "./generate.ts";
import { decodeRequest } from "./request.ts";
import { SchemaError } from "./schema.ts";

/** Lines of a schema, each refused; what stands there instead of a field compiles. */
const REFUSED: readonly (readonly [string, RegExp, string])[] = [
  ["$max on a number", /S\.a: \$max fits/, "struct S { a @0 :UInt32 $Qpq.max(3); }"],
  ["$max on a struct", /S\.a: \$max fits/, "struct S { a @0 :T $Qpq.max(3); } struct T {}"],
  ["$itemMax on a Text", /\$itemMax fits/, "struct S { a @0 :Text $Qpq.itemMax(3); }"],
  ["$itemMax on numbers", /\$itemMax fits/, "struct S { a @0 :List(Int8) $Qpq.itemMax(3); }"],
  ["$optional on a number", /\$optional fits/, "struct S { a @0 :UInt8 $Qpq.optional; }"],
  [
    "$optional with a default",
    /exclude each other/,
    'struct S { a @0 :Text = "x" $Qpq.optional; }',
  ],
  ["$safeInteger on 32 bits", /\$safeInteger fits/, "struct S { a @0 :Int32 $Qpq.safeInteger; }"],
  [
    "$safeInteger with a default",
    /exclude each other/,
    "struct S { a @0 :UInt64 = 5 $Qpq.safeInteger; }",
  ],
  ["AnyPointer", /AnyPointer are not supported/, "struct S { a @0 :AnyPointer; }"],
  [
    "a capability in a struct",
    /capabilities/,
    "struct S { a @0 :I; } interface I @0x9999aaaabbbbcccc {}",
  ],
  ["a generic struct", /generics/, "struct S(T) { a @0 :T; }"],
  ["a list with a default", /defaults of lists/, "struct S { a @0 :List(Int8) = [1]; }"],
  [
    "a struct with a default",
    /defaults of lists/,
    "struct S { a @0 :T = (b = 1); } struct T { b @0 :Int8; }",
  ],
  ["a struct that holds itself", /S: contains itself/, "struct S { a @0 :S; }"],
  [
    "structs that hold each other",
    /contains itself/,
    "struct S { a @0 :T; } struct T { b @0 :S; }",
  ],
  [
    "a struct that holds itself as the first member of a union",
    /S: contains itself/,
    "struct S { union { a @0 :S; b @1 :Void; } }",
  ],
  ["an enumerant unknown", /"unknown" is taken/, "enum E { unknown @0; }"],
  [
    "a member unknown",
    /"unknown" is taken/,
    "struct S { union { unknown @0 :Void; b @1 :Void; } }",
  ],
  [
    "a field that is the union's tag",
    /"kind" is taken/,
    "struct S { kind @0 :UInt8; union { a @1 :Void; b @2 :Void; } }",
  ],
  ["a type that generated code uses", /Method is taken/, "struct Method {}"],
  ["two types of one name", /SInner is taken/, "struct S { struct Inner {} } struct SInner {}"],
  ["an interface without an id", /I: its id is on the wire/, "interface I {}"],
  [
    "an interface that extends another",
    /superclasses/,
    "interface I @0x9999aaaabbbbcccc extends(J) {} interface J @0x9999aaaabbbbcccd {}",
  ],
  [
    "$large above FRAME_BYTES_MAX",
    /I\.m: \$large above/,
    "interface I @0x9999aaaabbbbcccc { m @0 () -> () $Qpq.large(paramsBytesMax = 67108865); }",
  ],
];

for (const [what, message, schema] of REFUSED) {
  testWithTool(`generateFile() refuses ${what}`, async () => {
    await assert.rejects(generated(schema), (error) => {
      assert.ok(error instanceof SchemaError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}

testWithTool("generateFile() takes a struct that holds itself where null ends it", async () => {
  const text = await generated(`struct S {
    optional @0 :S $Qpq.optional;
    list @1 :List(S);
    union { none @2 :Void; some @3 :S; }
  }`);
  assert.match(text, /export function decodeS\(/);
});

testWithTool("generateFile() puts the schema's comments on types, fields and methods", async () => {
  const text = await generated(`struct S {
    # Said of S, */ twice.
    a @0 :Text;
    # Said of a.
  }
  interface I @0x9999aaaabbbbcccc {
    m @0 S -> S;
    # Said of m.
  }`);
  for (const line of ["/** Said of S, * / twice. */", "/** Said of a. */", "/** Said of m. */"]) {
    assert.ok(text.includes(line), line);
  }
});

testWithTool("generateFile() gives each Text, Data and List a limit", async () => {
  const text = await generated(`struct S {
    a @0 :Text;
    b @1 :Data;
    c @2 :List(List(Text));
    d @3 :List(Data) $Qpq.max(2) $Qpq.itemMax(20000);
  }`);
  assert.match(text, /reader\.text\(pointers, end, TEXT_BYTES_MAX, "S\.a"\)/);
  assert.match(text, /reader\.bytes\(pointers \+ 8, end, DATA_BYTES_MAX, "S\.b"\)/);
  assert.match(text, /readListOfListOfText\(.*, LIST_ITEMS_MAX, LIST_ITEMS_MAX, depth, "S\.c"\)/);
  assert.match(text, /readListOfData\(.*, 2, 20_000, depth, "S\.d"\)/);
  assert.match(
    text,
    /readListOfText\(reader, at, at \+ 8, itemMax, TEXT_BYTES_MAX, depth \+ 1, field\)/,
  );
});

async function generated(body: string): Promise<string> {
  const source = `@0x8877665544332211;\nusing Qpq = import "/qpq.capnp";\n${body}\n`;
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/schema.capnp`;
    await Deno.writeTextFile(path, source);
    const args = ["compile", "-Ischema", `--src-prefix=${folder}`, "-o-", path];
    const compiled = await runTool(args);
    const joined = ["convert", "--segment-size=100000", "binary:binary"];
    const request = decodeRequest(await runTool(joined, compiled));
    const [file] = request.files;
    assert.ok(file !== undefined);
    return generateFile(request, file, { source, runtime: "runtime", importOf: () => "other" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
