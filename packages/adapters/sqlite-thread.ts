import { assert, MessengerError } from "@qpq/ports";
import type { WriterReply, WriterRequest } from "./store-sqlite-writer.ts";

type Done = WriterReply & { readonly kind: "done" };

/** A thread that runs `store-sqlite-writer.ts`: one request at a time. */
export class SqliteThread {
  readonly #worker: Worker;
  #waiting: PromiseWithResolvers<Done> | undefined;
  /** The thread's first word, which it says unasked. */
  readonly #ready: Promise<Done>;
  #broken: MessengerError | undefined;

  constructor() {
    this.#waiting = Promise.withResolvers<Done>();
    this.#ready = this.#waiting.promise;
    const url = new URL("./store-sqlite-worker.js", import.meta.url);
    this.#worker = new Worker(url, { type: "module", name: "store-sqlite" });
    this.#worker.onmessage = ({ data }: MessageEvent<WriterReply>) => {
      if (data.kind === "done") this.#take().resolve(data);
      else {
        // Only a refusal is known to have written nothing.
        const code = data.kind === "failed" && isRefusal(data.code) ? "store/io" : data.code;
        this.#take().reject(new MessengerError(code, data.message));
      }
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#broken = new MessengerError("store/io", "Cannot write: the writing thread has ended");
      this.#waiting?.reject(this.#broken);
      this.#waiting = undefined;
    };
  }

  /** @param transfer buffers that go over instead of being copied */
  async ask(request: WriterRequest, transfer: ArrayBuffer[] = []): Promise<Done> {
    await this.#ready;
    if (this.#broken !== undefined) throw this.#broken;
    assert(this.#waiting === undefined, "one request at a time");
    this.#waiting = Promise.withResolvers<Done>();
    this.#worker.postMessage(request, transfer);
    return await this.#waiting.promise;
  }

  terminate(): void {
    this.#worker.terminate();
  }

  #take(): PromiseWithResolvers<Done> {
    const waiting = this.#waiting;
    assert(waiting !== undefined, "each reply answers a request");
    this.#waiting = undefined;
    return waiting;
  }
}

function isRefusal(code: string): boolean {
  return code === "store/disk-full" || code === "store/read-only";
}
