/** Who is told when others would see a user differently, for the reader and the writer alike. */

/** By rising id. Whoever banned a friend is none of his, whatever the other one's row still says. */
export const friendIdsQuery = `SELECT c.contact_id friendId FROM contacts c
JOIN contacts o ON o.user_id = c.contact_id AND o.contact_id = c.user_id AND o.status = 'friend'
WHERE c.user_id = ? AND c.status = 'friend' ORDER BY c.contact_id`;
