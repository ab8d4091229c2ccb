/** Limits that several files use; a limit that one file uses stands in that file. */

/** Of a user's nick, names and surnames, in code points. */
export const nickCharactersMax = 128;
/** Of a chat's name, in UTF-16 units. */
export const chatNameCharactersMax = 256;
/** The default for one chat. */
export const chatMembersMax = 10_000;
/** Rosters that one record of PROFILE may name. */
export const rostersMax = 100;
