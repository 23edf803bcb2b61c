import {
  acceptAll,
  type CiphersuiteName,
  type ClientState,
  createApplicationMessage,
  createCommit,
  createGroup,
  decodeGroupState,
  decodeMlsMessage,
  defaultCapabilities,
  defaultLifetime,
  emptyPskIndex,
  encodeGroupState,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  type MLSMessage,
  processMessage,
  type Proposal,
} from "ts-mls";
import type { Contender, Prepared } from "./contender.ts";

/** npm `ts-mls` as it is shipped: its default cryptography. */
export async function tsMlsContender(suiteName: CiphersuiteName): Promise<Contender> {
  const suite = await getCiphersuiteImpl(getCiphersuiteFromName(suiteName));
  const newPackage = (name: string) =>
    generateKeyPackage(
      { credentialType: "basic", identity: new TextEncoder().encode(name) },
      defaultCapabilities(),
      defaultLifetime,
      [],
      suite,
    );

  async function process(state: ClientState, bytes: Uint8Array) {
    const message = decode(bytes);
    if (
      message.wireformat !== "mls_private_message" && message.wireformat !== "mls_public_message"
    ) throw new Error("Not a message of a group");
    return await processMessage(message, state, emptyPskIndex, acceptAll, suite);
  }

  return {
    name: "ts-mls",
    keyPackage: () => newPackage("alice"),
    async prepare(memberCount): Promise<Prepared> {
      const first = await newPackage("first");
      const others: Awaited<ReturnType<typeof newPackage>>[] = [];
      for (let index = 1; index < memberCount; index++) {
        others.push(await newPackage(`member ${index}`));
      }
      const last = others.at(-1);
      if (last === undefined) throw new Error("A group has at least two members");
      let creator = await createGroup(
        Uint8Array.of(1, 2, 3),
        first.publicPackage,
        first.privatePackage,
        [],
        suite,
      );
      let joiner: ClientState | undefined;
      let welcomeBytes = new Uint8Array() as Uint8Array;
      let commitBytes = new Uint8Array() as Uint8Array;
      let saved = new Uint8Array() as Uint8Array;
      const sent: Uint8Array[] = [];
      const commit = async (extraProposals: Proposal[]): Promise<void> => {
        const created = await createCommit({ state: creator, cipherSuite: suite }, {
          extraProposals,
          ratchetTreeExtension: true,
        });
        creator = created.newState;
        commitBytes = encodeMlsMessage(created.commit);
        const { welcome } = created;
        if (welcome !== undefined) {
          welcomeBytes = encodeMlsMessage({
            version: "mls10",
            wireformat: "mls_welcome",
            welcome,
          });
        }
      };
      const joined = (): ClientState => {
        if (joiner === undefined) throw new Error("Nobody has joined");
        return joiner;
      };
      const processCommit = async (): Promise<void> => {
        joiner = (await process(joined(), commitBytes)).newState;
      };
      return {
        addAll: () =>
          commit(others.map(({ publicPackage }) => ({
            proposalType: "add",
            add: { keyPackage: publicPackage },
          }))),
        async join() {
          const message = decode(welcomeBytes);
          if (message.wireformat !== "mls_welcome") throw new Error("Not a Welcome");
          const { publicPackage, privatePackage } = last;
          joiner = await joinGroup(
            message.welcome,
            publicPackage,
            privatePackage,
            emptyPskIndex,
            suite,
          );
        },
        updateCreate: () => commit([]),
        updateProcess: processCommit,
        removeCreate: () => commit([{ proposalType: "remove", remove: { removed: 1 } }]),
        removeProcess: processCommit,
        async encrypt() {
          const { newState, privateMessage } = await createApplicationMessage(
            creator,
            MESSAGE,
            suite,
          );
          creator = newState;
          sent.push(encodeMlsMessage({
            version: "mls10",
            wireformat: "mls_private_message",
            privateMessage,
          }));
        },
        async decrypt() {
          const bytes = sent.shift();
          if (bytes === undefined) throw new Error("Nothing was sent");
          joiner = (await process(joined(), bytes)).newState;
        },
        async save() {
          saved = encodeGroupState(joined());
        },
        async load() {
          if (decodeGroupState(saved, 0) === undefined) throw new Error("Not a state");
        },
      };
    },
  };
}

const MESSAGE = new Uint8Array(100).fill(0x61);

function decode(bytes: Uint8Array): MLSMessage {
  const decoded = decodeMlsMessage(bytes, 0);
  if (decoded === undefined) throw new Error("Not a message");
  return decoded[0];
}
