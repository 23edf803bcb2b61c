/**
 * Reaching a server, without an account and without native code.
 *
 * @module
 */
export { type ConnectOptions, connectServer, trustCertificatesOf } from "./connect.ts";
export { formatPin, parsePin, type Trust } from "@qpq/adapters";
export { ERROR_CODES, type ErrorCode, MessengerError } from "@qpq/ports";
export type { ClientStatus, RpcClient, ServerInfo } from "@qpq/rpc";
