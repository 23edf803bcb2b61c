import { type Extension, findExtension } from "@qpq/mls/public";
import { compareKeys, MessengerError } from "@qpq/ports";
import {
  type ConversationContext,
  decodeConversationContext,
  encodeConversationContext,
} from "./groups.gen.ts";

/**
 * The group context extension that says what a conversation is; from the range for private use
 * (RFC 9420 §17.3). Every leaf lists it in its capabilities.
 */
export const CONVERSATION_EXTENSION_TYPE = 0xf071;

/** Bytes of an account's or a device's id, as in accounts/. */
const ACCOUNT_ID_BYTES = 16;

/** A context whose ids have their lengths, and whose direct message has two different sides. */
export type CheckedContext = Exclude<ConversationContext, { readonly kind: "unknown" }>;

/** The extension for a group context. */
export function conversationExtension(context: CheckedContext): Extension {
  return {
    extensionType: CONVERSATION_EXTENSION_TYPE,
    extensionData: encodeConversationContext(context),
  };
}

/**
 * What a group context says of its conversation.
 * @throws MessengerError `channels/bad-group-info`: the extension is missing or malformed
 */
export function findConversationContext(extensions: readonly Extension[]): CheckedContext {
  const data = findExtension(extensions, CONVERSATION_EXTENSION_TYPE);
  if (data === undefined) throw refusal("it does not say what the conversation is");
  return parseConversationContext(data);
}

/** @throws MessengerError `channels/bad-group-info` */
export function parseConversationContext(data: Uint8Array): CheckedContext {
  let context: ConversationContext;
  try {
    context = decodeConversationContext(data);
  } catch (cause) {
    throw refusal("what it says of the conversation is malformed", cause);
  }
  if (context.kind === "unknown") throw refusal("the conversation is of an unknown kind");
  const admins = new Set(context.admins.map((id) => id.toHex()));
  if (context.admins.some((id) => id.length !== ACCOUNT_ID_BYTES)) throw refusal("an id is none");
  if (admins.size !== context.admins.length) throw refusal("an admin is there twice");
  if (context.kind === "group" && admins.size === 0) throw refusal("the group has no admin");
  if (context.kind === "directMessage") {
    const { lowerAccountId, higherAccountId } = context.directMessage;
    const areIds = lowerAccountId.length === ACCOUNT_ID_BYTES &&
      higherAccountId.length === ACCOUNT_ID_BYTES;
    if (!areIds || compareKeys(lowerAccountId, higherAccountId) >= 0) {
      throw refusal("a direct message is between two accounts, the lower id first");
    }
    if (admins.size > 0) throw refusal("a direct message has no admins");
  }
  return context;
}

/** The context of a direct message between these two, in whichever order. */
export function directMessageContext(one: Uint8Array, other: Uint8Array): CheckedContext {
  const [lowerAccountId, higherAccountId] = compareKeys(one, other) < 0
    ? [one, other]
    : [other, one];
  return { kind: "directMessage", directMessage: { lowerAccountId, higherAccountId }, admins: [] };
}

/** The two sides of a direct message; undefined for a group. */
export function sidesOf(
  context: CheckedContext,
): readonly [lower: Uint8Array, higher: Uint8Array] | undefined {
  if (context.kind !== "directMessage") return undefined;
  return [context.directMessage.lowerAccountId, context.directMessage.higherAccountId];
}

/** Whether the account may change the context and create a successor. */
export function isAdmin(context: CheckedContext, accountId: Uint8Array): boolean {
  return (sidesOf(context) ?? context.admins).some((id) => compareKeys(id, accountId) === 0);
}

function refusal(state: string, cause?: unknown): MessengerError {
  return new MessengerError("channels/bad-group-info", `Cannot accept group: ${state}`, { cause });
}
