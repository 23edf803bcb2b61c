/** What programs on top of the client keep in its encrypted store, each under a name of its own. */
import { MessengerError, type Store } from "@qpq/ports";
import { settingKey } from "./keys.ts";

/** Bytes of a setting's value. */
export const SETTING_BYTES_MAX = 65_536;
/** Bytes of a setting's name in UTF-8, at least 1. */
export const SETTING_NAME_BYTES_MAX = 64;

/** Small things that a program remembers between its runs; encrypted as all of the store is. */
export interface Settings {
  /** @returns the caller's own copy; `undefined` when nothing was written */
  read(name: string): Promise<Uint8Array | undefined>;
  /**
   * Resolves once it is durable.
   * @throws MessengerError `too-large`, `malformed`: the name; and what the store says
   */
  write(name: string, value: Uint8Array): Promise<void>;
}

export function settingsOf(store: Store): Settings {
  return {
    read: async (name) => {
      const key = keyOf(name);
      return await store.snapshot((snapshot) => snapshot.get(key));
    },
    write: async (name, value) => {
      const key = keyOf(name);
      if (value.length > SETTING_BYTES_MAX) {
        throw new MessengerError(
          "too-large",
          `Cannot keep setting: ${value.length} bytes, of at most ${SETTING_BYTES_MAX}`,
        );
      }
      await store.transaction((transaction) => {
        transaction.put(key, value);
        return Promise.resolve();
      });
    },
  };
}

function keyOf(name: string): Uint8Array {
  const { length } = new TextEncoder().encode(name);
  if (length < 1 || length > SETTING_NAME_BYTES_MAX) {
    throw new MessengerError(
      "malformed",
      `Cannot name setting: ${length} bytes, of 1 to ${SETTING_NAME_BYTES_MAX}`,
    );
  }
  return settingKey(name);
}
