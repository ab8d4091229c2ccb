/** Settings of the whole server: its data, its HTTP port, what it logs, who may come in. Each is a field of `Config` itself. */
import { type Address, formatListen, isSocketPath, type SocketPath } from "../lib/address.ts";
import {
  addressOrSocket,
  count,
  hidden,
  line,
  names,
  oneOf,
  path,
  type Reading,
  type Shown,
  secretText,
  settingsOf,
} from "./values.ts";

export interface ServerConfig {
  /** Absolute. */
  readonly data: string;
  readonly http: { readonly listen: Address | SocketPath; readonly tls: "off" | "on" };
  readonly name: string;
  readonly durability: "disk" | "os";
  readonly directory: "all" | "contacts";
  readonly search: "on" | "off";
  readonly registration: "open" | "invite" | "off";
  readonly invites: "operator" | "users";
  readonly migrationCode: "optional" | "required";
  readonly backendKey: string | undefined;
  /** Usernames, or `user.<userId>`, of users whom the operator made. */
  readonly admins: readonly string[];
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly format: "auto" | "text" | "json";
    readonly connections: "off" | "on";
  };
  /** Characters. */
  readonly passwordLengthMin: number;
  readonly login: {
    readonly failuresPerAddressMinute: number;
    readonly failuresPerAccountHour: number;
    readonly registrationsPerAddressHour: number;
  };
}

export const serverSettings = settingsOf({
  data: {
    ...path,
    fallback: "./roost-data",
    flag: "--data",
    about:
      "The folder that holds everything: database, operator socket and, unless --config names another, roost.toml.",
  },
  "http.listen": {
    ...addressOrSocket,
    fallback: "[::]:8080",
    flag: "--http",
    about:
      "Where REST, the WebSocket door and MQTT over WebSocket listen. [::] is every interface, IPv4 included; unix: is a Unix socket for a proxy.",
  },
  "http.tls": {
    ...oneOf("off", "on"),
    fallback: "off",
    about: "on: HTTPS and WSS there, with tls.certificate; off: leave that to a proxy.",
  },
  name: {
    ...line("TEXT", /^(?=.*\S)[^\p{Cc}]{1,64}$/u, "1 to 64 characters"),
    fallback: "Roost",
    about: "What clients are told that this server is called, also before they log in.",
  },
  durability: {
    ...oneOf("disk", "os"),
    fallback: "disk",
    about:
      "disk: an acknowledgement means the message is on disk. os: it is with the operating system; a power cut may lose it.",
  },
  directory: {
    ...oneOf("all", "contacts"),
    fallback: "all",
    about:
      "Which users a user can find. all: all users of the server; contacts: their contacts and the members of their chats. A user who knows a phone number may ask for it either way.",
  },
  search: {
    ...oneOf("on", "off"),
    fallback: "on",
    about:
      "Whether users can search the text of their chats. on: the words are kept in search.db in the data folder; off: that file is removed, and on makes it anew.",
  },
  registration: {
    ...oneOf("open", "invite", "off"),
    fallback: "open",
    about:
      "Whether people may register by themselves. invite: with a link of roost user invite, and by phone not at all; off leaves it to the operator (roost user add) and the backend.",
  },
  invites: {
    ...oneOf("operator", "users"),
    fallback: "operator",
    about:
      "Who makes invitations. operator: roost user invite alone; users: each user may too, 10 in seven days for one person each.",
  },
  migration_code: {
    ...oneOf("optional", "required"),
    fallback: "required",
    about:
      "Whether a profile moves to another phone only with the code that was sent there; optional lets a client take a phone that is not its own.",
  },
  backend_key: {
    ...secretText,
    fallback: undefined,
    secret: true,
    about:
      "The key a backend shows on REST. Without one it is made at the first start and rotated by roost key rotate.",
  },
  admins: {
    ...names,
    fallback: undefined,
    about:
      "Users of roost user add (or roost user trust) who may read $SYS/broker/…: their usernames, or user.<userId>, with commas between.",
  },
  "log.level": {
    ...oneOf("debug", "info", "warn", "error"),
    fallback: "info",
    live: true,
    about: "The least important lines that are logged.",
  },
  "log.format": {
    ...oneOf("auto", "text", "json"),
    fallback: "auto",
    about: "auto: text on a terminal, JSON lines otherwise.",
  },
  "log.connections": {
    ...oneOf("off", "on"),
    fallback: "off",
    about:
      "on: a line at info for each client that comes or goes; off: those lines are at debug. roost clients lists them.",
  },
  registrations_per_address_hour: {
    ...count(1, 1_000_000),
    fallback: 60,
    about: "Accounts one address may register in an hour before it is told to try later.",
  },
  "password.min_length": {
    ...count(1, 128),
    fallback: 8,
    about: "Characters of a password that is set from now on; shorter ones that exist still log in.",
  },
  "login.failures_per_minute": {
    ...count(1, 1_000_000),
    fallback: 30,
    about:
      "Wrong tokens and keys one address may show in a minute; after that, wrong ones are told to try later. Right ones always pass.",
  },
  "login.failures_per_account_hour": {
    ...count(1, 1_000_000),
    fallback: 10,
    about:
      "Wrong passwords, or codes, of one account from one address before each further one has to wait longer, up to five minutes. Forgotten after an hour.",
  },
});

/** `sun_path` holds 108 bytes on Linux and 104 elsewhere, the terminating zero included. */
const socketPathBytesMax = 100;

function readHttp({ needed, absolute, problems }: Reading<typeof serverSettings>): ServerConfig["http"] {
  const [given, tls] = [needed["http.listen"], needed["http.tls"]];
  if (!isSocketPath(given)) return { listen: given, tls };
  const path = absolute("http.listen", given.path);
  if (Buffer.byteLength(path) > socketPathBytesMax) {
    problems.push(`http.listen: the path of a Unix socket has at most ${socketPathBytesMax} bytes: ${path}`);
  }
  if (tls === "on") problems.push("http.tls needs a port; on a Unix socket TLS is the proxy's");
  return { listen: { path }, tls };
}

export const readServer = ({ optional, needed, absolute, problems }: Reading<typeof serverSettings>): ServerConfig => ({
  data: absolute("data", needed["data"]),
  http: readHttp({ optional, needed, absolute, problems }),
  name: needed["name"],
  durability: needed["durability"],
  directory: needed["directory"],
  search: needed["search"],
  registration: needed["registration"],
  invites: needed["invites"],
  migrationCode: needed["migration_code"],
  backendKey: optional["backend_key"],
  admins: optional["admins"] ?? [],
  log: { level: needed["log.level"], format: needed["log.format"], connections: needed["log.connections"] },
  passwordLengthMin: needed["password.min_length"],
  login: {
    failuresPerAddressMinute: needed["login.failures_per_minute"],
    failuresPerAccountHour: needed["login.failures_per_account_hour"],
    registrationsPerAddressHour: needed["registrations_per_address_hour"],
  },
});

/** What is in force, for a reader. */
export const shownServer = (server: ServerConfig): Shown<typeof serverSettings> => ({
  data: server.data,
  "http.listen": formatListen(server.http.listen),
  "http.tls": server.http.tls,
  name: server.name,
  durability: server.durability,
  directory: server.directory,
  search: server.search,
  registration: server.registration,
  invites: server.invites,
  migration_code: server.migrationCode,
  backend_key: hidden(server.backendKey),
  admins: server.admins.join(", ") || null,
  "log.level": server.log.level,
  "log.format": server.log.format,
  "log.connections": server.log.connections,
  registrations_per_address_hour: server.login.registrationsPerAddressHour,
  "password.min_length": server.passwordLengthMin,
  "login.failures_per_minute": server.login.failuresPerAddressMinute,
  "login.failures_per_account_hour": server.login.failuresPerAccountHour,
});
