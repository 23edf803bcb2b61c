/**
 * The public library: what programs use to talk through a quicproquo server.
 *
 * ```ts
 * await using client = await openClient({
 *   stateFolder, server: { hostname: "chat.example.org", port: 7000 }, trust: { kind: "system" },
 *   serverName: "chat.example.org", name: "alice", password,
 * });
 * await client.connected();
 * ```
 *
 * `registerClient` makes an account, `logInClient` enters one; both leave a device that `openClient`
 * opens from then on. Everything of it stands in one encrypted store, which one process has at a time.
 *
 * @module
 */
export * from "./connection.ts";
export {
  accountsOfDevice,
  hasAccountStore,
  hasRememberedKey,
  requireStoreFree,
} from "./account-store.ts";
export type { AccountPlace } from "./account-store.ts";
export type { ClientOptions, OpenOptions, Surroundings } from "./client-core.ts";
export {
  Client,
  type Confirming,
  forgetAccount,
  logInClient,
  type LogInOptions,
  openClient,
  type OwnDeviceEntry,
  registerClient,
  type RegisterOptions,
} from "./client.ts";
export type { Conversations, Waiting } from "./conversations-api.ts";
export * from "./conversation-views.ts";
export type { Peers, PeerView } from "./peers.ts";
export { recoverClient, type RecoverOptions, type Setback } from "./recovery.ts";
export type { Settings } from "../features/settings/client.ts";
export { generatePassphrase, passwordWeakness } from "../features/accounts/passwords.ts";
export { type DeviceId, parseAccountName, parseDeviceId } from "../features/accounts/names.ts";
