/** What the product puts into messages, and reads from them: texts and the names of groups. */
import { MessengerError, type Random } from "@qpq/ports";
import {
  type Content,
  decodeContent,
  DISPOSITION,
  encodeContent,
  readText,
  SALT_BYTES,
  textMessage,
} from "./content.ts";

/** Media type of a group's name: text that isn't shown as a message. */
const GROUP_NAME_TYPE = "application/vnd.quicproquo.group-name";
/** Media type of what says that an account has accepted its invitation: nothing, and not shown as a message. */
const JOINED_TYPE = "application/vnd.quicproquo.joined";
/** Bytes of a group's name in UTF-8. */
export const GROUP_NAME_BYTES_MAX = 128;

/** A message as the client takes it. */
export type Body =
  & {
    /** 16 bytes: the draft's salt. */
    readonly messageId: Uint8Array;
    /** By the author's clock; 0 where it says nothing. */
    readonly sentAtMs: number;
  }
  & (
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "group-name"; readonly name: string }
    /** The author's account has accepted its invitation. */
    | { readonly kind: "joined" }
    /** Well-formed, and of a kind that this version doesn't show. */
    | { readonly kind: "unsupported" }
  );

export function newMessageId(random: Random): Uint8Array {
  return random.bytes(SALT_BYTES);
}

/** @throws MessengerError `too-large`, `malformed` */
export function encodeText(
  { messageId, sentAtMs, text }: {
    readonly messageId: Uint8Array;
    readonly sentAtMs: number;
    readonly text: string;
  },
): Uint8Array {
  return encodeContent(textMessage({ salt: messageId, sentAtMs, text }));
}

/** @throws MessengerError `too-large`, `malformed` */
export function encodeGroupName(
  { messageId, sentAtMs, name }: {
    readonly messageId: Uint8Array;
    readonly sentAtMs: number;
    readonly name: string;
  },
): Uint8Array {
  const content = utf8.encode(checkGroupName(name));
  return encodeHidden({ messageId, sentAtMs, contentType: GROUP_NAME_TYPE, content });
}

/** Says that the author's account has accepted its invitation. */
export function encodeJoined(
  { messageId, sentAtMs }: { readonly messageId: Uint8Array; readonly sentAtMs: number },
): Uint8Array {
  const content = new Uint8Array();
  return encodeHidden({ messageId, sentAtMs, contentType: JOINED_TYPE, content });
}

/** What isn't shown as a message. */
function encodeHidden(
  { messageId, sentAtMs, contentType, content }: {
    readonly messageId: Uint8Array;
    readonly sentAtMs: number;
    readonly contentType: string;
    readonly content: Uint8Array;
  },
): Uint8Array {
  const message: Content = {
    ...textMessage({ salt: messageId, sentAtMs, text: "" }),
    body: {
      kind: "single",
      disposition: DISPOSITION.unspecified,
      language: "",
      contentType,
      content,
    },
  };
  return encodeContent(message);
}

/** @throws MessengerError `too-large`, `malformed`: empty, too long, or with control characters */
export function checkGroupName(name: string): string {
  const bytes = utf8.encode(name).length;
  if (bytes === 0 || bytes > GROUP_NAME_BYTES_MAX) {
    throw new MessengerError(
      "too-large",
      `Cannot use group name: ${bytes} bytes, 1 to ${GROUP_NAME_BYTES_MAX}`,
    );
  }
  // deno-lint-ignore no-control-regex
  if (!name.isWellFormed() || /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name)) {
    throw new MessengerError("malformed", "Cannot use group name: it has control characters");
  }
  return name;
}

/** @throws MessengerError those of `decodeContent` */
export function decodeBody(bytes: Uint8Array): Body {
  const content = decodeContent(bytes);
  const { salt: messageId, body } = content;
  const common = { messageId, sentAtMs: content.extensions.sentAtMs ?? 0 };
  if (body.kind === "single" && body.contentType === GROUP_NAME_TYPE) {
    const name = checkGroupName(utf8Strict.decode(body.content));
    return { ...common, kind: "group-name", name };
  }
  if (body.kind === "single" && body.contentType === JOINED_TYPE) {
    return { ...common, kind: "joined" };
  }
  const text = readText(content);
  return text === undefined
    ? { ...common, kind: "unsupported" }
    : { ...common, kind: "text", text };
}

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: false });
