CREATE TABLE `chat_avatars` (
	`chat_id` integer PRIMARY KEY NOT NULL,
	`avatar` blob NOT NULL,
	FOREIGN KEY (`chat_id`) REFERENCES `chats`(`chat_id`) ON UPDATE no action ON DELETE cascade
);
