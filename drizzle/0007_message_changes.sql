CREATE TABLE `message_reactions` (
	`reaction_id` integer PRIMARY KEY NOT NULL,
	`message_id` integer NOT NULL,
	`user_id` integer NOT NULL,
	`reaction` text NOT NULL,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`message_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `message_reactions_one` ON `message_reactions` (`message_id`,`reaction`,`user_id`);--> statement-breakpoint
CREATE TABLE `message_revisions` (
	`message_id` integer PRIMARY KEY NOT NULL,
	`chat_id` integer NOT NULL,
	`revision` integer NOT NULL,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`message_id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `message_revisions_chat` ON `message_revisions` (`chat_id`,`revision`);--> statement-breakpoint
ALTER TABLE `chats` ADD `revision` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `chats` ADD `held_revision` integer;--> statement-breakpoint
ALTER TABLE `members` ADD `muted_until_ms` integer;--> statement-breakpoint
ALTER TABLE `messages` ADD `extras` text;