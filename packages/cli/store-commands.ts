/** Commands that open an account's store. Apart: the launcher's first run needs only their names. */
export const STORE_COMMANDS = [
  "register-user",
  "login",
  "logout",
  "passwd",
  "whoami",
  "devices",
  "recover-account",
  "rotate-account-key",
  "delete-account",
  "forget-account",
  "check-key",
  "accept-key",
  "fetch-key",
  "refresh-key-packages",
  "repl",
  "chat",
  "dm",
  "create-group",
  "invite",
  "join",
  "leave",
  "remove",
  "members",
  "list",
  "history",
  "send",
  "recv",
  "demo-group",
] as const;

export type StoreCommand = (typeof STORE_COMMANDS)[number];

/** Secrets that a command takes, each by `--x`, `--x-file`, a variable `QPQ_X`, or a prompt. */
export const SECRETS = ["password", "new-password", "former-password"] as const;
