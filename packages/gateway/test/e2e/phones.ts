let used = 0;

/** A Colombian mobile that no test has used, in a block of ten thousand of its own. */
export function newPhone(): string {
  used++;
  return `+57310${String(100 + used)}4567`;
}

/** A code that is certainly another one. */
export const wrongCode = (code: string): string => (code === "000000" ? "111111" : "000000");
