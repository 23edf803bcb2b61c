/**
 * Every rule of validation in RFC 9420 §7.3, §10.1, §11 and §12 has a test that names it. The rules
 * are in the order of the text; each is followed by the name of its test, or of some of its tests.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

type Rules = readonly (readonly [rule: string, ...tests: readonly string[]])[];

const LEAF_NODES: Rules = [
  [
    "the credential is valid, as the authentication service says",
    "who joins by ${entry} authenticates all members and external senders",
    "the authentication service is asked once for all credentials that enter",
    "keeps no proposal whose credential is refused (§5.3.1)",
  ],
  ["the signature is valid", "§7.3: the leaf's signature is valid", "every leaf is signed"],
  [
    "it is compatible with required_capabilities",
    "a leaf lacks what required_capabilities ask (RFC 9420 §7.3, §11.1)",
    "a commit may bring a leaf that lacks required_capabilities (§7.3): refused",
    "asks each leaf for what the context requires (RFC 9420 §11.1, §13.4)",
  ],
  [
    "all members support its credential type",
    "§7.3: every member supports the credential types of all",
    "refuses members that lack a credential type in use (RFC 9420 §7.3)",
  ],
  ["it supports the credential types in use", "§7.3: a leaf supports the credential types in use"],
  ["its lifetime has begun and not ended", "mistake 6 (§7.3): an expired KeyPackage is refused"],
  ["its extensions are supported", "§7.3: the leaf's extensions are among its capabilities"],
  ["in a KeyPackage: its source", "§7.3: a leaf in a KeyPackage has the source key_package"],
  ["in an Update: its source", "§12.1.2: an Update has the source update"],
  [
    "in an Update: another encryption key",
    "§7.3: an Update has another encryption key than before",
  ],
  ["in a path: its source", "§12.4.2: the path's leaf has the source commit"],
  ["unique signature_key", "§7.3, §12.2: no Add of a member: signature_key is unique"],
  ["unique encryption_key", "§7.3: encryption_key is unique among the members"],
];

const KEY_PACKAGES: Rules = [
  ["the cipher suite is the group's", "§10.1: the cipher suite is the group's"],
  [
    "the version is the group's",
    "a KeyPackage is of this version of the protocol (RFC 9420 §10.1)",
  ],
  ["the leaf node is valid for a KeyPackage", "§7.3: a leaf in a KeyPackage has the source"],
  ["the signature is valid", "§10.1: the KeyPackage's signature is valid"],
  ["init_key is not encryption_key", "§10.1: init_key is another key than encryption_key"],
];

const GROUPS: Rules = [
  ["a creator fulfils its own requirements", "a leaf lacks what required_capabilities ask"],
  [
    "members support version and cipher suite",
    "§11.1: members support the group's version",
    "§11.1: members support the group's cipher suite",
  ],
  ["required_capabilities is well-formed", "§11.1: required_capabilities is well-formed"],
  [
    "a ReInit's group: link and parameters",
    "the group id is the ReInit's",
    "the version is the ReInit's",
    "the cipher suite is the ReInit's",
    "the extensions are the ReInit's",
    "refuses a link to another group or epoch than the predecessor's",
    "refuses a plain group in the place of one that follows by ${follows}",
  ],
  ["a ReInit's group: all members", "all members of the old group are in the new one"],
  ["a branch: link, suite, members", "branchGroup() makes a group of some members, linked"],
  ["a branch is expected", "a branch is expected by the joiner (§11.3)"],
];

const PROPOSALS: Rules = [
  ["Add: the KeyPackage is valid", "§12.1.1: an Add has a valid KeyPackage"],
  ["Update: the leaf is valid, in its place", "§7.2: an Update is signed for its own leaf index"],
  [
    "Remove: a member",
    "§12.1.3: a Remove names a leaf that is not blank",
    "§12.1.3: a Remove names a leaf inside the tree",
  ],
  ["PSK: the nonce's length", "§12.1.4: psk_nonce has the length of the hash"],
  [
    "PSK: no link outside a succession",
    "§12.1.4: a resumption PSK for reinit",
    "§12.1.4: a resumption PSK for branch",
  ],
  ["ReInit: no older version", "§12.1.5: a ReInit does not go back to an older version"],
  ["ExternalInit: external only", "§12.1: an ExternalInit is for external commits only"],
  [
    "GroupContextExtensions: all members support them",
    "§12.1.7: all members support the required extensions",
    "§12.1.7: all members support the required proposals",
    "§12.1.7: all members support the required credentials",
    "§13.4: all members support the context's extensions",
  ],
  [
    "external: types, senders, signatures",
    "§12.1.8: types that an external sender may not send",
    "§6.1: the external sender is listed",
    "§6.1: the signature is the external sender's",
    "§12.1.8.1: external_senders is well-formed",
    "a new member proposes its own Add, where the group wants it (§12.1.8)",
  ],
];

const LISTS: Rules = [
  ["no invalid proposal", "hold RFC 9420 ${rule}"],
  ["no Update by the committer", "a commit may not have the committer's own Update by reference"],
  ["no Remove of the committer", "§12.2: no Remove of the committer"],
  ["no two about one leaf", "Update and Remove, of one leaf (§12.2)", "§12.2: no two Removes"],
  ["no two Adds of one client", "§12.2: no two Adds of one client"],
  [
    "no Add of a member, unless it is removed",
    "§7.3, §12.2: no Add of a member",
    "a member is added again where its leaf is removed (RFC 9420 §12.2)",
  ],
  ["no PreSharedKeyID twice", "§12.2: no PreSharedKeyID twice"],
  ["no two GroupContextExtensions", "§12.2: no two GroupContextExtensions"],
  ["a ReInit alone", "§12.2: no ReInit with another proposal"],
  ["no ExternalInit", "§12.2: no ExternalInit in a regular commit"],
  ["types that all support", "a SelfRemove is refused where a member lacks it (§12.2"],
  [
    "a valid tree",
    "§7.3: no key of the path is there twice",
    "§7.3: the path's leaf has a signature",
  ],
  ["external: one ExternalInit", "§12.2: one ExternalInit, not none", "not two"],
  ["external: at most one Remove", "§12.2: at most one Remove"],
  ["external: nothing else", "§12.2: no other proposals"],
  ["external: nothing by reference", "an external commit has no proposal of others by reference"],
  [
    "external: the old leaf's client",
    "that removes somebody else is refused by the identity check",
  ],
  [
    "in their order",
    "GroupContextExtensions count for the Adds of the same commit (RFC 9420 §12.3)",
  ],
];

const COMMITS: Rules = [
  ["the epoch", "a commit is for the epoch that it names (§12.4.2)"],
  ["the membership tag", "§6.2: the membership tag fits"],
  ["the signature", "§6.1: the signature is the sender's"],
  ["known references", "§12.4: a proposal that is referred to was received"],
  [
    "a path where one is needed",
    "§12.4: an empty commit has a path",
    "§12.4: a Remove needs a path",
    "§12.4: GroupContextExtensions need a path",
    "§12.4.3.2: an external commit has a path",
  ],
  ["the path's leaf is valid", "§7.3: the path's leaf lists its credential type"],
  ["the leaf's new key", "§12.4.2: the path's leaf has another encryption key than before"],
  ["new keys", "§12.4.2: no key of the path is in the tree"],
  ["the path's length", "§7.5: the path has as many nodes as the filtered direct path"],
  ["its ciphertexts", "§7.6: a node has a ciphertext for each node of the resolution"],
  ["its parent hash", "§7.9.2: the leaf has the parent hash of its path"],
  [
    "its secrets",
    "§7.5: path secrets decrypt",
    "a path secret that gives another key than it says",
  ],
  ["pre-shared keys are held", "§12.4.2: pre-shared keys are held"],
  ["the confirmation tag", "§12.4.2: the confirmation tag fits"],
  ["after a ReInit nothing", "a group after a ReInit takes no more messages (§12.4.2)"],
];

const JOINERS: Rules = [
  ["a KeyPackage of this client", "an entry is for one of this client's KeyPackages"],
  ["the secrets decrypt", "the secrets decrypt"],
  ["pre-shared keys are held", "pre-shared keys are held"],
  ["at most one link", "at most one resumption key follows another group"],
  ["a link starts at epoch 1", "a group that follows another starts at epoch 1 (§12.4.3.1)"],
  ["the group info decrypts", "the group info decrypts"],
  ["its signature", "the signature of the GroupInfo is its signer's"],
  ["its signer", "the signer is in the tree"],
  ["a new group id", "the group is not known already"],
  ["the cipher suite", "the cipher suite of the GroupInfo is the KeyPackage's"],
  ["the tree's hash", "the tree has the hash of the context"],
  ["parent hashes", "parent hashes are valid", "refuses a wrong parent hash (RFC 9420 §7.9.2)"],
  ["leaves", "checks each leaf by itself (RFC 9420 §7.3)"],
  [
    "unmerged leaves",
    "unmerged leaves are members below their node",
    "refuses unmerged leaves that are elsewhere or merged below",
    "unmerged leaves must increase strictly (RFC 9420 §7.1)",
  ],
  ["unique keys", "encryption keys are unique in the tree"],
  ["the own leaf", "the tree has the leaf of the KeyPackage"],
  ["the path secret", "refuses a path secret that gives another key (§12.4.3.1)"],
  ["the confirmation tag", "the confirmation tag fits"],
  ["external: the key", "joinByExternalCommit() needs the external key, and a GroupInfo"],
  ["external: its signature", "an external commit is signed by the leaf in its path (§12.4.3.2)"],
  ["the tree's width", "refuses a tree that is wider than its members need (RFC 9420 §7.7)"],
  ["the tree's form", "a ratchet tree ends with a node, and leaves stand at even places"],
];

const RULES = {
  "§7.3": LEAF_NODES,
  "§10.1": KEY_PACKAGES,
  "§11": GROUPS,
  "§12.1": PROPOSALS,
  "§12.2, §12.3": LISTS,
  "§12.4, §12.4.2": COMMITS,
  "§12.4.3": JOINERS,
};

const packageRoot = fileURLToPath(new URL("..", import.meta.url));

/** The lines by which tests are named: those of `Deno.test` and of tables of rules. */
const names: readonly string[] = readdirSync(packageRoot, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts") && !path.endsWith("rules-of-rfc.test.ts"))
  .flatMap((path) => readFileSync(join(packageRoot, path), "utf8").split("\n"))
  .filter((line) => /^\s*rule: "|^\s*Deno\.test\(/.test(line));

for (const [section, rules] of Object.entries(RULES)) {
  Deno.test(`each rule of RFC 9420 ${section} has a test that names it`, () => {
    const missing = rules.flatMap(([rule, ...tests]) =>
      tests.filter((test) => !names.some((name) => name.includes(test)))
        .map((test) => `${rule}: ${test}`)
    );
    assert.deepEqual(missing, []);
  });
}
