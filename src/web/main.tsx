/** Where the client starts in the browser: puts its parts together and shows them. */
import { signal } from "@preact/signals";
import { render } from "preact";

type Line = "connecting" | "online" | "offline";

const line = signal<Line>("connecting");
const serverName = signal("");

/** What is shown until there is more: the server's name, and whether there is a line to it. */
const Page = () => (
  <main>
    <h1>{serverName}</h1>
    <p role="status">{line}</p>
  </main>
);

function connect(): void {
  const address = new URL("/ws", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.onopen = () => socket.send(JSON.stringify({ action: "server.info" }));
  socket.onmessage = ({ data }) => {
    const answer: unknown = JSON.parse(String(data));
    if (typeof answer !== "object" || answer === null || !("name" in answer)) return;
    serverName.value = String(answer.name);
    line.value = "online";
  };
  socket.onclose = () => {
    line.value = "offline";
  };
}

const place = document.getElementById("app");
if (place === null) throw new Error("the page has no place for the client");
render(<Page />, place);
connect();
