/** Why a text is not taken. */
import { MessengerError } from "@qpq/ports";
import { QUEUED_COUNT_MAX } from "../../features/messages/thread.ts";

export function notActive(): MessengerError {
  return new MessengerError(
    "conversations/not-active",
    "Cannot send: the account is not in that conversation",
  );
}

export function keyChanged(names: readonly string[]): MessengerError {
  return new MessengerError(
    "devices/key-changed",
    `Cannot send: the account key of ${
      names.join(", ")
    } has changed; compare safety numbers, then accept it`,
  );
}

export function unknownDevice(): MessengerError {
  return new MessengerError(
    "devices/unknown-own-device",
    "Cannot send: a device is in that conversation as one of this account that is not on its list",
  );
}

export function queueFull(): MessengerError {
  return new MessengerError(
    "conversations/queue-full",
    `Cannot queue: ${QUEUED_COUNT_MAX} messages wait already`,
  );
}

export function idReused(): MessengerError {
  return new MessengerError(
    "conversations/message-id-reused",
    "Cannot queue: the message id stands for another text",
  );
}
