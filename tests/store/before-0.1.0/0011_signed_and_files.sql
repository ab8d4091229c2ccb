CREATE TABLE `message_edits` (
	`message_id` integer PRIMARY KEY NOT NULL,
	`old_message_id` integer NOT NULL,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`message_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `message_files` (
	`message_id` integer PRIMARY KEY NOT NULL,
	`chat_id` integer NOT NULL,
	`hash` blob NOT NULL,
	`bytes` integer NOT NULL,
	`form` integer NOT NULL,
	`media_type` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `message_files_hash` ON `message_files` (`hash`,`chat_id`);--> statement-breakpoint
CREATE TABLE `message_texts` (
	`message_id` integer NOT NULL,
	`user_id` integer NOT NULL,
	`device_id` integer NOT NULL,
	`content` text NOT NULL,
	PRIMARY KEY(`message_id`, `user_id`, `device_id`),
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`message_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `token_runs` (
	`hash` blob PRIMARY KEY NOT NULL,
	`salt` blob NOT NULL,
	`created_at_ms` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `device_positions` ADD `read_ranges` text;--> statement-breakpoint
ALTER TABLE `members` ADD `read_ranges` text;--> statement-breakpoint
ALTER TABLE `tokens` ADD `family` blob;--> statement-breakpoint
ALTER TABLE `tokens` ADD `ended_at_ms` integer;--> statement-breakpoint
CREATE INDEX `tokens_family` ON `tokens` (`family`);