/** Things that arrive and are taken one by one, by takers that may have to wait. */
export interface Arrivals<Item> {
  add(item: Item): void;
  /** @returns undefined when nothing is left and nothing will come */
  next(): Promise<Item | undefined>;
  /** Nothing will come any more; what is there can still be taken. */
  end(): void;
  /** Things that nobody has taken. */
  readonly length: number;
}

export function createArrivals<Item>(): Arrivals<Item> {
  const items: Item[] = [];
  const takers: ((item: Item | undefined) => void)[] = [];
  let ended = false;
  return {
    add(item: Item): void {
      if (ended) return;
      const taker = takers.shift();
      if (taker === undefined) items.push(item);
      else taker(item);
    },
    next(): Promise<Item | undefined> {
      const item = items.shift();
      if (item !== undefined || ended) return Promise.resolve(item);
      return new Promise((resolve) => takers.push(resolve));
    },
    end(): void {
      ended = true;
      for (const taker of takers.splice(0)) taker(undefined);
    },
    get length(): number {
      return items.length;
    },
  };
}
