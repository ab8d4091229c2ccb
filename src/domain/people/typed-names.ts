/**
 * Whom a name means that a client types to log in: an MQTT user name, the `user_id` of MiniOICQ. In this order:
 *
 * 1. a device, or the user with exactly this username, or `user.<userId>`. No device has a user's name;
 * 2. a bare number: the user with that id;
 * 3. `+<phone>`: the first user of that phone;
 * 4. the log-in name of a user.
 *
 * A backend or the operator may give a name that is someone's log-in name. From then on it means the new user or device,
 * and the other user logs in by number. Only log-ins ask here, so nothing else takes a log-in name for its user.
 */
import { safeInteger } from "../keys.ts";
import type { User, UserId } from "../model.ts";
import { phoneOf } from "../phones/phones.ts";

export interface NameLookup<Device> {
  findDevice(name: string): Device | undefined;
  /** By username, else by `user.<userId>`. */
  findUserByKey(key: string): Promise<User | undefined>;
  findUser(userId: number): Promise<User | undefined>;
  /** By rising id. */
  listUserIdsOfPhone(phone: string): Promise<readonly UserId[]>;
  findUserByLoginName(loginName: string): Promise<User | undefined>;
}

export type Named<Device> = { readonly device: Device } | { readonly user: User };

export function createTypedNames<Device>(look: NameLookup<Device>) {
  async function find(name: string): Promise<Named<Device> | undefined> {
    const device = look.findDevice(name);
    if (device !== undefined) return { device };
    const user = await findUser(name);
    return user === undefined ? undefined : { user };
  }

  /** Where no device has the name. */
  async function findUser(name: string): Promise<User | undefined> {
    const named = await look.findUserByKey(name);
    if (named !== undefined) return named;
    const userId = safeInteger(name);
    if (userId !== undefined) return look.findUser(userId);
    if (!name.startsWith("+")) return look.findUserByLoginName(name);
    const phone = phoneOf(name);
    const [ofPhone] = phone === undefined ? [] : await look.listUserIdsOfPhone(phone);
    return ofPhone === undefined ? undefined : look.findUser(ofPhone);
  }

  /** Whether the user may be called so who has proved otherwise who they are. */
  async function isNameOf(user: User, name: string): Promise<boolean> {
    if (name === user.userKey || name === `user.${user.userId}` || name === String(user.userId)) return true;
    if (name.startsWith("+")) return user.phone !== undefined && phoneOf(name) === user.phone;
    return name === user.loginName && !(await isTaken(name));
  }

  /** Whether a username or a device goes before this log-in name. */
  const isTaken = async (loginName: string): Promise<boolean> =>
    look.findDevice(loginName) !== undefined || (await look.findUserByKey(loginName)) !== undefined;

  return { find, isNameOf, isTaken };
}

export type TypedNames<Device> = ReturnType<typeof createTypedNames<Device>>;
