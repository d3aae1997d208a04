/** A setting of a systemd unit, in the order of the file; a name may come more than once. */
export interface Setting {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/** @throws for a line that is no section, no setting and no comment, and for one that goes on in the next */
export function parseUnit(text: string): readonly Setting[] {
  let section = "";
  return text.split("\n").flatMap((written, index) => {
    const line = written.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) return [];
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    if (heading !== undefined) {
      section = heading;
      return [];
    }
    const [, name, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name === undefined || section === "" || value.endsWith("\\")) throw new Error(`line ${index + 1}: ${line}`);
    return [{ section, name, value }];
  });
}
