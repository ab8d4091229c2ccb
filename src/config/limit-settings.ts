/** Settings that bound something, `limits.…`. Each becomes a number of `Config.limits`. A door's own stand with its others. */
import { diskSettings } from "./disk-settings.ts";
import { memorySettings } from "./memory-settings.ts";
import { mqttLimitSettings } from "./mqtt-settings.ts";
import { restLimitSettings } from "./rest-settings.ts";
import { bytes, count, mib, type Reading, type Shown, settingsOf } from "./values.ts";
import { websocketLimitSettings } from "./websocket-settings.ts";

export const limitSettings = settingsOf({
  "limits.message_bytes": {
    ...bytes(1, 64 * mib),
    fallback: "1 MiB",
    about: "The text of one chat message, through whichever door; files.max_bytes is for what is no text.",
  },
  "limits.chat_members": {
    ...count(2, 10_000),
    fallback: 10_000,
    about: "Members of one chat; one more is refused.",
  },
  ...diskSettings,
  ...memorySettings,
  ...restLimitSettings,
  ...websocketLimitSettings,
  ...mqttLimitSettings,
});

type LimitKey = keyof typeof limitSettings;
type CamelCase<Text extends string> = Text extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text;
type LimitName<Key> = Key extends `limits.${infer Name}` ? `${CamelCase<Name>}Max` : never;

/** By name, so `limits.mqtt_packet_bytes` is `mqttPacketBytesMax`. Bytes, seconds or a count. */
export type Limits = {
  readonly [Key in LimitKey as LimitName<Key>]: ReturnType<(typeof limitSettings)[Key]["parse"]>;
};

const limitKeys = Object.keys(limitSettings) as readonly LimitKey[];

const limitNameOf = (key: LimitKey): keyof Limits =>
  `${key.slice("limits.".length).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())}Max` as keyof Limits;

export const readLimits = ({ needed }: Reading<typeof limitSettings>): Limits =>
  Object.fromEntries(limitKeys.map((key) => [limitNameOf(key), needed[key]])) as Limits;

/** What is in force, for a reader. */
export const shownLimits = (limits: Limits): Shown<typeof limitSettings> =>
  Object.fromEntries(limitKeys.map((key) => [key, limits[limitNameOf(key)]])) as Shown<typeof limitSettings>;
