/** The directory: what an account's devices know of its conversations and peers, kept by the server. */
import type { CallOptions } from "@qpq/capnp";
import { MessengerError, type Random, type Store } from "@qpq/ports";
import {
  accountsClient,
  decodeDirectoryContent,
  decodeStoredOwnAccount,
  type DirectoryContent,
  encodeDirectoryContent,
  encodeStoredOwnAccount,
  encodeVaultContext,
  type StoredOwnAccount,
} from "./accounts.gen.ts";
import type { Home } from "./home.ts";
import { OWN_ACCOUNT_KEY } from "./keys.ts";
import type { Primitives } from "./primitives.ts";
import { openSealed, seal } from "./sealed.ts";

const DIRECTORY_LABEL = "qpq/1 directory";

/** Bytes of an encoded directory are rounded up to a multiple of this: its size says little. */
const PADDING_BYTES = 4_096;
/** Bytes of a directory's content, encoded, at most. */
export const DIRECTORY_CONTENT_BYTES_MAX = 520_188;

export interface Directory {
  /** 0 when none was written yet. */
  readonly version: number;
  readonly content: DirectoryContent;
}

export interface DirectoryOptions extends CallOptions {
  readonly store: Store;
  readonly primitives: Primitives;
}

/**
 * The newest directory, which this store then remembers: nothing older is accepted again.
 * @throws MessengerError `accounts/directory-refused`: changed, swapped, or under a newer directory
 *   key (log in with the password); `accounts/directory-rolled-back`; `accounts/unknown`: the store
 *   has no account
 */
export async function readDirectory(home: Home, options: DirectoryOptions): Promise<Directory> {
  const { store, primitives, ...call } = options;
  const own = await requireOwnAccount(store);
  const { version, sealed } = await accountsClient(home).readDirectory({}, call);
  requireNewerDirectory(version, own.directoryVersion);
  const content = openDirectory(own, { version, sealed }, primitives);
  if (version === 0) return { version, content };
  await rememberDirectoryVersion(store, version);
  return { version, content };
}

/**
 * Replaces the directory. Read, change, write; on `accounts/version-conflict` another device was
 * first: again from the start.
 * @param directory.version of the one that was read
 * @param directory.above the new version is above that, too: after a restore of the server
 * @returns the new version
 * @throws MessengerError `accounts/version-conflict`, `too-large`
 */
export async function writeDirectory(
  home: Home,
  directory: Directory & { readonly above?: number },
  options: DirectoryOptions & { readonly random: Random },
): Promise<number> {
  const { store, primitives: _, random: __, ...call } = options;
  const own = await requireOwnAccount(store);
  const { version: replaces, above = 0 } = directory;
  const version = Math.max(replaces, above) + 1;
  const sealed = sealDirectory(own, { version, content: directory.content }, options);
  await accountsClient(home).writeDirectory({ version, sealed, replaces }, call);
  await rememberDirectoryVersion(store, version);
  return version;
}

/** @throws MessengerError `accounts/directory-rolled-back`: the server gave a newer one before */
export function requireNewerDirectory(version: number, seen: number): void {
  if (version >= seen) return;
  throw new MessengerError(
    "accounts/directory-rolled-back",
    `Cannot read directory: version ${version}, but ${seen} was seen before`,
  );
}

/** Whose a directory is, and the key that it is under. */
export interface DirectoryOwner {
  readonly accountId: Uint8Array;
  readonly serverName: string;
  readonly directoryKey: Uint8Array;
}

/** @returns what is written under that version. @throws MessengerError `too-large` */
export function sealDirectory(
  owner: DirectoryOwner,
  { version, content }: Directory,
  { primitives, random }: { readonly primitives: Primitives; readonly random: Random },
): Uint8Array {
  return seal(primitives, owner.directoryKey, {
    label: DIRECTORY_LABEL,
    associatedData: directoryContext(owner, version),
    plaintext: pad(encodeDirectoryContent(content)),
    random,
  });
}

/** Version 0 is empty. @throws MessengerError `accounts/directory-refused` */
export function openDirectory(
  owner: DirectoryOwner,
  { version, sealed }: { readonly version: number; readonly sealed: Uint8Array },
  primitives: Primitives,
): DirectoryContent {
  if (version === 0) return { conversations: [], pins: [] };
  const padded = openSealed(primitives, owner.directoryKey, {
    label: DIRECTORY_LABEL,
    associatedData: directoryContext(owner, version),
    sealed,
  });
  const content = padded === undefined ? undefined : unpad(padded);
  if (content !== undefined) return content;
  throw new MessengerError("accounts/directory-refused", "Cannot read directory: wrong key");
}

async function requireOwnAccount(store: Store): Promise<StoredOwnAccount> {
  const stored = await store.snapshot((reader) => reader.get(OWN_ACCOUNT_KEY));
  if (stored === undefined) {
    throw new MessengerError("accounts/unknown", "Cannot use directory: no account here");
  }
  return decodeStoredOwnAccount(stored);
}

/** From then on nothing older is accepted. */
export async function rememberDirectoryVersion(store: Store, version: number): Promise<void> {
  await store.transaction(async (transaction) => {
    const stored = await transaction.get(OWN_ACCOUNT_KEY);
    if (stored === undefined) return;
    const own = decodeStoredOwnAccount(stored);
    if (own.directoryVersion >= version) return;
    transaction.put(
      OWN_ACCOUNT_KEY,
      encodeStoredOwnAccount({ ...own, directoryVersion: version }),
    );
  });
}

function directoryContext({ accountId, serverName }: DirectoryOwner, version: number) {
  return encodeVaultContext({ accountId, serverName, version });
}

/** Four bytes of length, the frame, zeros. */
function pad(frame: Uint8Array): Uint8Array {
  if (frame.length > DIRECTORY_CONTENT_BYTES_MAX) {
    throw new MessengerError(
      "too-large",
      `Cannot write directory: ${frame.length} bytes, at most ${DIRECTORY_CONTENT_BYTES_MAX}`,
    );
  }
  const padded = new Uint8Array(Math.ceil((frame.length + 4) / PADDING_BYTES) * PADDING_BYTES);
  new DataView(padded.buffer).setUint32(0, frame.length);
  padded.set(frame, 4);
  return padded;
}

function unpad(padded: Uint8Array): DirectoryContent | undefined {
  if (padded.length < 4) return undefined;
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  if (length > padded.length - 4 || padded.subarray(4 + length).some((byte) => byte !== 0)) {
    return undefined;
  }
  return decodeDirectoryContent(padded.subarray(4, 4 + length), {
    bytesMax: DIRECTORY_CONTENT_BYTES_MAX,
  });
}
