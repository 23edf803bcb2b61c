/** Groups of certified devices, without server and store: for tests of what members take from each other. */
import { createSeededRandom } from "@qpq/adapters";
import {
  type CommitOptions,
  createCapabilities,
  createCommit,
  createGroup,
  createIdentity,
  createKeyPackage,
  type GroupState,
  HYBRID_CIPHER_SUITE,
  type Identity,
  joinGroup,
  membersOf,
  mergeStaged,
  type Outcome,
  processMessage,
  type Proposal,
  runtimeCryptoProvider,
} from "@qpq/mls";
import { LABELS, signStatement } from "../../accounts/signed.ts";
import { makeCredential } from "../../devices/credential.ts";
import { encodeDeviceCertificate } from "../../devices/devices.gen.ts";
import { primitives } from "../../test/world.ts";
import { encodeClaim } from "../claim.ts";
import {
  type CheckedContext,
  CONVERSATION_EXTENSION_TYPE,
  conversationExtension,
} from "../context.ts";
import { accountChanges, LeafDevices } from "../members.ts";
import { authenticateWith, policyOf } from "../rules.ts";

export const random = createSeededRandom(4711);
export const suite = runtimeCryptoProvider().cipherSuite(HYBRID_CIPHER_SUITE);
export const leaves = new LeafDevices(primitives, "example.org");
const authenticate = authenticateWith(leaves);
const NOW_MS = 1_700_000_000_000;
const LIFETIME = { notBefore: 1_699_990_000n, notAfter: 1_707_000_000n };

export interface TestAccount {
  readonly name: string;
  readonly accountId: Uint8Array;
  readonly keys: { readonly privateKey: Uint8Array; readonly publicKey: Uint8Array };
}

export function account(name: string, accountId: Uint8Array = random.bytes(16)): TestAccount {
  return { name, accountId, keys: primitives.generateSignatureKeyPair(random) };
}

/** A new device of the account, or another leaf of one. */
export function device(
  of: TestAccount,
  { deviceId = random.bytes(16), generation = 1, serverName = "example.org" }: {
    readonly deviceId?: Uint8Array;
    readonly generation?: number;
    readonly serverName?: string;
  } = {},
): Identity & { readonly deviceId: Uint8Array } {
  const signatureKeyPair = suite.generateSignatureKeyPair(random);
  const certificate = signStatement(primitives, of.keys.privateKey, {
    label: LABELS.deviceCertificate,
    statement: encodeDeviceCertificate({
      accountId: of.accountId,
      accountName: of.name,
      serverName,
      deviceId,
      signatureKey: signatureKeyPair.publicKey,
      generation,
      issuedAtMs: NOW_MS,
    }),
  });
  const identity = createIdentity(suite, {
    credential: { kind: "basic", identity: makeCredential(of.keys.publicKey, certificate) },
    signatureKeyPair,
    random,
    capabilities: createCapabilities({
      cipherSuites: [suite.id],
      credentials: [1],
      extensions: [CONVERSATION_EXTENSION_TYPE],
    }),
  });
  return { ...identity, deviceId };
}

export function keyPackageOf(identity: Identity) {
  return createKeyPackage(suite, { identity, lifetime: LIFETIME, random });
}

/** A group that the first device made, with the others in it. */
export async function groupOf(
  context: CheckedContext,
  [creator, ...others]: readonly [Identity, ...Identity[]],
): Promise<readonly GroupState[]> {
  const packages = await Promise.all(others.map(keyPackageOf));
  const state = await createGroup(suite, {
    identity: creator,
    lifetime: LIFETIME,
    random,
    extensions: [conversationExtension(context)],
  });
  const { staged, welcome } = await createCommit(state, {
    random,
    nowMs: NOW_MS,
    authenticate,
    proposals: packages.map(({ keyPackage }): Proposal => ({ kind: "add", keyPackage })),
  });
  const joined = await Promise.all(
    packages.map(async (keyPackage) =>
      (await joinGroup(suite, welcome as Uint8Array, { keyPackages: [keyPackage], authenticate }))
        .state
    ),
  );
  return [mergeStaged(state, staged), ...joined];
}

const NO_CHANGES = { added: [], removed: [] } as const;

/** Where the key of a forged commit has left its author: a state encrypts once. */
const newest = new WeakMap<GroupState, GroupState>();

/** A commit of who asks nobody's leave, with the claim that fits it unless another is given. */
export async function forgeCommit(
  state: GroupState,
  options: Partial<CommitOptions>,
): Promise<Uint8Array> {
  const proposals = options.proposals ?? [];
  const members = membersOf(await state.tree.load());
  const gone = new Set(proposals.flatMap((each) => each.kind === "remove" ? [each.removed] : []));
  const added = proposals.flatMap((each) => each.kind === "add" ? [each.keyPackage.leafNode] : []);
  const changes = options.authenticatedData !== undefined ? NO_CHANGES : accountChanges(
    leaves.accounts(members),
    leaves.accounts([
      ...members.filter(({ leafIndex }) => !gone.has(leafIndex)),
      ...added.map((leafNode, index) => ({ leafIndex: 1_000 + index, leafNode })),
    ]),
  );
  const created = await createCommit(newest.get(state) ?? state, {
    random,
    nowMs: NOW_MS,
    authenticate: (entering) => Promise.resolve(entering.map(() => true)),
    authenticatedData: claim(changes),
    ...options,
  });
  newest.set(state, created.state);
  return created.commit;
}

export function claim(
  { added, removed }: { readonly added: readonly string[]; readonly removed: readonly string[] },
): Uint8Array {
  return encodeClaim({
    entryId: random.bytes(16),
    added: added.map((id) => Uint8Array.fromHex(id)),
    removed: removed.map((id) => Uint8Array.fromHex(id)),
  });
}

/** What another member makes of it. */
export async function receive(state: GroupState, message: Uint8Array): Promise<Outcome> {
  return await processMessage(state, message, { authenticate, policy: policyOf(state, leaves) });
}
