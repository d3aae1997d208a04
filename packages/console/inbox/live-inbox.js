// @ts-check
import { readEventStream } from "./event-stream.js";

/** @typedef {"connecting" | "live" | "disconnected" | "locked" | "absent"} ConnectionState */

/**
 * @typedef {object} LiveInboxListener
 * @property {(state: ConnectionState, failure?: import("./api.js").Failure) => void} onState
 * @property {(messages: readonly import("./api.js").InboxMessage[]) => void} onList everything there is, newest first
 * @property {(message: import("./api.js").InboxMessage) => void} onMessage a new one, or an old one in a new state
 */

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 8_000;

/**
 * Follows the inbox for as long as the page lives: reconnects by itself, and waits for a key when one is asked for.
 *
 * @param {import("./api.js").Api} api
 * @param {LiveInboxListener} listener
 * @returns {{ retry(): void }} `retry` ends any wait at once
 */
export function followInbox(api, { onState, onList, onMessage }) {
  let wake = () => {};
  let retryMs = FIRST_RETRY_MS;

  /** @param {number} ms */
  const pause = (ms) =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      })
    );

  /**
   * Lives through one connection. The list is read once the stream is open, so nothing falls between the two.
   *
   * @returns {Promise<import("./api.js").Failure | undefined>} why it could not begin; nothing when it ended
   */
  async function connect() {
    const opened = await api.openLive();
    if (!opened.ok) return opened;
    const list = await api.listInbox();
    if (!list.ok) {
      await opened.data.cancel();
      return list;
    }
    onList(list.data.messages);
    onState("live");
    retryMs = FIRST_RETRY_MS;
    try {
      for await (const data of readEventStream(opened.data)) onMessage(JSON.parse(data));
    } catch {
      // A broken connection ends like a closed one: by connecting again.
    }
    return undefined;
  }

  async function run() {
    onState("connecting");
    for (;;) {
      const failure = await connect();
      if (failure?.status === 401 || failure?.status === 403) {
        onState("locked", failure);
        await pause(Number.POSITIVE_INFINITY);
      } else if (failure?.status === 404) {
        onState("absent", failure);
        await pause(Number.POSITIVE_INFINITY);
      } else {
        onState("disconnected", failure);
        await pause(retryMs);
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
      }
    }
  }

  void run();
  return { retry: () => wake() };
}
