CREATE TABLE `message_files` (
	`message_id` integer PRIMARY KEY NOT NULL,
	`chat_id` integer NOT NULL,
	`hash` blob NOT NULL,
	`bytes` integer NOT NULL,
	`form` integer NOT NULL,
	`media_type` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `message_files_hash` ON `message_files` (`hash`,`chat_id`);