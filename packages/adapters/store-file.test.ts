import { testStoreContract } from "./store-contract.ts";
import { openFileStore } from "./store-file.ts";

const FULL = Deno.env.get("QPQ_TEST_LEVEL") === "full";
const CONTRACT = FULL
  ? { steps: 2_000, seeds: [1, 2, 3, 4, 5, 6, 7, 8] }
  : { steps: 120, seeds: [1, 2] };

for (const key of [undefined, crypto.getRandomValues(new Uint8Array(32))]) {
  testStoreContract(`store-file ${key ? "encrypted" : "plain"}`, async () => {
    const folder = await Deno.makeTempDir();
    return {
      open: () =>
        openFileStore({
          path: `${folder}/log`,
          create: true,
          // Compacted again and again.
          compactionBytesMin: 4_096,
          ...(key === undefined ? {} : { key }),
        }),
      durable: true,
      dispose: () => Deno.remove(folder, { recursive: true }),
    };
  }, CONTRACT);
}
