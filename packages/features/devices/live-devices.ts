import type { AccountId, DeviceId } from "../accounts/names.ts";

/** The devices that are connected to this process, so that revoking one reaches its connections. */
export class LiveDevices {
  /** By account, by device. */
  readonly #accounts = new Map<string, Map<string, Set<AbortController>>>();

  /**
   * @param over aborted when the connection ends
   * @returns aborted when the device is cut off
   */
  enter(account: AccountId, device: DeviceId, over: AbortSignal): AbortSignal {
    const controller = new AbortController();
    const [accountHex, deviceHex] = [account.toHex(), device.toHex()];
    const devices = this.#accounts.get(accountHex) ?? new Map<string, Set<AbortController>>();
    const controllers = devices.get(deviceHex) ?? new Set();
    this.#accounts.set(accountHex, devices.set(deviceHex, controllers.add(controller)));
    const leave = (): void => {
      controllers.delete(controller);
      if (controllers.size === 0 && devices.get(deviceHex) === controllers) {
        devices.delete(deviceHex);
      }
      if (devices.size === 0 && this.#accounts.get(accountHex) === devices) {
        this.#accounts.delete(accountHex);
      }
    };
    if (over.aborted) leave();
    else over.addEventListener("abort", leave, { once: true });
    return controller.signal;
  }

  cutOff(account: AccountId, device: DeviceId): void {
    const devices = this.#accounts.get(account.toHex());
    for (const controller of devices?.get(device.toHex()) ?? []) controller.abort();
  }

  cutOffAccount(account: AccountId): void {
    for (const controllers of this.#accounts.get(account.toHex())?.values() ?? []) {
      for (const controller of controllers) controller.abort();
    }
  }

  /** Accounts with a connection. */
  get size(): number {
    return this.#accounts.size;
  }
}
