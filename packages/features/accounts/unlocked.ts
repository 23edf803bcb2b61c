import { MessengerError, type Random } from "@qpq/ports";
import {
  decodeVaultContent,
  encodeAccountDeletion,
  encodeVaultContent,
  encodeVaultContext,
  encodeVaultWrite,
  type Signed,
  type VaultContent,
} from "./accounts.gen.ts";
import type { AccountId, AccountName } from "./names.ts";
import { type Primitives, SIGNATURE_KEY_BYTES } from "./primitives.ts";
import { openSealed, seal } from "./sealed.ts";
import { type Label, LABELS, sameBytes, signStatement } from "./signed.ts";

const VAULT_LABEL = "qpq/1 vault";
export const DIRECTORY_KEY_BYTES = 32;

/** An account as everybody may know it. */
export interface AccountIdentity {
  readonly accountId: AccountId;
  readonly name: AccountName;
  readonly serverName: string;
  /** Ed25519, 32 bytes. */
  readonly accountKey: Uint8Array;
}

/** A vault that is ready to be written, with what it says once the server has it. */
export interface PreparedVault {
  readonly vault: Uint8Array;
  readonly write: Signed;
  readonly content: VaultContent;
  readonly version: number;
  readonly exportKey: Uint8Array;
}

/**
 * An account whose vault is open: only while an operation that asked for the password runs. Disposing
 * overwrites its keys.
 */
export class UnlockedAccount implements Disposable {
  readonly #primitives: Primitives;
  #identity: AccountIdentity;
  #exportKey: Uint8Array;
  #content: VaultContent;
  #version: number;

  private constructor(
    primitives: Primitives,
    opened: {
      readonly identity: AccountIdentity;
      readonly exportKey: Uint8Array;
      readonly content: VaultContent;
      readonly version: number;
    },
  ) {
    this.#primitives = primitives;
    this.#identity = opened.identity;
    this.#exportKey = opened.exportKey;
    this.#content = opened.content;
    this.#version = opened.version;
  }

  /** A new account's, with keys of its own; nothing of it is anywhere else yet. Version 0. */
  static create(
    primitives: Primitives,
    account: Omit<AccountIdentity, "accountKey"> & {
      readonly exportKey: Uint8Array;
      readonly random: Random;
    },
  ): UnlockedAccount {
    const { accountId, name, serverName, exportKey, random } = account;
    const pair = primitives.generateSignatureKeyPair(random);
    return new UnlockedAccount(primitives, {
      identity: { accountId, name, serverName, accountKey: pair.publicKey },
      exportKey,
      content: {
        accountKeySeed: pair.privateKey,
        directoryKey: random.bytes(DIRECTORY_KEY_BYTES),
        generation: 1,
        listCounter: 0,
      },
      version: 0,
    });
  }

  /**
   * Opens what the server gave, trusting none of it.
   * @param account.exportKey taken over: overwritten when this is disposed, or at once on refusal
   * @throws MessengerError `accounts/vault-refused`
   */
  static open(
    primitives: Primitives,
    account: AccountIdentity & {
      readonly exportKey: Uint8Array;
      readonly vault: Uint8Array;
      readonly version: number;
    },
  ): UnlockedAccount {
    const { exportKey, vault, version, ...identity } = account;
    try {
      const content = openVault(primitives, { ...identity, exportKey, vault, version });
      return new UnlockedAccount(primitives, { identity, exportKey, content, version });
    } catch (error) {
      exportKey.fill(0);
      throw error;
    }
  }

  get identity(): AccountIdentity {
    return this.#identity;
  }

  /** Of the vault. */
  get version(): number {
    return this.#version;
  }

  /** Of the certificates that are in force. */
  get generation(): number {
    return this.#content.generation;
  }

  /** Of the newest device list. */
  get listCounter(): number {
    return this.#content.listCounter;
  }

  /** 32 bytes; the caller's own copy. */
  get directoryKey(): Uint8Array<ArrayBuffer> {
    return this.#content.directoryKey.slice();
  }

  /** @param statement the frame that travels with the signature */
  sign(label: Label, statement: Uint8Array): Signed {
    return signStatement(this.#primitives, this.#content.accountKeySeed, { label, statement });
  }

  signDeletion(): Signed {
    const { accountId, serverName } = this.#identity;
    return this.sign(
      LABELS.accountDeletion,
      encodeAccountDeletion({ accountId, version: this.#version, serverName }),
    );
  }

  /**
   * Seals the next version. Call `written` when the server has it.
   * @param options.changes what it says otherwise than now
   * @param options.renewed for a new password: its export key, and its record for the signature
   */
  prepare(options: {
    readonly random: Random;
    readonly changes?: Partial<VaultContent>;
    /** Default: the next one. Higher after a restore of the server. */
    readonly version?: number;
    readonly renewed?: { readonly exportKey: Uint8Array; readonly record: Uint8Array };
  }): PreparedVault {
    const { accountId, serverName } = this.#identity;
    const version = options.version ?? this.#version + 1;
    const content = { ...this.#content, ...options.changes };
    const exportKey = options.renewed?.exportKey ?? this.#exportKey;
    const plaintext = encodeVaultContent(content);
    const vault = seal(this.#primitives, exportKey, {
      label: VAULT_LABEL,
      associatedData: encodeVaultContext({ accountId, serverName, version }),
      plaintext,
      random: options.random,
    });
    plaintext.fill(0);
    const record = options.renewed?.record;
    const statement = encodeVaultWrite({
      accountId,
      version,
      replaces: this.#version,
      serverName,
      vaultHash: this.#primitives.hash(vault),
      recordHash: record === undefined ? new Uint8Array() : this.#primitives.hash(record),
    });
    return {
      vault,
      write: this.sign(LABELS.vaultWrite, statement),
      content,
      version,
      exportKey,
    };
  }

  /** The server has accepted it. */
  written({ content, version, exportKey }: PreparedVault): void {
    if (content.accountKeySeed !== this.#content.accountKeySeed) {
      const { publicKey } = this.#primitives.signatureKeyPair(content.accountKeySeed);
      this.#identity = { ...this.#identity, accountKey: publicKey };
      this.#primitives.destroyKey(this.#content.accountKeySeed);
    }
    if (content.directoryKey !== this.#content.directoryKey) this.#content.directoryKey.fill(0);
    if (exportKey !== this.#exportKey) this.#exportKey.fill(0);
    this.#content = content;
    this.#version = version;
    this.#exportKey = exportKey;
  }

  /**
   * Takes over a newer vault, after another device has written one.
   * @throws MessengerError `accounts/vault-refused`, `accounts/vault-rolled-back`
   */
  reload(
    { accountKey, vault, version }: {
      readonly accountKey: Uint8Array;
      readonly vault: Uint8Array;
      readonly version: number;
    },
  ): void {
    requireNewer(version, this.#version);
    const identity = { ...this.#identity, accountKey };
    const content = openVault(this.#primitives, {
      ...identity,
      exportKey: this.#exportKey,
      vault,
      version,
    });
    this.#wipeContent();
    this.#identity = identity;
    this.#content = content;
    this.#version = version;
  }

  [Symbol.dispose](): void {
    this.#wipeContent();
    this.#exportKey.fill(0);
  }

  #wipeContent(): void {
    this.#primitives.destroyKey(this.#content.accountKeySeed);
    this.#content.directoryKey.fill(0);
  }
}

/** @throws MessengerError `accounts/vault-rolled-back`: the server gave a newer one before */
export function requireNewer(version: number, seen: number): void {
  if (version < seen) {
    throw new MessengerError(
      "accounts/vault-rolled-back",
      `Cannot open vault: version ${version}, but ${seen} was seen before`,
    );
  }
}

function openVault(
  primitives: Primitives,
  given: AccountIdentity & {
    readonly exportKey: Uint8Array;
    readonly vault: Uint8Array;
    readonly version: number;
  },
): VaultContent {
  const { accountId, serverName, accountKey, exportKey, vault, version } = given;
  const plaintext = openSealed(primitives, exportKey, {
    label: VAULT_LABEL,
    associatedData: encodeVaultContext({ accountId, serverName, version }),
    sealed: vault,
  });
  if (plaintext === undefined) throw vaultRefused("it does not open");
  // What decoding gives are views of the plaintext: copied, so that they can be wiped one by one.
  const read = decodeVaultContent(plaintext);
  const content = {
    ...read,
    accountKeySeed: read.accountKeySeed.slice(),
    directoryKey: read.directoryKey.slice(),
  };
  plaintext.fill(0);
  const isWhole = content.accountKeySeed.length === SIGNATURE_KEY_BYTES &&
    content.directoryKey.length === DIRECTORY_KEY_BYTES;
  if (!isWhole) throw vaultRefused("its keys are not whole");
  const { publicKey } = primitives.signatureKeyPair(content.accountKeySeed);
  if (!sameBytes(publicKey, accountKey)) {
    primitives.destroyKey(content.accountKeySeed);
    throw vaultRefused("the server gives another account key");
  }
  return content;
}

function vaultRefused(state: string): MessengerError {
  return new MessengerError("accounts/vault-refused", `Cannot open vault: ${state}`);
}
