/** What `qpq --version` runs: nothing else is loaded, so it answers at once. */
import { VERSION } from "@qpq/ports";
import { printLine } from "./output.ts";

printLine(`qpq ${VERSION}`);
