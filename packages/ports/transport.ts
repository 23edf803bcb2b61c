/** Designed with its adapters: `packages/adapters`. */
export interface Transport {}
