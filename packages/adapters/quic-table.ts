import { type Connection, networkOf } from "@qpq/ports";

/** Which bound a connection met. */
export type TableRefusal = "table" | "address";

export interface TableOptions<Member> {
  /** Connections at most. */
  readonly max: number;
  /** Those of one address, or of one IPv6 subscriber; default: as many as all. */
  readonly perAddressMax?: number;
  /**
   * In a full table, refuse the newest; or drop the oldest, where honest ones leave within
   * milliseconds: then those who never will cannot lock out the others.
   */
  readonly whenFull: "refuse-newest" | "drop-oldest";
  /** Closes a connection that gets no place, or has lost its own. */
  readonly refuse: (member: Member, refusal: TableRefusal) => void;
}

/** A bounded set of connections. */
export class ConnectionTable<Member extends Connection> {
  readonly #options: TableOptions<Member>;
  /** Each with the address that it counts for; the oldest first. */
  readonly #members = new Map<Member, string>();
  readonly #perAddress = new Map<string, number>();

  constructor(options: TableOptions<Member>) {
    this.#options = options;
  }

  /** @returns whether `member` has a place now; else it has been refused */
  add(member: Member): boolean {
    const { max, perAddressMax, whenFull, refuse } = this.#options;
    const address = networkOf(member.remoteAddress.hostname);
    const ofAddress = this.#perAddress.get(address) ?? 0;
    if (perAddressMax !== undefined && ofAddress >= perAddressMax) {
      refuse(member, "address");
      return false;
    }
    if (this.#members.size >= max) {
      const [oldest] = whenFull === "drop-oldest" ? this.#members.keys() : [];
      if (oldest === undefined) {
        refuse(member, "table");
        return false;
      }
      this.remove(oldest);
      refuse(oldest, "table");
    }
    this.#members.set(member, address);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    return true;
  }

  /** @returns whether it still had its place */
  remove(member: Member): boolean {
    const address = this.#members.get(member);
    if (address === undefined) return false;
    this.#members.delete(member);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
    return true;
  }
}
