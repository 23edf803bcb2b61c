import type { CipherSuite, CryptoProvider } from "../crypto/provider.ts";

/** How many operations of the provider were called: work that can be counted, unlike time. */
export interface WorkCounter {
  operations: number;
}

const COUNTED = [
  "hash",
  "hmac",
  "hkdfExtract",
  "hkdfExpand",
  "aeadSeal",
  "aeadOpen",
  "aeadSealing",
  "aeadOpening",
  "sign",
  "verify",
  "deriveKeyPair",
  "generateHpkeKeyPair",
  "hpkeSeal",
  "hpkeOpen",
  "hpkeExportSender",
  "hpkeExportReceiver",
] as const satisfies readonly (keyof CipherSuite)[];

/** The same provider, every operation counted. */
export function countingProvider(inner: CryptoProvider, counter: WorkCounter): CryptoProvider {
  const suites = new Map<number, CipherSuite>();
  return {
    cipherSuites: inner.cipherSuites,
    cipherSuite(id) {
      const suite = suites.get(id) ?? countingSuite(inner.cipherSuite(id), counter);
      suites.set(id, suite);
      return suite;
    },
  };
}

function countingSuite(inner: CipherSuite, counter: WorkCounter): CipherSuite {
  const counted: Record<string, (...parameters: never[]) => unknown> = {};
  for (const name of COUNTED) {
    const operation = inner[name] as (...parameters: never[]) => unknown;
    counted[name] = (...parameters) => {
      counter.operations++;
      return operation(...parameters);
    };
  }
  return { ...inner, ...counted };
}
