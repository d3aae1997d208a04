/** Whoever writes a verification holds the lock of its address. */
export const addressLock = (address: string): string => `address:${address}`;
