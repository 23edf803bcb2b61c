import { opaque, optional, struct, vector } from "../codec/codec.ts";
import { PSKS_COUNT_MAX } from "../wire/limits.ts";
import { type PreSharedKeyId, preSharedKeyId } from "../wire/proposal.ts";

/** What only the joiner may learn (RFC 9420 §12.4.3.1). */
export interface GroupSecrets {
  readonly joinerSecret: Uint8Array;
  readonly pathSecret: { readonly pathSecret: Uint8Array } | undefined;
  readonly psks: readonly PreSharedKeyId[];
}

export const groupSecrets = struct<GroupSecrets>("GroupSecrets", {
  joinerSecret: opaque,
  pathSecret: optional(
    struct<{ readonly pathSecret: Uint8Array }>("PathSecret", { pathSecret: opaque }),
  ),
  psks: vector(preSharedKeyId, { countMax: PSKS_COUNT_MAX }),
});
