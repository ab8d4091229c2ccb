/** Debian's Mosquitto clients: `mosquitto_sub` stays, `mosquitto_pub` says one thing, `mosquitto_rr` asks. */

import { type Client, Ear, type Found, newClientId, type Place, type Said, type Sent, type User } from "./client.ts";
import { CutLine } from "./cut-line.ts";
import { LineReader } from "./line-reader.ts";
import { type Reach, runWith, upload } from "./programs.ts";
import { changeFound, topicHeard } from "./shapes.ts";

const channels = ["messages", "changes", "receipts", "typing"] as const;

export class Mosquitto implements Client {
  readonly door = "mosquitto";
  readonly user: User;
  readonly ear = new Ear();
  readonly #reach: Reach;
  readonly #line: CutLine;
  #sub: LineReader | undefined;
  #subscribed = Promise.withResolvers<void>();

  private constructor(user: User, reach: Reach, line: CutLine) {
    this.user = user;
    this.#reach = reach;
    this.#line = line;
  }

  static async of(user: User, reach: Reach): Promise<Mosquitto> {
    return new Mosquitto(user, reach, await CutLine.to(reach.mqtt));
  }

  /** MQTT 3.1.1, a session that outlives its connections. Without stdbuf it keeps back what it says of itself. */
  async start(): Promise<void> {
    this.#subscribed = Promise.withResolvers();
    const topics = channels.flatMap((channel) => ["-t", `chat/+/${channel}`]);
    const login = [...this.#login(this.#line.address), "-i", `${this.user.userID}-phone`];
    const session = ["-c", "-V", "311", "-q", "1", "-d", "-F", "%t %p"];
    this.#sub = new LineReader(["stdbuf", "-oL", "mosquitto_sub", ...login, ...session, ...topics], (line) =>
      this.#heard(line),
    );
    await this.#sub.whileRunning("mosquitto_sub subscribes", this.#subscribed.promise);
  }

  #heard(line: string): void {
    if (line.startsWith("Subscribed")) this.#subscribed.resolve();
    if (!line.startsWith("chat/")) return;
    const space = line.indexOf(" ");
    this.ear.push(...topicHeard(line.slice(0, space), line.slice(space + 1)));
  }

  async stop(): Promise<void> {
    await this.#sub?.end();
  }

  cut(): void {
    this.#line.cut();
  }

  /** mosquitto_sub comes again by itself. */
  async resume(): Promise<void> {
    this.#subscribed = Promise.withResolvers();
    this.#line.mend();
    await this.#sub?.whileRunning("mosquitto_sub comes again", this.#subscribed.promise);
  }

  async send(place: Place, { type, content, replyTo }: Said): Promise<Sent> {
    const clientId = newClientId(this.door);
    const named = ["-D", "publish", "user-property", "client-message-id", clientId];
    if (type === "application/octet-stream") {
      const file = await upload(this.#reach.http, this.user.token, content, type);
      await this.#say(place, "send", JSON.stringify({ file }), named);
    } else if (replyTo !== undefined) {
      const payload = { content: content.toString(), reply_to: replyTo, client_id: clientId };
      await this.#say(place, "send", JSON.stringify(payload));
    } else {
      const contentType = type === "text" ? "text/plain" : type;
      await this.#say(place, "send", content, [...named, "-D", "publish", "content-type", contentType]);
    }
    const own = await this.ear.hears("its own message", (one) => one.clientId === clientId);
    return { id: own.id ?? "", seq: own.seq };
  }

  async refused(place: Place): Promise<string> {
    const { stderr } = await this.#publish(place, "send", "must be refused");
    if (stderr === "") throw new Error("a message that must be refused was not");
    return stderr.trim().replace("\n", ": ");
  }

  async edit(place: Place, id: string, content: string): Promise<void> {
    await this.#say(place, "changes", JSON.stringify({ edit: id, content }));
  }

  async remove(place: Place, id: string): Promise<void> {
    await this.#say(place, "changes", JSON.stringify({ delete: id }));
  }

  async react(place: Place, id: string, reaction: string): Promise<void> {
    await this.#say(place, "changes", JSON.stringify({ react: id, reaction }));
  }

  async read(place: Place, { seq }: { readonly seq: number }): Promise<void> {
    await this.#say(place, "receipts", JSON.stringify({ read: seq }));
  }

  async typing(place: Place, on: boolean): Promise<void> {
    await this.#say(place, "typing", JSON.stringify({ typing: on }));
  }

  async changes(place: Place, revision: number): Promise<Found[]> {
    const topic = topicOf(place, "changes");
    const asked = [
      "-V",
      "5",
      "-W",
      "30",
      "-q",
      "1",
      "-t",
      topic,
      "-e",
      topic,
      "-m",
      JSON.stringify({ after: revision }),
    ];
    const { code, stdout, stderr } = await runWith(["mosquitto_rr", ...this.#login(this.#reach.mqtt), ...asked]);
    if (code !== 0) throw new Error(`mosquitto_rr ended with ${code}: ${stderr}`);
    return JSON.parse(stdout).changes.map((change: never) => changeFound(change, `${topic} (mosquitto_rr)`));
  }

  async #say(place: Place, channel: string, payload: string | Buffer, properties: string[] = []): Promise<void> {
    const { stderr } = await this.#publish(place, channel, payload, properties);
    if (stderr !== "") throw new Error(`mosquitto_pub to ${topicOf(place, channel)}: ${stderr}`);
  }

  /** MQTT 5, so that a refusal has words. It ends with 0 even where it was refused. */
  async #publish(place: Place, channel: string, payload: string | Buffer, properties: string[] = []) {
    const login = this.#login(this.#reach.mqtt);
    const what = ["-V", "5", "-q", "1", "-t", topicOf(place, channel), ...properties, "-s"];
    const ran = await runWith(["mosquitto_pub", ...login, ...what], payload);
    if (ran.code !== 0) throw new Error(`mosquitto_pub ended with ${ran.code}: ${ran.stderr}`);
    return ran;
  }

  #login(address: string): string[] {
    const [host = "", port = ""] = address.split(":");
    return ["-h", host, "-p", port, "-u", this.user.userID, "-P", this.user.token];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sub?.end("SIGKILL");
    await this.#line[Symbol.asyncDispose]();
  }
}

export const topicOf = ({ peer, name }: Place, channel: string): string =>
  `chat/${peer === undefined ? name : `user.${peer.userId}`}/${channel}`;
