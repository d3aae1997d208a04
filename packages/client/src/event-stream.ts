/**
 * Reads the `data` of each event of a server-sent stream, whatever the pieces it arrives in.
 * Names, ids and comments are passed over: the gateway's events carry all they say in their data.
 *
 * @throws whatever the connection throws when it breaks
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* readEventStream(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let unread = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (unread + decoder.decode(value, { stream: true })).split("\n");
      unread = lines.pop() ?? "";
      for (const line of lines.map((ended) => ended.replace(/\r$/, ""))) {
        if (line.startsWith("data:")) data.push(line.slice("data:".length).replace(/^ /, ""));
        if (line !== "" || data.length === 0) continue;
        yield data.join("\n");
        data = [];
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
