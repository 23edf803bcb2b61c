/** How long packages live: what publishing and claiming agree on. */
export const HOUR_MS: number = 60 * 60 * 1_000;
export const DAY_MS: number = 24 * HOUR_MS;
/** From publication to the end of a package. */
export const PACKAGE_LIFETIME_MS: number = 90 * DAY_MS;
/** How far others' clocks may be behind ours. */
export const CLOCK_SKEW_MS: number = HOUR_MS;
/** How long a Welcome may be on its way: keys are kept that long after they were good. */
export const WELCOME_DELAY_MAX_MS: number = 30 * DAY_MS;
