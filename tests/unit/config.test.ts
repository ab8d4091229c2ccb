import { describe, expect, test } from "bun:test";
import { type SettingKey, settingKeys, settings, variableOf } from "../../src/config/settings.ts";
import type { ConfigSources } from "../../src/config/sources.ts";
import { annotatedFile, describeValue, settingsHelp, showConfig } from "../../src/config/texts.ts";
import { type Config, ConfigError, loadConfig } from "../../src/config.ts";

const secret = "a-secret-of-some-length";
const role = "arn:aws:iam::123456789012:role/roost";
/** For settings without a default to which any text would not do. */
const examples: { readonly [Key in SettingKey]?: string } = {
  "webhooks.hosts": "hooks.example.org",
  "webhooks.networks": "10.1.0.0/16",
  "proxy.trusted": "10.1.0.0/16",
  "rest.cors_origins": "https://chat.example.org",
  "sms.http_url": "https://sms.example.org/send?to={to}&text={text}",
  "sms.http_headers": "Authorization: Bearer abc",
  "sms.twilio_account_sid": "AC0123456789abcdef",
  "sms.countries": "UA",
  "sms.test_numbers": "15550001=903182",
  "mail.from": "Roost <chat@example.org>",
  "aws.access_key_id": "AKIDEXAMPLE",
  "aws.endpoint": "https://sts.example.org",
  "aws.role": role,
  "web.accent": "#2b6e5b",
  "web.logo": "logo.svg",
  "ws.origins": "https://chat.example.org",
  "aws.policy": '{"Resource":"arn:aws:s3:::chat/{user_id}/*"}',
};

function load(given: { flags?: ConfigSources["flags"]; env?: Record<string, string>; files?: Record<string, string> }) {
  const files = given.files ?? {};
  return loadConfig({
    flags: given.flags ?? {},
    env: given.env ?? {},
    readFile: (path) => files[path],
    cwd: "/srv",
  });
}

function problemsOf(given: Parameters<typeof load>[0]): readonly string[] {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const standardFile = "/srv/roost-data/roost.toml";

describe("where a value comes from", () => {
  const file = { [standardFile]: 'http.listen = ":3"\n' };
  const env = { ROOST_HTTP_LISTEN: ":2" };
  const flags = { "http.listen": ":1" };
  const table: { name: string; given: Parameters<typeof load>[0]; port: number; origin: Config["origins"]["data"] }[] =
    [
      {
        name: "a flag wins over all",
        given: { flags, env, files: file },
        port: 1,
        origin: { kind: "flag", name: "--http" },
      },
      {
        name: "a variable wins over the file",
        given: { env, files: file },
        port: 2,
        origin: { kind: "environment", name: "ROOST_HTTP_LISTEN" },
      },
      {
        name: "the file wins over the default",
        given: { files: file },
        port: 3,
        origin: { kind: "file", path: standardFile },
      },
      { name: "the default is last", given: {}, port: 8080, origin: { kind: "default" } },
      // `NAME=${UNSET}` in a compose file.
      {
        name: "an empty variable is not set",
        given: { env: { ROOST_HTTP_LISTEN: "" } },
        port: 8080,
        origin: { kind: "default" },
      },
    ];
  for (const { name, given, port, origin } of table) {
    test(name, () => {
      const config = load(given);
      expect(config.http.listen).toMatchObject({ port });
      expect(config.origins["http.listen"]).toEqual(origin);
    });
  }

  test("every setting can be set by its variable and knows that it was", () => {
    for (const key of settingKeys) {
      const value = settings[key].fallback ?? examples[key] ?? secret;
      const name = variableOf(key);
      // A certificate and its key are set together.
      const others: Record<string, string> = key.startsWith("tls.")
        ? { ROOST_TLS_CERTIFICATE: "c.pem", ROOST_TLS_KEY: "k.pem" }
        : key.startsWith("aws.")
          ? { ROOST_AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", ROOST_AWS_SECRET_ACCESS_KEY: secret, ROOST_AWS_ROLE: role }
          : {};
      expect(load({ env: { ...others, [name]: String(value) } }).origins[key]).toEqual({ kind: "environment", name });
    }
  });

  test("a secret may be in a file that a variable names, without its last line end", () => {
    const config = load({ env: { ROOST_BACKEND_KEY_FILE: "/run/key" }, files: { "/run/key": `${secret}\n` } });
    expect(config.backendKey).toBe(secret);
    expect(config.origins.backend_key).toEqual({
      kind: "environment file",
      name: "ROOST_BACKEND_KEY_FILE",
      path: "/run/key",
    });
  });

  test("roost.toml is looked for in the data folder, wherever that is", () => {
    expect(load({ flags: { data: "/d" }, files: { "/d/roost.toml": 'durability = "os"' } }).durability).toBe("os");
    expect(load({ env: { ROOST_DATA: "d" }, files: { "/srv/d/roost.toml": 'durability = "os"' } }).durability).toBe(
      "os",
    );
  });

  test("a file named by hand may place the data, from its own folder on", () => {
    const files = { "/etc/roost/main.toml": 'data = "state"\n' };
    for (const given of [
      { flags: { config: "/etc/roost/main.toml" } },
      { env: { ROOST_CONFIG: "/etc/roost/main.toml" } },
    ]) {
      expect(load({ ...given, files }).data).toBe("/etc/roost/state");
    }
    expect(load({ flags: { config: "/etc/roost/main.toml", data: "x" }, files }).data).toBe("/srv/x");
  });

  test("tables and dotted keys are the same", () => {
    const text =
      '[limits]\nmqtt_connections = 7\nmessage_bytes = "2 KiB"\n[mqtt]\nlisten = "off"\n[http]\nlisten = 80\n';
    const config = load({ files: { [standardFile]: text } });
    expect(config.limits.mqttConnectionsMax).toBe(7);
    expect(config.limits.messageBytesMax).toBe(2048);
    expect(config.mqtt.listen).toBeNull();
    expect(config.http.listen).toEqual({ hostname: "::", port: 80 });
  });

  test("every limit has its name in the program, and what the specification says by default", () => {
    expect(load({}).limits).toEqual({
      chatMembersMax: 10_000,
      messageBytesMax: 1_048_576,
      restBodyBytesMax: 16_777_216,
      websocketFrameBytesMax: 2_097_152,
      websocketStrangersMax: 24,
      loginSecondsMax: 30,
      websocketsPerAccountMax: 16,
      websocketsPerAddressMax: 1000,
      diskBytesPerUserMax: "auto",
      memoryBytesMax: expect.any(Number),
      websocketLoginFrameBytesMax: 65_536,
      websocketRequestsPerSecondMax: 1000,
      websocketAccountRequestsPerSecondMax: 2000,
      mqttPacketBytesMax: 1_048_576,
      mqttAnonymousPacketBytesMax: 262_144,
      mqttTopicBytesMax: 4096,
      mqttTopicLevelsMax: 64,
      mqttTopicAliasesMax: 32,
      mqttInflightMax: 1000,
      mqttSessionsPerUserMax: 100,
      mqttSessionExpiryMax: 30 * 86_400,
      mqttConnectionsMax: 100_000,
      mqttConnectionsPerAddressMax: 1000,
      mqttConnectsPerAddressSecondMax: 100,
      mqttSubscriptionsMax: 1000,
      mqttQueuedMessagesMax: 10_000,
      mqttQueuedBytesMax: 67_108_864,
      mqttRetainedMessagesMax: 100_000,
      mqttRetainedBytesMax: 268_435_456,
      mqttRetainedBytesPerUserMax: 33_554_432,
      mqttSubscriptionBytesMax: 268_435_456,
      mqttSubscriptionBytesPerSessionMax: 2_097_152,
      mqttSubscriptionBytesPerUserMax: 8_388_608,
    });
  });

  test("a duration is seconds, or has a unit", () => {
    const seconds = (text: string) => load({ env: { ROOST_LIMITS_MQTT_SESSION_EXPIRY: text } }).limits;
    const table: [text: string, seconds: number][] = [
      ["90", 90],
      ["90 s", 90],
      ["5min", 300],
      ["12 h", 43_200],
      ["36500 d", 3_153_600_000],
    ];
    for (const [text, expected] of table) expect([text, seconds(text).mqttSessionExpiryMax]).toEqual([text, expected]);
    for (const text of ["0", "1.5 h", "1 w", "-1", "36501 d", "d"]) {
      expect(problemsOf({ env: { ROOST_LIMITS_MQTT_SESSION_EXPIRY: text } })).toEqual([
        `ROOST_LIMITS_MQTT_SESSION_EXPIRY: "${text}" cannot be used: expected a time from 1 to 3153600000 seconds, such as 1, 30 min, 12 h or 30 d`,
      ]);
    }
  });

  test("admins are an array in the file, and names with commas between in a variable", () => {
    const files = { [standardFile]: 'admins = ["anna", "user.10001"]\n' };
    expect(load({ files }).admins).toEqual(["anna", "user.10001"]);
    expect(load({ env: { ROOST_ADMINS: "anna, user.10001," } }).admins).toEqual(["anna", "user.10001"]);
    expect(load({}).admins).toEqual([]);
    expect(showConfig(load({ files })).find(({ key }) => key === "admins")?.value).toBe("anna, user.10001");
    expect(problemsOf({ env: { ROOST_ADMINS: "an na" } })).toEqual([
      'ROOST_ADMINS: "an na" cannot be used: expected usernames, or user.<userId>, with commas between',
    ]);
    expect(problemsOf({ files: { [standardFile]: "admins = [1]\n" } })).toEqual([
      `${standardFile}: admins: expected NAMES`,
    ]);
  });

  test("origins of web pages are written as browsers write them", () => {
    const origins = (text: string) => load({ env: { ROOST_WS_ORIGINS: text } }).ws.origins;
    expect(origins("HTTPS://Chat.Example.org:443, http://[::1]:80,capacitor://localhost, null")).toEqual([
      "https://chat.example.org",
      "http://[::1]",
      "capacitor://localhost",
      "null",
    ]);
    expect([origins("*"), load({}).ws.origins]).toEqual([["*"], []]);
    for (const text of ["chat.example.org", "https://chat.example.org/", "https://", "https://*", "https://a@b"]) {
      expect(problemsOf({ env: { ROOST_WS_ORIGINS: text } })).toHaveLength(1);
    }
  });

  test("the configuration is frozen to its leaves", () => {
    const config = load({});
    expect(Object.isFrozen(config) && Object.isFrozen(config.http.listen) && Object.isFrozen(config.origins)).toBe(
      true,
    );
  });
});

describe("what is wrong", () => {
  test("everything is said at once", () => {
    const problems = problemsOf({
      flags: { "http.listen": "80a" },
      env: { ROOST_DURABILITY: "maybe", ROOST_REGISTRATOIN: "off", ROOST_BACKEND_KEY_FILE: "/nowhere" },
      files: { [standardFile]: 'login.failures_per_minute = 0\nhttp.lisen = ":1"\n[limits]\nmessage_bytes = "big"\n' },
    });
    expect(problems.toSorted()).toEqual([
      '--http: "80a" cannot be used: expected HOST:PORT, [IPV6]:PORT or PORT, with a port from 0 to 65535',
      `${standardFile}: http.lisen: there is no such setting; did you mean http.listen?`,
      `${standardFile}: limits.message_bytes: "big" cannot be used: expected a size from 1 to 67108864 bytes, such as 1, 512 KiB or 16 MiB`,
      `${standardFile}: login.failures_per_minute: 0 cannot be used: expected a whole number from 1 to 1000000`,
      "ROOST_BACKEND_KEY_FILE: /nowhere does not exist",
      'ROOST_DURABILITY: "maybe" cannot be used: expected disk or os',
      "ROOST_REGISTRATOIN: there is no such setting; did you mean ROOST_REGISTRATION?",
    ]);
  });

  const table: { name: string; given: Parameters<typeof load>[0]; says: string }[] = [
    {
      name: "an unknown table is named by its keys",
      given: { files: { [standardFile]: '[htpp]\nlisten = ":1"\n' } },
      says: `${standardFile}: htpp.listen: there is no such setting; did you mean http.listen?`,
    },
    {
      name: "a section is no setting, and is not taken for a word that looks alike",
      given: { env: { ROOST_HTTP: ":80" } },
      says: "ROOST_HTTP: there is no such setting; did you mean ROOST_HTTP_LISTEN?",
    },
    {
      name: "the same in the file",
      given: { files: { [standardFile]: 'mqtt = ":1883"\n' } },
      says: `${standardFile}: mqtt: there is no such setting; did you mean mqtt.listen?`,
    },
    {
      name: "an unknown word of a known section leads into the section",
      given: { env: { ROOST_MQTT_PORT: "1883" } },
      says: "ROOST_MQTT_PORT: there is no such setting; did you mean ROOST_MQTT_LISTEN?",
    },
    {
      name: "a word that is near none is near none, with the prefix too",
      given: { env: { ROOST_XYZZY: "1" } },
      says: "ROOST_XYZZY: there is no such setting",
    },
    {
      name: "an unknown empty table is not overlooked",
      given: { files: { [standardFile]: "[nonsense]\n" } },
      says: `${standardFile}: nonsense: there is no such setting`,
    },
    {
      name: "an array is not a value",
      given: { files: { [standardFile]: 'durability = ["disk"]\n' } },
      says: `${standardFile}: durability: expected disk | os`,
    },
    {
      name: "a table is not a value",
      given: { files: { [standardFile]: '[durability]\nmode = "disk"\n' } },
      says: `${standardFile}: durability.mode: there is no such setting; did you mean durability?`,
    },
    {
      name: "a secret and its twin",
      given: { env: { ROOST_BACKEND_KEY: secret, ROOST_BACKEND_KEY_FILE: "/k" }, files: { "/k": secret } },
      says: "ROOST_BACKEND_KEY and ROOST_BACKEND_KEY_FILE are both set; keep one of them",
    },
    {
      name: "only secrets are read from files",
      given: { env: { ROOST_DATA_FILE: "/k" } },
      says: "ROOST_DATA_FILE: there is no such setting; did you mean ROOST_DATA?",
    },
    {
      name: "a named file must exist",
      given: { flags: { config: "no.toml" } },
      says: "/srv/no.toml does not exist",
    },
    {
      name: "one port for two listeners",
      given: { env: { ROOST_HTTP_LISTEN: "127.0.0.1:1883" } },
      says: "http.listen and mqtt.listen are both on port 1883; give one of them another",
    },
    {
      name: "a proxy is named by its address",
      given: { env: { ROOST_PROXY_TRUSTED: "loopback, proxy.example.org" } },
      says: 'ROOST_PROXY_TRUSTED: "loopback, proxy.example.org" cannot be used: expected addresses, networks such as 10.1.0.0/16 or fd00::/8, loopback or unix, with commas between',
    },
    {
      name: "a Unix socket has a path",
      given: { flags: { "http.listen": "unix:" } },
      says: '--http: "unix:" cannot be used: expected a path behind unix:',
    },
    {
      name: "a Unix socket's path fits the kernel's field",
      given: { flags: { "http.listen": `unix:/${"x".repeat(100)}` } },
      says: `http.listen: the path of a Unix socket has at most 100 bytes: /${"x".repeat(100)}`,
    },
    {
      name: "a Unix socket has no TLS",
      given: {
        env: { ROOST_HTTP_LISTEN: "unix:x", ROOST_HTTP_TLS: "on", ROOST_TLS_CERTIFICATE: "c", ROOST_TLS_KEY: "k" },
      },
      says: "http.tls needs a port; on a Unix socket TLS is the proxy's",
    },
    {
      name: "PROXY headers need a proxy that is trusted",
      given: { env: { ROOST_MQTT_PROXY_PROTOCOL: "on" } },
      says: "mqtt.proxy_protocol needs proxy.trusted: a PROXY header counts from a trusted proxy alone",
    },
    {
      name: "the data folder cannot be set in the file found through it",
      given: { files: { [standardFile]: 'data = "/x"\n' } },
      says: `${standardFile}: data cannot be set in the file that is found through it; use --data or ROOST_DATA`,
    },
  ];
  for (const { name, given, says } of table) {
    test(name, () => {
      expect(problemsOf(given)).toEqual([says]);
    });
  }

  test("a file that is not TOML says where", () => {
    const good = '# a comment\n[http]\nlisten = ":1"\n';
    for (const [text, line] of [
      ["durability = \n", 1],
      [`${good}durability = \n${good}`, 4],
      [`${good}]`, 4],
      ['registration = "open', 1],
    ]) {
      const problems = problemsOf({ files: { [standardFile]: String(text) } });
      expect(problems).toEqual([expect.stringContaining(`${standardFile}:${line}: `)]);
    }
  });

  test("a wrong secret is not quoted", () => {
    const problems = problemsOf({ env: { ROOST_BACKEND_KEY: "shh" } });
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain("shh");
  });

  test("variables that Docker and Kubernetes add beside a service called roost are nobody's mistake", () => {
    const env = {
      ROOST_PORT: "tcp://10.0.0.1:8080",
      ROOST_PORT_8080_TCP_ADDR: "10.0.0.1",
      ROOST_SERVICE_HOST: "10.0.0.1",
      ROOST_SERVICE_PORT_HTTP: "8080",
    };
    expect(problemsOf({ env })).toEqual([]);
  });
});

test("the path of a Unix socket starts where its setting is", () => {
  const at = (given: Parameters<typeof load>[0]) => load(given).http.listen;
  expect(at({ flags: { "http.listen": "unix:run/http.sock" } })).toEqual({ path: "/srv/run/http.sock" });
  expect(at({ files: { [standardFile]: 'http.listen = "unix:http.sock"' } })).toEqual({
    path: "/srv/roost-data/http.sock",
  });
  expect(at({ env: { ROOST_HTTP_LISTEN: "unix:/run/http.sock" } })).toEqual({ path: "/run/http.sock" });
});

describe("what is derived from the table", () => {
  test("the annotated file is valid, and setting every line in it changes nothing", () => {
    const defaults = load({});
    expect(load({ files: { [standardFile]: annotatedFile() } })).toEqual(defaults);
    const uncommented = annotatedFile()
      .replaceAll(/^(# ([a-z0-9_.]+) = .*)"…"/gm, (_, start: string, key: SettingKey) => {
        return start + JSON.stringify(examples[key] ?? secret);
      })
      .replaceAll(/^# ([a-z0-9_.]+ = )/gm, "$1");
    const config = load({ files: { [standardFile]: uncommented } });
    const file = `/srv/roost-data/${secret}`;
    expect(config).toEqual({
      ...defaults,
      backendKey: secret,
      admins: [secret],
      web: { client: "on", name: secret, accent: "#2b6e5b", logo: "/srv/roost-data/logo.svg" },
      ws: { ...defaults.ws, origins: ["https://chat.example.org"] },
      tls: { certificate: file, key: file, clients: { ca: file, required: false } },
      mqtts: { listen: { hostname: "::", port: 8883 } },
      proxy: { trusted: ["10.1.0.0/16"] },
      rest: { ...defaults.rest, corsOrigins: ["https://chat.example.org"] },
      webhooks: config.webhooks,
      sms: config.sms,
      mail: config.mail,
      aws: config.aws,
      origins: config.origins,
    });
    const fromFile = Object.values(config.origins).filter((origin) => origin.kind === "file");
    expect(fromFile).toHaveLength(settingKeys.length - 1); // All but `data`.
  });

  test("what is shown names every setting and hides secrets", () => {
    const shown = showConfig(load({ env: { ROOST_BACKEND_KEY: secret, ROOST_MQTT_LISTEN: "[::1]:0" } }));
    expect(shown.map(({ key }) => key)).toEqual(settingKeys);
    expect(JSON.stringify(shown)).not.toContain(secret);
    expect(shown.find(({ key }) => key === "backend_key")?.value).toBe("(set)");
    expect(shown.find(({ key }) => key === "mqtt.listen")?.value).toBe("[::1]:0");
  });

  test("a size and a time are shown with the largest unit that leaves a whole number, and can be given so", () => {
    const table: [key: SettingKey, value: number, shown: string][] = [
      ["limits.mqtt_packet_bytes", 1_048_576, "1 MiB"],
      ["limits.mqtt_packet_bytes", 1536, "1536 B"],
      ["limits.mqtt_packet_bytes", 10_240, "10 KiB"],
      ["limits.mqtt_retained_bytes", 2 ** 31, "2 GiB"],
      ["limits.mqtt_session_expiry", 2_592_000, "30 d"],
      ["limits.mqtt_session_expiry", 5400, "90 min"],
      ["limits.mqtt_session_expiry", 7200, "2 h"],
      ["limits.mqtt_session_expiry", 61, "61 s"],
      ["limits.mqtt_inflight", 1024, "1024"],
    ];
    for (const [key, value, shown] of table) {
      expect([key, describeValue(key, value)]).toEqual([key, shown]);
      const { limits } = load({ env: { [variableOf(key)]: shown } });
      expect([key, Object.values(limits).includes(value)]).toEqual([key, true]);
    }
    expect(describeValue("admins", null)).toBe("(not set)");
    expect(describeValue("mqtt.listen", "off")).toBe("off");
  });

  test("the help names every setting's variable", () => {
    for (const key of settingKeys) expect(settingsHelp()).toContain(variableOf(key));
  });
});

describe("TLS", () => {
  const files = { ROOST_TLS_CERTIFICATE: "c.pem", ROOST_TLS_KEY: "/k.pem" };

  test("mqtts.listen is the customary port where there is a certificate, and nothing without one", () => {
    expect([load({}).mqtts.listen, load({}).tls]).toEqual([null, undefined]);
    const { mqtts, tls } = load({ env: files });
    expect([mqtts.listen, tls]).toEqual([
      { hostname: "::", port: 8883 },
      { certificate: "/srv/c.pem", key: "/k.pem" },
    ]);
    expect(load({ env: { ...files, ROOST_MQTTS_LISTEN: "off" } }).mqtts.listen).toBeNull();
  });

  test("a relative path in the file starts where the file is", () => {
    const text = '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\n';
    const { tls } = load({ files: { [standardFile]: text } });
    expect(tls).toEqual({ certificate: "/srv/roost-data/c.pem", key: "/srv/roost-data/k.pem" });
  });

  test("clients are asked for certificates where there is somebody to have signed them", () => {
    expect(load({ env: { ...files, ROOST_TLS_CLIENT_CA: "ca.pem" } }).tls?.clients).toEqual({
      ca: "/srv/ca.pem",
      required: false,
    });
    const text =
      '[tls]\ncertificate = "c.pem"\nkey = "k.pem"\nclient_ca = "ca.pem"\nrequire_client_certificate = true\n';
    expect(load({ files: { [standardFile]: text } }).tls?.clients).toEqual({
      ca: "/srv/roost-data/ca.pem",
      required: true,
    });
  });

  const problems: [problem: string, env: Record<string, string>][] = [
    ["tls.client_ca needs tls.certificate and tls.key", { ROOST_TLS_CLIENT_CA: "ca.pem" }],
    ["tls.require_client_certificate needs tls.client_ca", { ...files, ROOST_TLS_REQUIRE_CLIENT_CERTIFICATE: "true" }],
    [
      'ROOST_TLS_REQUIRE_CLIENT_CERTIFICATE: "yes" cannot be used: expected true or false',
      { ...files, ROOST_TLS_REQUIRE_CLIENT_CERTIFICATE: "yes" },
    ],
    ["tls.key is set and tls.certificate is not; TLS needs both", { ROOST_TLS_KEY: "k.pem" }],
    ["tls.certificate is set and tls.key is not; TLS needs both", { ROOST_TLS_CERTIFICATE: "c.pem" }],
    ["http.tls needs tls.certificate and tls.key", { ROOST_HTTP_TLS: "on" }],
    ["mqtts.listen needs tls.certificate and tls.key", { ROOST_MQTTS_LISTEN: ":8884" }],
    [
      "mqtt.listen and mqtts.listen are both on port 1883; give one of them another",
      { ...files, ROOST_MQTTS_LISTEN: ":1883" },
    ],
  ];
  test.each(problems)("a problem: %s", (problem, env) => {
    expect(problemsOf({ env })).toEqual([problem]);
  });
});
