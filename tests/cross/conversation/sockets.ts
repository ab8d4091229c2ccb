/** The binary by its sockets, as clients of other programs use it. */

import { withDeadline } from "../../support/deadline.ts";
import { dial } from "../../support/line.ts";
import type { BinaryServer } from "../binary-server.ts";
import type { Running } from "../running.ts";
import type { Wires } from "./wires.ts";

export function wiresOf(running: Running, backendKey: string): Wires {
  const server = (): BinaryServer => {
    if (running.server === undefined) throw new Error("the server was killed");
    return running.server;
  };
  return {
    backendKey,
    async call(request, { as, body }) {
      const [method = "", path = ""] = request.split(" ");
      const init = { method, headers: { Authorization: `Bearer ${as}` } };
      const url = `http://${server().http}${path}`;
      const answer = await fetch(url, body === undefined ? init : { ...init, body: JSON.stringify(body) });
      return { status: answer.status, text: await answer.text() };
    },
    async frames(heard) {
      const socket = new WebSocket(`ws://${server().http}/ws`);
      const opened = Promise.withResolvers<void>();
      socket.onopen = () => opened.resolve();
      socket.onerror = () => opened.reject(new Error("the WebSocket did not open"));
      socket.onmessage = ({ data }) => heard(JSON.parse(String(data)));
      await withDeadline("a WebSocket to open", opened.promise);
      return {
        get isClosed() {
          return socket.readyState !== WebSocket.OPEN;
        },
        say: (action) => socket.send(JSON.stringify(action)),
        drop: () => socket.terminate(),
      };
    },
    async packets() {
      const line = dial(server().mqtt);
      await withDeadline("an open connection", line.opened);
      return line;
    },
    until: (what, condition) => running.until(what, condition),
    async rest() {},
    pass() {},
  };
}
