/** Who is a friend, who is known at all and who is blocked, for the reader and the writer alike. */

/** Of two users: a row where the first blocks the second. */
export const blockQuery = "SELECT 1 one FROM contacts WHERE user_id = ? AND contact_id = ? AND status = 'banned'";

/** By rising id. A user who banned a friend is no longer a friend of that one, whatever the other row still says. */
export const friendIdsQuery = `SELECT c.contact_id friendId FROM contacts c
JOIN contacts o ON o.user_id = c.contact_id AND o.contact_id = c.user_id AND o.status = 'friend'
WHERE c.user_id = ? AND c.status = 'friend' ORDER BY c.contact_id`;

/** Of two users: the second is a contact of the first, by more than a request of the first, or they share a chat. */
export const acquaintanceQuery = `SELECT EXISTS (SELECT 1 FROM contacts WHERE user_id = ?1 AND contact_id = ?2 AND status <> 'request')
OR EXISTS (SELECT 1 FROM members m JOIN members o ON o.chat_id = m.chat_id AND o.user_id = ?2 WHERE m.user_id = ?1) found`;
