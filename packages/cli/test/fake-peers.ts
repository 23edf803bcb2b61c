/** Other accounts' keys, in memory. */
import type { PeerView } from "@qpq/client";
import { MessengerError } from "@qpq/ports";

export class FakePeers {
  readonly views = new Map<string, PeerView>();

  /** @param offered the first byte of a key that isn't the known one */
  add(name: string, state: PeerView["state"], offered?: number): void {
    this.views.set(name, {
      name,
      state,
      pinnedKey: new Uint8Array(32).fill(1),
      safetyNumber: numberOf(11_111),
      safetyQrText: "",
      firstSeenAtMs: 0,
      accountId: new Uint8Array(16),
      deviceIds: [],
      generation: 0,
      ...offered === undefined ? {} : {
        offered: {
          accountKey: new Uint8Array(32).fill(offered),
          safetyNumber: numberOf(offered * 11_111),
        },
      },
    } as PeerView);
  }

  fetch(name: string): Promise<PeerView> {
    const view = this.views.get(name);
    return view === undefined
      ? Promise.reject(new MessengerError("accounts/unknown", `Cannot find ${name}`))
      : Promise.resolve(view);
  }

  acceptKey(name: string, accountKey: Uint8Array): Promise<void> {
    const view = this.views.get(name);
    if (view?.offered?.accountKey.toHex() !== accountKey.toHex()) {
      return Promise.reject(new MessengerError("devices/not-pinned", "Cannot accept: not offered"));
    }
    const { offered: _, ...rest } = view;
    this.views.set(name, { ...rest, pinnedKey: accountKey, state: { kind: "pinned" } });
    return Promise.resolve();
  }

  async markVerified(name: string): Promise<void> {
    this.views.set(name, { ...await this.fetch(name), state: { kind: "verified" } });
  }
}

function numberOf(group: number): string {
  return Array.from({ length: 12 }, () => `${group}`).join(" ");
}
