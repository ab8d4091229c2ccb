/** A real server in this process, on free ports and a fresh temporary folder, gone when the test ends. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config.ts";
import type { PasswordCost } from "../../src/domain/people/passwords.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { putEmptyDatabase } from "./empty-database.ts";

export interface TestServer extends AsyncDisposable {
  /** `127.0.0.1:port`, or what `TestServerOptions.http` says. */
  readonly http: string;
  readonly mqtt: string;
  readonly mqttPort: number;
  /** Null unless the test configured a certificate. */
  readonly mqtts: string | null;
  readonly reloadCertificate: RunningServer["reloadCertificate"];
  readonly backendKey: string;
  readonly dataDir: string;
  readonly domain: RunningServer["domain"];
  readonly rights: RunningServer["rights"];
  readonly store: RunningServer["store"];
  readonly hub: RunningServer["hub"];
  /** Stops it and starts a new one on the same data (and new ports), with `env` besides the variables it had. */
  restart(env?: Readonly<Record<string, string>>): Promise<TestServer>;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  /** `--http`; a free port where it is not given. */
  readonly http?: string;
  /** `ROOST_*` variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Next to nothing where it is not given: most tests make users, and few are about their passwords. */
  readonly passwordCost?: PasswordCost;
}

const cheap: PasswordCost = { memoryKib: 8, passes: 1, scram: "generated" };

/** Every client of a test comes from the same address, and few tests are about passwords. */
const oneAddress = {
  ROOST_PASSWORD_MIN_LENGTH: "1",
  ROOST_REGISTRATIONS_PER_ADDRESS_HOUR: "100000",
  ROOST_LIMITS_MQTT_CONNECTIONS_PER_ADDRESS: "1000000",
  ROOST_LIMITS_MQTT_CONNECTS_PER_ADDRESS_SECOND: "1000000",
  ROOST_LIMITS_WEBSOCKET_REQUESTS_PER_SECOND: "1000000",
  ROOST_LIMITS_WEBSOCKET_ACCOUNT_REQUESTS_PER_SECOND: "1000000",
};

const backendKey = "test-backend-key-0123456789";

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "roost-test-"));
  await putEmptyDatabase(dataDir);
  return startIn(dataDir, options);
}

async function startIn(dataDir: string, options: TestServerOptions): Promise<TestServer> {
  const config = loadConfig({
    flags: { data: dataDir, "http.listen": options.http ?? "127.0.0.1:0", "mqtt.listen": "127.0.0.1:0" },
    env: {
      ROOST_DURABILITY: "os",
      ROOST_BACKEND_KEY: backendKey,
      ...oneAddress,
      ...options.env,
    },
    readFile: () => undefined,
  });
  const running = await startServer(config, {
    log: options.log ?? silentLog,
    passwordCost: options.passwordCost ?? cheap,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const { http, mqtt, mqtts, reloadCertificate, domain, rights, store, hub } = running;
  if (mqtt === null) throw new Error("the test server has no MQTT listener");
  let kept = false;
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= running.stop();
    return stopping;
  };
  return {
    http,
    mqtt,
    mqtts,
    reloadCertificate,
    mqttPort: Number(mqtt.slice(mqtt.lastIndexOf(":") + 1)),
    backendKey,
    dataDir,
    domain,
    rights,
    store,
    hub,
    stop,
    async restart(env = {}) {
      kept = true;
      await stop();
      return startIn(dataDir, { ...options, env: { ...options.env, ...env } });
    },
    async [Symbol.asyncDispose]() {
      await stop();
      if (!kept) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
