/** What `bench/mls.ts` times, of one library. Times include encoding and decoding of messages. */
export interface Contender {
  readonly name: string;
  keyPackage(): Promise<unknown>;
  /** A group of one and `countMax` KeyPackages of others, made beforehand. */
  prepare(memberCount: number): Promise<Prepared>;
}

export interface Prepared {
  /** Adds all others in one commit; gives the Welcome. */
  addAll(): Promise<void>;
  /** The last of the others joins by the Welcome, tree inside. */
  join(): Promise<void>;
  /** The first member commits a new path for itself; the tree is cold the first time. */
  updateCreate(): Promise<void>;
  /** The joiner processes that commit. */
  updateProcess(): Promise<void>;
  /** The first member removes the second. */
  removeCreate(): Promise<void>;
  removeProcess(): Promise<void>;
  encrypt(): Promise<void>;
  /** The joiner decrypts what `encrypt` made, one after the other. */
  decrypt(): Promise<void>;
  /** The joiner's whole state to bytes, and back. */
  save(): Promise<void>;
  load(): Promise<void>;
}
