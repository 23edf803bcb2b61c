/** Stores of devices in memory: hardly a tenth of what it costs to open one on the disk. */
import type { Surroundings } from "@qpq/client";
import type { Store } from "@qpq/ports";
import { accountFolder } from "../../packages/client/account-store.ts";

/** What a client opens its store by. A file on the disk says that there is one, as a client expects. */
export function storesOpenedBy(
  open: () => Store,
): Pick<Surroundings, "createStore" | "openStore"> {
  const opened = () => Promise.resolve({ store: open(), openedBy: "present" } as const);
  return {
    createStore: (place) => {
      Deno.mkdirSync(accountFolder(place), { recursive: true });
      Deno.writeFileSync(`${accountFolder(place)}/client.db`, new Uint8Array());
      return opened();
    },
    openStore: opened,
  };
}
