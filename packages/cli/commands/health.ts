import { checkHealth, type ServerHealth } from "../../features/health/client.ts";
import type { CommonOptions } from "../options.ts";
import { type ExitCode, printableLine, printJson, printLine } from "../output.ts";
import { openCommandSession } from "../session.ts";

/** Says whether the server takes work, its version, and since when it runs. */
export async function runHealth(options: CommonOptions): Promise<ExitCode> {
  await using session = await openCommandSession(options);
  const health = await checkHealth(session.rpc, { timeoutMs: options.timeout * 1000 });
  if (options.json) printJson({ server: session.address, ...health });
  else printLine(describeHealth(session.address, health));
  return health.state === "serving" ? 0 : 1;
}

/** One line for people. */
export function describeHealth(address: string, health: ServerHealth): string {
  const version = printableLine(health.version);
  return `${address} is ${health.state}: version ${version}, up ${formatDuration(health.uptimeMs)}`;
}

function formatDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "less than a second";
  return parts.slice(first, first + 2).map(([count, unit]) => `${count} ${unit}`).join(" ");
}
