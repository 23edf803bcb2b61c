import { MessengerError, type Random } from "@qpq/ports";

/** Bytes of a password's UTF-8, after normalisation. */
export const PASSWORD_BYTES_MAX = 1_024;
/** Characters below which a password is called weak. */
export const PASSWORD_STRONG_LENGTH_MIN = 8;

/**
 * The password as OPAQUE takes it: in Unicode's form C, so that every keyboard gives the same bytes
 * (RFC 8265 §4.2.2).
 * @throws MessengerError `accounts/password-invalid`: empty, above 1,024 bytes, or not text
 */
export function preparePassword(password: string): string {
  // Before normalising: what is far too long is not even looked at.
  const prepared = password.length > PASSWORD_BYTES_MAX ? "" : password.normalize("NFC");
  const bytes = prepared.isWellFormed() ? new TextEncoder().encode(prepared).length : 0;
  if (bytes < 1 || bytes > PASSWORD_BYTES_MAX) {
    throw new MessengerError(
      "accounts/password-invalid",
      `Cannot use password: it needs 1 to ${PASSWORD_BYTES_MAX} bytes of text`,
    );
  }
  return prepared;
}

/**
 * Why a new password should be another one: who gets the server's database can try guesses.
 * - `short`: fewer than 8 characters. `common`: among those tried first. `name`: it is the name.
 * @returns undefined when none of these holds, which does not make it strong
 */
export function passwordWeakness(
  password: string,
  accountName: string,
): "short" | "common" | "name" | undefined {
  const folded = password.normalize("NFC").toLowerCase();
  if (folded === accountName.toLowerCase()) return "name";
  if (COMMON_PASSWORDS.has(folded)) return "common";
  if ([...folded].length < PASSWORD_STRONG_LENGTH_MIN) return "short";
  return undefined;
}

/** Words of a passphrase, bits each: 96 bits together. */
const PASSPHRASE_WORDS = 6;
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";

/**
 * A passphrase of 96 random bits that can be spoken and typed: six words of five letters, 16 bits
 * each, like `fuzab-lusim-…` ("proquints": D. Wilkerson, arXiv:0901.4016).
 */
export function generatePassphrase(random: Random): string {
  const bytes = new DataView(random.bytes(2 * PASSPHRASE_WORDS).buffer);
  return Array.from(
    { length: PASSPHRASE_WORDS },
    (_, index) => proquint(bytes.getUint16(2 * index)),
  ).join("-");
}

/** Consonant, vowel, consonant, vowel, consonant: 4, 2, 4, 2 and 4 bits. */
function proquint(word: number): string {
  return [
    CONSONANTS[word >> 12],
    VOWELS[(word >> 10) & 3],
    CONSONANTS[(word >> 6) & 15],
    VOWELS[(word >> 4) & 3],
    CONSONANTS[word & 15],
  ].join("");
}

/** At the head of every published list of leaked passwords; those of 8 characters and more matter. */
const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  ("123456 12345678 123456789 1234567890 12345678910 11111111 00000000 88888888 12341234 11223344 " +
    "87654321 987654321 0987654321 0123456789 123123123 123321123 147258369 1q2w3e4r 1q2w3e4r5t " +
    "1qaz2wsx 1qazxsw2 zaq12wsx q1w2e3r4 q1w2e3r4t5 qwertyui qwertyuiop qwerty123 qwerty12 " +
    "qwerty1234 qwertz123 asdfghjk asdfghjkl asdf1234 zxcvbnm1 zxcvbnm123 password password1 " +
    "password12 password123 password1234 passw0rd p@ssw0rd p@ssword passwort passwort1 motdepasse " +
    "contraseña senha123 iloveyou iloveyou1 ichliebedich jetaime1 sunshine sunshine1 princess " +
    "princess1 football football1 baseball baseball1 basketball superman batman123 spiderman " +
    "starwars pokemon1 pokemon123 trustno1 whatever computer internet samsung1 google123 " +
    "letmein1 letmein123 welcome1 welcome123 administrator admin123 admin1234 changeme changeme1 " +
    "default1 secret123 master123 dragon123 monkey123 shadow123 michael1 jennifer jessica1 " +
    "charlie1 abcd1234 abc12345 abcdefgh abcdefg1 a1b2c3d4 aa123456 aaaaaaaa qqqqqqqq zzzzzzzz " +
    "hallo123 schalke04 liverpool chelsea1 arsenal1 barcelona juventus 1234qwer 12qwaszx " +
    "test1234 testtest test12345 killer123 freedom1 blink182 slipknot metallica mustang1 " +
    "corvette mercedes porsche1 qweasdzxc qweasd123 correcthorsebatterystaple").split(" "),
);
