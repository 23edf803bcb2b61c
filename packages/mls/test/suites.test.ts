import assert from "node:assert/strict";
import { runtimeCryptoProvider } from "../crypto/runtime.ts";
import { seededRandom } from "../vectors/seeded-random.ts";
import {
  assertSameEpoch,
  type Client,
  enter,
  enterExternally,
  foundGroup,
  invite,
  makeCommit,
  propose,
  receive,
  restless,
  seeCommit,
  send,
} from "./world.ts";

const provider = runtimeCryptoProvider();

for (const id of provider.cipherSuites) {
  const crypto = provider.cipherSuite(id);
  Deno.test(`a group lives a whole life in ${crypto.name}`, async () => {
    const random = seededRandom(crypto.name);
    const alice = restless(await foundGroup(crypto, "alice", random), random);
    const invitations = [
      await invite(crypto, "bob", random),
      await invite(crypto, "carol", random),
    ];
    const wireFormat = "private-message";
    const added = await makeCommit(alice, {
      proposals: invitations.map(({ keyPackage }) => ({
        kind: "add",
        keyPackage: keyPackage.keyPackage,
      })),
      wireFormat,
      random,
    });
    await seeCommit(alice, added.commit, [added.staged]);
    const members: Client[] = [alice];
    for (const invitation of invitations) {
      assert.ok(added.welcome !== undefined);
      members.push(restless(await enter(crypto, invitation, added.welcome), random));
    }
    const [, bob, carol] = members as [Client, Client, Client];
    assertSameEpoch(members);

    for (const sender of members) {
      const message = await send(sender, "hello", random);
      for (const receiver of members) {
        const { kind } = await receive(receiver, message);
        assert.equal(kind, sender === receiver ? "own-message" : "application");
      }
    }

    const update = await propose(bob, { removed: undefined, random });
    for (const member of [alice, carol]) await receive(member, update);
    const committed = await makeCommit(carol, { proposals: [], wireFormat, random });
    for (const member of members) {
      await seeCommit(member, committed.commit, member === carol ? [committed.staged] : []);
    }
    assertSameEpoch(members);

    const joined = await enterExternally(crypto, "dave", { from: bob, random });
    for (const member of members) await seeCommit(member, joined.commit);
    members.push(joined.client);
    assertSameEpoch(members);

    const removal = await makeCommit(joined.client, {
      proposals: [{ kind: "remove", removed: alice.state.ownLeafIndex }],
      wireFormat: "public-message",
      random,
    });
    assert.equal((await seeCommit(alice, removal.commit)).kind, "removed");
    for (const member of [bob, carol]) await seeCommit(member, removal.commit);
    await seeCommit(joined.client, removal.commit, [removal.staged]);
    assertSameEpoch([bob, carol, joined.client]);
  });
}
