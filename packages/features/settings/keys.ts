import { encodeKey, type SliceSchema } from "@qpq/ports";

/** The first part of every key of this slice, on a client. */
const SLICE = "settings";

export const settingsSchema: SliceSchema = { name: SLICE, version: 1, migrations: [] };

/** What a program keeps under that name. */
export const settingKey = (name: string): Uint8Array => encodeKey(SLICE, name);
