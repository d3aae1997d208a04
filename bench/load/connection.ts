import { once } from "node:events";
import { connect } from "node:net";
import { type Answer, readAnswer } from "./http.ts";

/** A connection that stays open, with one request at a time on it. */
export interface Connection {
  /** Calls back with the last byte of the answer; never when the connection breaks before. */
  ask(request: Buffer, onAnswer: (answer: Answer) => void): void;
  close(): void;
}

/**
 * Speaks to the socket itself: an HTTP client would cost more than the servers that are measured.
 *
 * @param onBroken hears once that the connection is gone, unless we closed it
 */
export async function openConnection(port: number, onBroken: (error: Error) => void): Promise<Connection> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  let received: Buffer | null = null;
  let waiting: ((answer: Answer) => void) | null = null;
  let isOver = false;
  const end = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    onBroken(error);
  };
  socket.on("data", (chunk) => {
    received = received === null ? chunk : Buffer.concat([received, chunk]);
    const answer = readAnswer(received);
    if (answer === null) return;
    const answered = waiting;
    received = null;
    waiting = null;
    answered?.(answer);
  });
  socket.on("error", end);
  socket.on("close", () => end(new Error("the server closed a connection")));
  return {
    ask: (request, onAnswer) => {
      waiting = onAnswer;
      socket.write(request);
    },
    close: () => {
      isOver = true;
      socket.destroy();
    },
  };
}
