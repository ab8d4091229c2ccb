CREATE TABLE `search_marks` (
	`mark_id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`chat_id` integer NOT NULL,
	`message_id` integer
);
