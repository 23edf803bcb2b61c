import { createCryptoProvider } from "../crypto/runtime.ts";
import { HYBRID_CIPHER_SUITE } from "../crypto/suites.ts";
import { ownPassiveClient, ownStoredGroup } from "./own-groups.ts";
import { deterministicMlKem768 } from "./deterministic-ml-kem.ts";
import { ownCryptoBasics, ownKeySchedule, ownPskSecret, ownSecretTree } from "./own-primitives.ts";

/**
 * The vectors of our own making, by file name. The same text every time, so that a change of it in a
 * commit is a change of the protocol or of the stored form.
 */
export async function ownVectorFiles(): Promise<ReadonlyMap<string, string>> {
  const provider = createCryptoProvider(deterministicMlKem768());
  const hybrid = provider.cipherSuite(HYBRID_CIPHER_SUITE);
  const entries: Readonly<Record<string, readonly unknown[]>> = {
    "crypto-basics": [await ownCryptoBasics(hybrid)],
    "psk_secret": [ownPskSecret(hybrid)],
    "key-schedule": [await ownKeySchedule(hybrid)],
    "secret-tree": [ownSecretTree(hybrid)],
    "passive-client": [await ownPassiveClient(hybrid)],
    "stored-group": [
      await ownStoredGroup(provider.cipherSuite(0x0001)),
      await ownStoredGroup(hybrid),
    ],
  };
  return new Map(
    Object.entries(entries).map(([name, list]) => [
      `${name}.json`,
      `${JSON.stringify(list, undefined, 2)}\n`,
    ]),
  );
}
