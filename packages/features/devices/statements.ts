/** What account keys sign about devices: made and verified here, by clients and servers alike. */
import { MessengerError } from "@qpq/ports";
import { decodeAccountKeyChange, type Signed } from "../accounts/accounts.gen.ts";
import {
  type AccountId,
  type AccountName,
  type DeviceId,
  parseAccountId,
  parseAccountName,
  parseDeviceId,
} from "../accounts/names.ts";
import type { Primitives } from "../accounts/primitives.ts";
import { LABELS, openStatement, sameBytes, type StatementKind } from "../accounts/signed.ts";
import {
  decodeDeviceCertificate,
  decodeDeviceList,
  type DeviceCertificate,
  type DeviceList,
  encodeSessionProof,
} from "./devices.gen.ts";

/** How far the counter of a list may be ahead of the last one that was seen. */
export const COUNTER_STEP_MAX = 1_000;

const CERTIFICATE: StatementKind<DeviceCertificate> = {
  label: LABELS.deviceCertificate,
  decode: decodeDeviceCertificate,
  code: "devices/bad-certificate",
};

const LIST: StatementKind<DeviceList> = {
  label: LABELS.deviceList,
  decode: decodeDeviceList,
  code: "devices/bad-list",
};

/** A device whose certificate was found good. */
export interface CertifiedDevice {
  readonly accountId: AccountId;
  readonly accountName: AccountName;
  /** Of the server that the account is on. */
  readonly serverName: string;
  readonly deviceId: DeviceId;
  /** Ed25519, 32 bytes. */
  readonly signatureKey: Uint8Array;
  readonly generation: number;
  /** By the clock of the device that signed. */
  readonly issuedAtMs: number;
  readonly certificate: Signed;
}

/** A device list that was found good, with its devices in its order. */
export interface CertifiedList {
  readonly counter: number;
  readonly generation: number;
  readonly issuedAtMs: number;
  /** SHA-256 of the statement. */
  readonly hash: Uint8Array;
  readonly signed: Signed;
  readonly devices: readonly CertifiedDevice[];
}

/** @throws MessengerError `devices/bad-certificate` */
export function verifyCertificate(
  primitives: Primitives,
  accountKey: Uint8Array,
  certificate: Signed,
): CertifiedDevice {
  const said = openStatement(primitives, certificate, { publicKey: accountKey, kind: CERTIFICATE });
  const refuse = (state: string): never => {
    throw new MessengerError("devices/bad-certificate", `Cannot accept certificate: ${state}`);
  };
  if (!primitives.isSignaturePublicKey(said.signatureKey)) refuse("its key is not one");
  if (said.generation < 1) refuse("generations count from 1");
  try {
    const accountName = parseAccountName(said.accountName);
    if (accountName !== said.accountName) refuse("its name is not folded");
    return {
      accountId: parseAccountId(said.accountId),
      accountName,
      serverName: said.serverName,
      deviceId: parseDeviceId(said.deviceId),
      signatureKey: said.signatureKey,
      generation: said.generation,
      issuedAtMs: said.issuedAtMs,
      certificate,
    };
  } catch (cause) {
    if (cause instanceof MessengerError && cause.code === "devices/bad-certificate") throw cause;
    throw new MessengerError("devices/bad-certificate", "Cannot accept certificate: malformed", {
      cause,
    });
  }
}

/**
 * A list with its certificates, in the same order: each is of the account, of the list's generation,
 * and none is missing, added or there twice.
 * @throws MessengerError `devices/bad-list`, `devices/bad-certificate`
 */
export function verifyList(
  primitives: Primitives,
  { accountId, name, serverName, accountKey, list, certificates }: {
    readonly accountId: AccountId;
    readonly name: AccountName;
    readonly serverName: string;
    readonly accountKey: Uint8Array;
    readonly list: Signed;
    readonly certificates: readonly Signed[];
  },
): CertifiedList {
  const said = openStatement(primitives, list, { publicKey: accountKey, kind: LIST });
  const isOf = (account: Pick<DeviceList, "accountId" | "accountName" | "serverName">) =>
    sameBytes(account.accountId, accountId) && account.accountName === name &&
    account.serverName === serverName;
  requireList(isOf(said), "it is another account's");
  requireList(said.counter >= 1 && said.generation >= 1, "its numbers count from 1");
  requireList(said.devices.length === certificates.length, "certificates are missing or too many");
  const devices = certificates.map((certificate, index) => {
    const device = verifyCertificate(primitives, accountKey, certificate);
    const listed = said.devices[index];
    requireList(
      listed !== undefined && sameBytes(listed.deviceId, device.deviceId) &&
        sameBytes(listed.certificateHash, primitives.hash(certificate.statement)),
      "a certificate is not the listed one",
    );
    requireList(isOf(device), "a certificate is another account's");
    requireList(device.generation === said.generation, "a certificate is of another generation");
    return device;
  });
  const ids = new Set(devices.map(({ deviceId }) => deviceId.toHex()));
  const keys = new Set(devices.map(({ signatureKey }) => signatureKey.toHex()));
  requireList(
    ids.size === devices.length && keys.size === devices.length,
    "a device is there twice",
  );
  return {
    counter: said.counter,
    generation: said.generation,
    issuedAtMs: said.issuedAtMs,
    hash: primitives.hash(list.statement),
    signed: list,
    devices,
  };
}

/**
 * The new key that the old one signed.
 * @throws MessengerError `accounts/bad-signature`
 */
export function verifyKeyChange(
  primitives: Primitives,
  { accountId, serverName, accountKey, change }: {
    readonly accountId: AccountId;
    readonly serverName: string;
    readonly accountKey: Uint8Array;
    readonly change: Signed;
  },
): Uint8Array {
  const said = openStatement(primitives, change, {
    publicKey: accountKey,
    kind: {
      label: LABELS.accountKeyChange,
      decode: decodeAccountKeyChange,
      code: "accounts/bad-signature",
    },
  });
  const isThis = sameBytes(said.accountId, accountId) && said.serverName === serverName &&
    sameBytes(said.oldKey, accountKey) &&
    primitives.isSignaturePublicKey(said.newKey) && !sameBytes(said.newKey, said.oldKey);
  if (!isThis) {
    throw new MessengerError("accounts/bad-signature", "Cannot accept key change: not of this key");
  }
  return said.newKey;
}

/** What a device signs to show itself in a session: the server's nonce and name. */
export function sessionProof(
  session: { readonly nonce: Uint8Array },
  serverName: string,
): { readonly label: typeof LABELS.sessionProof; readonly statement: Uint8Array } {
  return {
    label: LABELS.sessionProof,
    statement: encodeSessionProof({ nonce: session.nonce, serverName }),
  };
}

function requireList(isGood: boolean, state: string): asserts isGood {
  if (!isGood) throw new MessengerError("devices/bad-list", `Cannot accept device list: ${state}`);
}
