import { describe, expect, it } from "vitest";
import { readEventStream } from "./event-stream.ts";

const streamOf = (pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });

const read = async (pieces: readonly Uint8Array[]) => {
  const events: string[] = [];
  for await (const data of readEventStream(streamOf(pieces))) events.push(data);
  return events;
};

const bytes = (text: string) => new TextEncoder().encode(text);

describe("readEventStream", () => {
  it.each([
    ["one event", "data: a\n\n", ["a"]],
    ["two events", "data: a\n\ndata: b\n\n", ["a", "b"]],
    ["several lines", "data: a\ndata:  b\n\n", ["a\n b"]],
    ["no space after the colon", "data:a\n\n", ["a"]],
    ["Windows line ends", "event: x\r\ndata: a\r\n\r\n", ["a"]],
    ["comments, names and ids", ": hi\n\nid: 3\nevent: message\ndata: a\n\nretry: 5\n\n", ["a"]],
    ["an event that was not finished", "data: a\n\ndata: b", ["a"]],
    ["letters of several bytes", "data: código ñ 🙂\n\n", ["código ñ 🙂"]],
  ])("reads %s", async (_, text, events) => {
    expect(await read([bytes(text)])).toEqual(events);
    expect(await read([...bytes(text)].map((byte) => Uint8Array.of(byte)))).toEqual(events);
  });
});
