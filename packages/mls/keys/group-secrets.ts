import { type Codec, opaque, optional, struct, vector } from "../codec/codec.ts";
import type { Bytes } from "../crypto/provider.ts";
import { PSKS_COUNT_MAX } from "../wire/limits.ts";
import { type PreSharedKeyId, preSharedKeyId } from "../wire/proposal.ts";

/** What only the joiner may learn (RFC 9420 §12.4.3.1). */
export interface GroupSecrets {
  readonly joinerSecret: Bytes;
  readonly pathSecret: { readonly pathSecret: Bytes } | undefined;
  readonly psks: readonly PreSharedKeyId[];
}

const secret = opaque as Codec<Bytes>;

export const groupSecrets = struct<GroupSecrets>("GroupSecrets", {
  joinerSecret: secret,
  pathSecret: optional(
    struct<{ readonly pathSecret: Bytes }>("PathSecret", { pathSecret: secret }),
  ),
  psks: vector(preSharedKeyId, { countMax: PSKS_COUNT_MAX }),
});
