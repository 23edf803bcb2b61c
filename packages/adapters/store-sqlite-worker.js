// Starts the thread in `store-sqlite-writer.ts`. In JavaScript, with a name made at run time, because the
// type checker would go through all that the thread imports again, at each start of one (0.8 s in tests).
// The writer is checked with the rest: `store-sqlite.ts` imports its types.
const writer = "store-sqlite-writer";
await import(new URL(`./${writer}.ts`, import.meta.url).href);
