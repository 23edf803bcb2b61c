import type { Clock, Log, LogFields } from "@qpq/ports";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface JsonLogOptions {
  readonly clock: Clock;
  /** The least level that is written. */
  readonly level: LogLevel;
  /** Takes one line, without its line end. */
  readonly write: (line: string) => void;
}

/** One JSON object a line: `time` (RFC 3339, UTC), `level`, `event`, then the fields. */
export function openJsonLog({ clock, level, write }: JsonLogOptions): Log {
  const least = LOG_LEVELS.indexOf(level);
  const at = (name: Exclude<LogLevel, "silent">) => {
    if (LOG_LEVELS.indexOf(name) < least) return () => {};
    return (event: string, fields?: LogFields): void => {
      const time = new Date(clock.now()).toISOString();
      write(JSON.stringify({ time, level: name, event, ...fields }));
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
