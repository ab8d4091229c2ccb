/** Which friends are online, and who sees that of the user (docs/protocols/minioicq.md). */
import { type PresenceRule, presenceRules } from "../../../domain/model.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { isAbsent, Refused } from "../fields.ts";

/** How it is now, and what changes, is pushed behind the answer. */
export const watchPresence: Handler<{ readonly action: "presence.watch"; readonly watch: boolean }> = {
  parse: ({ watch }) => {
    if (!isAbsent(watch) && typeof watch !== "boolean") throw new Refused("Invalid watch");
    return { action: "presence.watch", watch: watch !== false };
  },
  handle: async ({ shared, caller, user }, { watch }) => {
    const now = await shared.domain.store.findUser(user.userId);
    caller.watchPresence(watch);
    return answerWith({ action: "presence.watch.success", watch, presence: now?.presenceRule });
  },
};

/** Who sees whether the user is online, and when they were last seen. Throws `user_disabled`. */
export const setPresence: Handler<{ readonly action: "presence.set"; readonly rule: PresenceRule }> = {
  parse: ({ presence }) => {
    const rule = presenceRules.find((one) => one === presence);
    if (rule === undefined) throw new Refused("Invalid presence");
    return { action: "presence.set", rule };
  },
  handle: async ({ shared, user }, { rule }) => {
    await shared.domain.presence.setRule(user.userId, rule);
    return answerWith({ action: "presence.set.success", presence: rule });
  },
};
