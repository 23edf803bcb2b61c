import { testStoreContract } from "./store-contract.ts";
import { openSqliteStore } from "./store-sqlite.ts";

const CONTRACT = { steps: 120, seeds: [1] };

for (const key of [undefined, crypto.getRandomValues(new Uint8Array(32))]) {
  testStoreContract(`store-sqlite ${key ? "encrypted" : "plain"}`, async () => {
    const folder = await Deno.makeTempDir();
    return {
      open: () =>
        openSqliteStore({
          path: `${folder}/db`,
          create: true,
          ...(key === undefined ? {} : { key }),
        }),
      durable: true,
      dispose: () => Deno.remove(folder, { recursive: true }),
    };
  }, CONTRACT);
}
