/**
 * Reaching a server, without an account and without native code.
 *
 * @module
 */
export { type ConnectOptions, connectServer, trustCertificatesOf } from "./connect.ts";
export { formatPin, parsePin, type Trust } from "@qpq/adapters";
export {
  ERROR_CODES,
  type ErrorCode,
  formatHostPort,
  type HostPort,
  MessengerError,
  parseHostPort,
  serverNameAt,
} from "@qpq/ports";
export type { ClientStatus, RpcClient, ServerInfo } from "@qpq/rpc";
