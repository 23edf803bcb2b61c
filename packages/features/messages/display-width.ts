import stringWidth from "string-width";

/**
 * Columns that a terminal gives to `text`: 2 for wide letters and emoji, however many code points they are
 * made of, 0 for marks. Terminals differ on what is new or rare; ambiguous width counts as 1.
 * @param text one line, through `sanitizeForDisplay()`: escape sequences are not taken out here
 */
export function displayWidth(text: string): number {
  return stringWidth(text, { countAnsiEscapeCodes: true });
}
