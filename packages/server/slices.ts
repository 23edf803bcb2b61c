/** The one list of what this server serves: each slice's server half. */
import type { BoundMethod } from "@qpq/capnp";
import type { Clock, SliceSchema } from "@qpq/ports";
import { serveHealth } from "../features/health/server.ts";
import { servePing } from "../features/ping/server.ts";

/** What each slice keeps in the store: none keeps anything yet. */
export const SLICE_SCHEMAS: readonly SliceSchema[] = [];

export interface SliceOptions {
  readonly clock: Clock;
  readonly isDraining: () => boolean;
}

/** What handlers learn of their caller. Nothing yet: no slice asks who is calling. */
export type CallContext = undefined;

export function bindSlices(options: SliceOptions): readonly BoundMethod<CallContext>[] {
  const { clock, isDraining } = options;
  return [
    ...servePing({ clock }),
    ...serveHealth({ clock, state: () => isDraining() ? "draining" : "serving" }),
  ];
}
