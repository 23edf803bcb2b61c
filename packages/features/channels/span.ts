import type { Gap, StoredHead, StoredMember } from "./channels.gen.ts";

/** What a reader gets next. Sequence numbers, both included; nothing when `to` is below `from`. */
export interface Readable {
  readonly from: number;
  readonly to: number;
  /** What lies between the cursor and `from`, and won't be had. */
  readonly gap: Gap | undefined;
  /** Whether the reader gets nothing after `to`, ever, unless it is added again. */
  readonly isLast: boolean;
}

/** What a member, or a former one, may read behind its cursor. */
export function readableAfter(head: StoredHead, member: StoredMember, after: number): Readable {
  const { spans } = member;
  const index = spans.findIndex(({ to }) => (to === 0 ? head.sequence : to) > after);
  const span = spans[index];
  const isOpen = spans.at(-1)?.to === 0;
  if (span === undefined) {
    return { from: after + 1, to: after, gap: undefined, isLast: !isOpen };
  }
  const to = span.to === 0 ? head.sequence : span.to;
  const wanted = Math.max(after + 1, span.from);
  const from = Math.max(wanted, head.firstSequence);
  const isLast = !isOpen && index === spans.length - 1;
  // Swept whole: the gap reaches up to what may come behind it.
  const end = Math.min(from, to + 1);
  const reason = from > wanted ? "expired" : "notMember";
  const gap: Gap | undefined = end > after + 1
    ? { from: after + 1, to: end - 1, reason }
    : undefined;
  return { from: end, to, gap, isLast };
}

/** The last sequence number that the account may have. */
export function lastReadable(head: StoredHead, member: StoredMember): number {
  const last = member.spans.at(-1);
  return last === undefined || last.to === 0 ? head.sequence : last.to;
}
