/** What some entries come to, before it is written: all of it in one transaction, or nothing. */
import type { GroupState } from "@qpq/mls";
import type { LeafDevice } from "../../features/devices/credential.ts";
import type { StoredConversation } from "../../features/groups/group-store.ts";
import type { NewNotice, ThreadWriter } from "../../features/messages/thread.ts";

/** A part of the transaction that concerns the history. */
export type Effect = (thread: ThreadWriter) => void | Promise<void>;

export class Draft {
  state: GroupState | undefined;
  record: StoredConversation;
  readonly effects: Effect[] = [];
  /** States between the stored one and `state`: they hold keys of their own. */
  readonly spent: GroupState[] = [];
  /** `state` is no descendant of the stored one: entered anew. */
  isFresh = false;
  /** What has become of the own commit that was on its way. */
  commit: "applied" | "lost" | undefined;
  /** An epoch has begun: what comes next is looked at anew. */
  isBoundary = false;
  /** Devices that are new in the group. */
  readonly entered: LeafDevice[] = [];
  /** Places in the queue whose entries came back. */
  readonly returned = new Set<number>();
  /** Entries that were passed over on the way in. */
  missedCount = 0;
  /** Somebody has to tell a device that entered what the group is called. */
  owesName = false;

  constructor(record: StoredConversation, state: GroupState | undefined) {
    this.record = record;
    this.state = state;
  }

  /** Goes on with a state of the same epoch, or the next one. */
  advance(next: GroupState): void {
    if (this.state !== undefined && this.state !== next) this.spent.push(this.state);
    this.state = next;
  }

  note(notice: NewNotice, atMs: number): void {
    this.effects.push((thread) => thread.addNotice(notice, atMs));
  }
}
