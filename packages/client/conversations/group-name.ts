/** The name of a group inside a Welcome: encrypted, so that the server never sees it. */
import type { Extension } from "@qpq/mls";
import { MessengerError } from "@qpq/ports";
import { checkGroupName } from "../../features/messages/body.ts";

/** From the range for private use (RFC 9420 §17.3). */
const NAME_EXTENSION_TYPE = 0xf072;
/** What a group is called until somebody has said its name. */
export const UNNAMED = "unnamed";

const utf8 = new TextEncoder();
const utf8Lenient = new TextDecoder();

export function nameExtension(name: string): Extension {
  return { extensionType: NAME_EXTENSION_TYPE, extensionData: utf8.encode(name) };
}

/** What the one who invites says that the group is called. */
export function nameOfWelcome(extensions: readonly Extension[]): string {
  const found = extensions.find(({ extensionType }) => extensionType === NAME_EXTENSION_TYPE);
  if (found === undefined) return UNNAMED;
  try {
    return checkGroupName(utf8Lenient.decode(found.extensionData));
  } catch (error) {
    if (error instanceof MessengerError) return UNNAMED;
    throw error;
  }
}
