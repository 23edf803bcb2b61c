import assert from "node:assert/strict";
import { encode } from "../codec/codec.ts";
import type { CipherSuite, CryptoProvider } from "../crypto/provider.ts";
import { epochAuthenticator, resumptionPsk } from "../group/application.ts";
import { mergeStaged } from "../group/create-commit.ts";
import type { OwnKeyPackage } from "../group/identity.ts";
import { joinGroup } from "../group/join.ts";
import type { FindPsks } from "../group/outcome.ts";
import { processMessage } from "../group/process-message.ts";
import type { GroupState } from "../group/state.ts";
import {
  epochFromJoinerSecret,
  isConfirmationTag,
  pskSecret,
  welcomeKeyAndNonce,
  welcomeSecret,
} from "../keys/key-schedule.ts";
import {
  decryptPrepared,
  keyPackageReference,
  prepareEncryption,
  verifyWithLabel,
} from "../labels.ts";
import { decodeMessage } from "../wire/framing.ts";
import { groupSecrets } from "../keys/group-secrets.ts";
import { groupInfo, groupInfoToBeSigned } from "../wire/group-info.ts";
import { keyPackage as keyPackageCodec } from "../wire/key-package.ts";
import type { PreSharedKeyId } from "../wire/proposal.ts";
import { assertBytes, type Entry, padded } from "./entry.ts";
import { decodeWhole } from "./messages.ts";

/** Opens a Welcome by hand: these vectors come without a tree to join. */
export async function checkWelcome(entry: Entry, provider: CryptoProvider): Promise<void> {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const decoded = decodeMessage(entry.hex("welcome"));
  assert.ok(decoded.kind === "welcome");
  const { welcome } = decoded;
  const { reference } = ownKeyPackage(crypto, entry.hex("key_package"));
  const own = welcome.secrets.find(({ newMember }) => newMember.toHex() === reference.toHex());
  assert.ok(own !== undefined, "the Welcome is for this key package");
  const info = prepareEncryption(crypto, "Welcome", welcome.encryptedGroupInfo);
  const opened = await decryptPrepared(crypto, entry.hex("init_priv"), {
    info,
    ...own.encryptedGroupSecrets,
  });
  assert.ok(opened !== undefined, "the group secrets decrypt");
  const { joinerSecret } = decodeWhole(groupSecrets, opened);
  const noPsk = pskSecret(crypto, []);
  const { key, nonce } = welcomeKeyAndNonce(crypto, welcomeSecret(crypto, joinerSecret, noPsk));
  const text = crypto.aeadOpen({
    key,
    nonce,
    additionalData: new Uint8Array(),
    text: welcome.encryptedGroupInfo,
  });
  assert.ok(text !== undefined, "the group info decrypts");
  const described = decodeWhole(groupInfo, text);
  const isSigned = verifyWithLabel(crypto, entry.hex("signer_pub"), {
    label: "GroupInfoTBS",
    content: groupInfoToBeSigned(described),
    signature: described.signature,
  });
  assert.ok(isSigned, "the group info is signed");
  const context = described.groupContext;
  const { secrets } = epochFromJoinerSecret(crypto, { joinerSecret, pskSecret: noPsk, context });
  assert.ok(isConfirmationTag(crypto, secrets, {
    confirmedTranscriptHash: context.confirmedTranscriptHash,
    tag: described.confirmationTag,
  }));
}

/** A client that joins by a Welcome and follows the group from then on. */
export async function checkPassiveClient(entry: Entry, provider: CryptoProvider): Promise<void> {
  const crypto = provider.cipherSuite(entry.number("cipher_suite"));
  const authenticate = async (entering: readonly unknown[]) => entering.map(() => true);
  const externalPsks = new Map(
    entry.objects("external_psks").map((each) => [each.text("psk_id"), each.hex("psk")]),
  );
  const resumptionPsks = new Map<string, Uint8Array>();
  const findPsks: FindPsks = async (ids) =>
    ids.map((id) =>
      id.kind === "external"
        ? externalPsks.get(id.pskId.toHex())
        : resumptionPsks.get(nameOfResumption(id))
    );
  const remember = (state: GroupState): void => {
    const { groupId: pskGroupId, epoch: pskEpoch } = state.context;
    resumptionPsks.set(nameOfResumption({ pskGroupId, pskEpoch }), resumptionPsk(state));
  };

  const unkeyed = ownKeyPackage(crypto, entry.hex("key_package"));
  const keyPackage: OwnKeyPackage = {
    ...unkeyed,
    initPrivateKey: padded(entry.hex("init_priv"), crypto.hpkePrivateKeyLength),
    encryptionPrivateKey: padded(entry.hex("encryption_priv"), crypto.hpkePrivateKeyLength),
    signaturePrivateKey: padded(entry.hex("signature_priv"), crypto.signaturePrivateKeyLength),
  };
  assertKeysFit(crypto, keyPackage);
  const ratchetTree = entry.optionalHex("ratchet_tree");
  const joined = await joinGroup(crypto, entry.hex("welcome"), {
    keyPackages: [keyPackage],
    authenticate,
    findPsks,
    ...(ratchetTree === undefined ? {} : { ratchetTree }),
  });
  let { state } = joined;
  assertBytes(epochAuthenticator(state), entry.hex("initial_epoch_authenticator"), "initial");
  remember(state);
  for (const epoch of entry.objects("epochs")) {
    for (const bytes of epoch.hexList("proposals")) {
      const outcome = await processMessage(state, bytes, { authenticate, findPsks });
      assert.ok(outcome.kind === "proposal", outcome.kind);
      state = outcome.state;
    }
    const outcome = await processMessage(state, epoch.hex("commit"), { authenticate, findPsks });
    assert.ok(outcome.kind === "commit-staged", outcome.kind);
    state = mergeStaged(outcome.state, outcome.staged);
    assertBytes(epochAuthenticator(state), epoch.hex("epoch_authenticator"), "epoch");
    remember(state);
  }
}

function nameOfResumption(
  id: Pick<Extract<PreSharedKeyId, { kind: "resumption" }>, "pskGroupId" | "pskEpoch">,
): string {
  return `${id.pskGroupId.toHex()}/${id.pskEpoch}`;
}

function ownKeyPackage(crypto: CipherSuite, message: Uint8Array) {
  const decoded = decodeMessage(message);
  assert.ok(decoded.kind === "key-package");
  const { keyPackage } = decoded;
  return {
    keyPackage,
    message: new Uint8Array(message),
    reference: keyPackageReference(crypto, encode(keyPackageCodec, keyPackage)),
  };
}

function assertKeysFit(crypto: CipherSuite, own: OwnKeyPackage): void {
  const { publicKey } = crypto.signatureKeyPair(own.signaturePrivateKey);
  assertBytes(publicKey, own.keyPackage.leafNode.signatureKey, "signature_priv");
}
