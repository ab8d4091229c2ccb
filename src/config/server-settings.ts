/** Settings of the server: where it listens, what it keeps, who may come in. */
import { mqttDoorSettings, mqttListenSettings } from "./mqtt-settings.ts";
import {
  address,
  addressAutoOrOff,
  count,
  duration,
  names,
  oneOf,
  path,
  pemFile,
  secretText,
  setting,
  yesOrNo,
} from "./values.ts";

export const serverSettings = {
  data: setting({
    ...path,
    fallback: "./roost-data",
    flag: "--data",
    about:
      "The folder that holds everything: database, operator socket and, unless --config names another, roost.toml.",
  }),
  "http.listen": setting({
    ...address,
    fallback: "[::]:8080",
    flag: "--http",
    about: "Where REST, the WebSocket door and MQTT over WebSocket listen. [::] is every interface, IPv4 included.",
  }),
  "http.tls": setting({
    ...oneOf("off", "on"),
    fallback: "off",
    about: "on: HTTPS and WSS there, with tls.certificate; off: leave that to a proxy.",
  }),
  ...mqttListenSettings,
  "mqtts.listen": setting({
    ...addressAutoOrOff,
    fallback: "auto",
    about: "Where MQTT listens on TLS; auto is [::]:8883 where there is a certificate.",
  }),
  "tls.certificate": setting({
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "The server's certificate, then those between it and the root, in PEM form.",
  }),
  "tls.key": setting({
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "The certificate's private key in PEM form, without a passphrase.",
  }),
  "tls.client_ca": setting({
    ...pemFile,
    fallback: undefined,
    live: true,
    about: "MQTT on TLS asks clients for certificates signed by one of these, in PEM form; see roost device add.",
  }),
  "tls.require_client_certificate": setting({
    ...yesOrNo,
    fallback: false,
    live: true,
    about: "true: MQTT on TLS refuses clients without a certificate; false: they may log in by password.",
  }),
  ...mqttDoorSettings,
  durability: setting({
    ...oneOf("disk", "os"),
    fallback: "disk",
    about:
      "disk: an acknowledgement means the message is on disk. os: it is with the operating system; a power cut may lose it.",
  }),
  directory: setting({
    ...oneOf("all", "contacts"),
    fallback: "all",
    about:
      "Which users a user can find. all: all users of the server; contacts: their contacts and the members of their chats. A user who knows a phone number may ask for it either way.",
  }),
  registration: setting({
    ...oneOf("open", "invite", "off"),
    fallback: "open",
    about:
      "Whether people may register by themselves. invite: with a link of roost user invite, and by phone not at all; off leaves it to the operator (roost user add) and the backend.",
  }),
  migration_code: setting({
    ...oneOf("optional", "required"),
    fallback: "optional",
    about:
      "Whether a profile moves to another phone only with the code that was sent there; the clients of PROFILE have no field for one.",
  }),
  "auth.client_tokens": setting({
    ...yesOrNo,
    fallback: true,
    about:
      "Whether a client of AUTH may bring a token of its own, of 16 bytes or more; false: it gets one of the server's.",
  }),
  backend_key: setting({
    ...secretText,
    fallback: undefined,
    secret: true,
    about:
      "The key a backend shows on REST. Without one it is made at the first start and rotated by roost key rotate.",
  }),
  "rest.access_token_lifetime": setting({
    ...duration(60, 3650 * 86_400),
    fallback: "24 h",
    about: "How long an access token of REST is good for.",
  }),
  "rest.refresh_token_lifetime": setting({
    ...duration(60, 3650 * 86_400),
    fallback: "7 d",
    about: "How long a refresh token of REST may be exchanged for the next pair.",
  }),
  "rest.open_tokens": setting({
    ...yesOrNo,
    fallback: false,
    about: "true: a client without the backend key may make a participant that does not exist yet (POST /token).",
  }),
  "rest.require_signature": setting({
    ...yesOrNo,
    fallback: false,
    about: "true: participants with a key must sign what they send and fetch on REST; the unsigned forms are refused.",
  }),
  admins: setting({
    ...names,
    fallback: undefined,
    about: "People who may read $SYS/broker/…: their usernames, or user.<userId>, with commas between.",
  }),
  "log.level": setting({
    ...oneOf("debug", "info", "warn", "error"),
    fallback: "info",
    live: true,
    about: "The least important lines that are logged.",
  }),
  "log.format": setting({
    ...oneOf("auto", "text", "json"),
    fallback: "auto",
    about: "auto: text on a terminal, JSON lines otherwise.",
  }),
  registrations_per_address_hour: setting({
    ...count(1, 1_000_000),
    fallback: 60,
    about: "Accounts one address may register in an hour before it is told to try later.",
  }),
  "login.failures_per_minute": setting({
    ...count(1, 1_000_000),
    fallback: 30,
    about: "Wrong secrets one address may show in a minute before it is told to try later.",
  }),
  "login.failures_per_account_hour": setting({
    ...count(1, 1_000_000),
    fallback: 10,
    about: "Wrong secrets one account may be shown in an hour before it is told to try later.",
  }),
};
