/** Bounds that several parts hold to; a bound that concerns one file stands there. */

/** Of a user's nick, names and surnames, in code points. */
export const nickCharactersMax = 128;
/** Of a chat's name, in UTF-16 units. */
export const chatNameCharactersMax = 256;
/** Of one chat, where the settings say nothing else. */
export const chatMembersMax = 10_000;
/** Rosters that one record of PROFILE may name. */
export const rostersMax = 100;
